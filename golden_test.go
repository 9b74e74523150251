package main

import (
	"flag"
	"os"
	"testing"
)

// update makes tests write what they would compare with: go test . -update.
var update = flag.Bool("update", false, "write the golden files and the README's table of flags")

// golden compares got with the file.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is not what is printed (go test . -update writes it):\n%s", file, got)
	}
}

package main

import (
	"io"
	"testing"
)

// startService starts the program in this process, with a quiet log, and stops it at the end.
func startService(t *testing.T, args ...string) (*service, string) {
	t.Helper()
	c, err := parseFlags(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(c, newLog(c, io.Discard), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.drain(t.Context())
		if code := s.close(); code != exitOK {
			t.Errorf("exit code %d", code)
		}
	})
	return s, s.clients.String()
}

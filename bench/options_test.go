package main

import (
	"fmt"
	"strings"
	"testing"
)

func planOf(t *testing.T, args ...string) plan {
	t.Helper()
	o, err := parse(args)
	if err != nil {
		t.Fatal(err)
	}
	return o.plan()
}

func settings(p plan) string {
	var all []string
	for _, c := range p.comparisons {
		all = append(all, fmt.Sprintf("%s %d/%d of %d", c.name, c.workers, c.connections, len(c.peers)))
	}
	return strings.Join(all, ", ")
}

func TestWithoutFlagsOneSettingIsMeasured(t *testing.T) {
	p := planOf(t)
	if got, want := settings(p), "reads 1/64 of 5, writes 1/64 of 3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if p.journal || p.growth || p.syscalls != nil || len(p.watched) != 2 {
		t.Errorf("got %+v", p)
	}
}

func TestAllIsOneWorkerAndTwoOneConnectionAndManyAndLargeAnswers(t *testing.T) {
	p := planOf(t, "-all")
	want := "reads 1/64 of 5, writes 1/64 of 3, reads 2/64 of 3, writes 2/64 of 2, " +
		"reads 1/1 of 3, writes 1/1 of 2, reads 2/1 of 3, writes 2/1 of 2, large 1/64 of 2, large 2/64 of 2"
	if got := settings(p); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if !p.journal || !p.growth || len(p.syscalls) != 2 || len(p.watched) != 2 {
		t.Errorf("got %+v", p)
	}
}

func TestWhatIsAskedForAloneIsMeasuredAlone(t *testing.T) {
	for flag, right := range map[string]func(plan) bool{
		"-journal": func(p plan) bool { return p.journal && !p.growth && p.syscalls == nil && p.watched == nil },
		"-growth":  func(p plan) bool { return !p.journal && p.growth && p.syscalls == nil && p.watched == nil },
		"-strace":  func(p plan) bool { return !p.journal && !p.growth && len(p.syscalls) == 2 && p.watched == nil },
	} {
		if p := planOf(t, flag); p.comparisons != nil || !right(p) {
			t.Errorf("%s: got %+v", flag, p)
		}
	}
	if got := settings(planOf(t, "-only=writes", "-workers=2", "-connections=8")); got != "writes 2/8 of 3" {
		t.Errorf("got %s", got)
	}
}

func TestFlagsThatSayNothingSensibleAreRefused(t *testing.T) {
	for _, args := range [][]string{
		{"x"},
		{"-rounds=0"},
		{"-workers=0"},
		{"-connections=0"},
		{"-backends=65"},
		{"-owed=0"},
		{"-duration=1500ms"},
		{"-duration=0s"},
		{"-only=x"},
		{"-profile=x"},
		{"-all", "-journal"},
		{"-strace", "-soak=30s"},
		{"-all", "-only=reads"},
	} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}

func TestAWorksBodyHasItsSize(t *testing.T) {
	for _, n := range bodies {
		if got := len(writeOf(n).body()); got != n {
			t.Errorf("%d bytes are %d", n, got)
		}
		if w := readOf(n); !w.right(make([]byte, n)) || w.right(make([]byte, n+1)) {
			t.Errorf("an answer of %d bytes is not told from others", n)
		}
	}
	if writes.body() != shortForm || !writes.right([]byte("server1: registered\n")) || writes.right([]byte("<html>")) {
		t.Error("a short write is another")
	}
}

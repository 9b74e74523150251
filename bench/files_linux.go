package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// raiseFiles lets us and what we start open as many files as we may.
func raiseFiles() error {
	var l unix.Rlimit
	err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l)
	if err == nil {
		l.Cur = l.Max
		err = unix.Setrlimit(unix.RLIMIT_NOFILE, &l) // said by us, it is passed on
	}
	if err != nil {
		return fmt.Errorf("cannot raise the number of open files: %w", err)
	}
	return nil
}

// mostFiles is how many one process may open.
func mostFiles() int {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return int(min(l.Cur, 1<<20))
}

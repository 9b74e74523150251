package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncData brings f's data to disk, as cheaply as that is possible.
func syncData(f *os.File) error { return unix.Fdatasync(int(f.Fd())) }

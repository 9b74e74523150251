//go:build !linux || !(amd64 || arm64) || tutti_plain

package front

import "syscall"

// rawIO says that there are no raw system calls here: every connection is served with
// net.Conn's own Read and Write.
const rawIO = false

func recv(uintptr, []byte) (int, syscall.Errno) { return 0, syscall.ENOSYS }

func peek(uintptr, []byte) (int, syscall.Errno) { return 0, syscall.ENOSYS }

type vector struct{}

func (*vector) send(uintptr, []byte, []byte) (int, syscall.Errno) { return 0, syscall.ENOSYS }

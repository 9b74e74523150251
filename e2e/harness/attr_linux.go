package harness

import "syscall"

// diesWithUs lets the kernel end a child when this process dies, a crash of the tests included.
func diesWithUs() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

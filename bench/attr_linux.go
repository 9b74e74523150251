package main

import "syscall"

// childAttr makes a child end with us, however we end.
func childAttr() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }

//go:build linux && (amd64 || arm64) && !tutti_plain

package front

import (
	"syscall"
	"unsafe"
)

// rawIO says that recv and send work on a connection's descriptor. They are raw system
// calls on a socket that does not block: no hand-over to the scheduler around them.
// rawio_plain.go is the same over net.Conn.
const rawIO = true

// recv is recv(2) without waiting. p must not be empty.
func recv(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT, 0, 0)
	return int(n), e
}

// peek is recv that leaves the byte where it is.
func peek(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT|syscall.MSG_PEEK, 0, 0)
	return int(n), e
}

// send is send(2) without waiting and without SIGPIPE.
func send(fd uintptr, p []byte) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, fd,
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, 0, 0)
	return int(n), e
}

// vector is the memory sendmsg reads; it lives with the connection's work, since the
// kernel is given its address.
type vector struct {
	msg syscall.Msghdr
	iov [2]syscall.Iovec
}

// send is send(2) of a and then b as one.
func (v *vector) send(fd uintptr, a, b []byte) (int, syscall.Errno) {
	if len(b) == 0 {
		return send(fd, a)
	}
	if len(a) == 0 {
		return send(fd, b)
	}
	v.iov[0].Base = unsafe.SliceData(a)
	v.iov[0].SetLen(len(a))
	v.iov[1].Base = unsafe.SliceData(b)
	v.iov[1].SetLen(len(b))
	v.msg.Iov = &v.iov[0]
	v.msg.Iovlen = 2
	n, _, e := syscall.RawSyscall(syscall.SYS_SENDMSG, fd,
		uintptr(unsafe.Pointer(&v.msg)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
	v.iov[0].Base, v.iov[1].Base = nil, nil
	return int(n), e
}

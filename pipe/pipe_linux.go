//go:build linux && (amd64 || arm64) && !tutti_plain

package pipe

import "syscall"

// Size is how many bytes a pipe may hold, in 32 pages at most. Half of it costs more per byte, twice of it
// as much.
const Size = 128 << 10

// leastSize is that of a pipe the kernel gives to who has many already (pipe(7), pipe-user-pages-soft):
// smaller ones are not worth their calls.
const leastSize = 64 << 10

// splice(2) and fcntl(2), as package syscall has not got them.
const (
	spliceMove     = 1
	spliceNonblock = 2
	setPipeSize    = 1031
	getPipeSize    = 1032
)

// Pipe belongs to whom it was lent to.
type Pipe struct {
	in, out uintptr // its ends: to be written and read
	held    int
	since   int64 // when it was given back
}

// open makes one that does not block, nil when descriptors or memory are short or the kernel would.
func open() *Pipe {
	var fds [2]int
	if !usable() || syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK) != nil {
		return nil
	}
	p := &Pipe{in: uintptr(fds[1]), out: uintptr(fds[0])}
	if _, _, e := syscall.RawSyscall(syscall.SYS_FCNTL, p.in, setPipeSize, Size); e != 0 {
		n, _, e := syscall.RawSyscall(syscall.SYS_FCNTL, p.in, getPipeSize, 0)
		if e != 0 || n < leastSize {
			p.close()
			return nil
		}
	}
	return p
}

func (p *Pipe) close() {
	_ = syscall.Close(int(p.in))
	_ = syscall.Close(int(p.out))
}

// Held is how many bytes are in it.
func (p *Pipe) Held() int { return p.held }

// Fill moves what socket fd has received into p, which must be empty, at most so many bytes. It does not
// wait: EAGAIN says that there is nothing (a pipe that is full says so, too, but this one is empty). No bytes
// and no error is the end of what the peer sends.
func (p *Pipe) Fill(fd uintptr, most int64) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_SPLICE, fd, 0, p.in, 0,
		uintptr(min(most, Size)), spliceMove|spliceNonblock)
	if e != 0 {
		return 0, e
	}
	p.held += int(n)
	return int(n), 0
}

// Empty moves what p holds, which must be something, to socket fd, as much as that takes. It does not wait:
// EAGAIN says that it takes nothing.
func (p *Pipe) Empty(fd uintptr) (int, syscall.Errno) {
	n, _, e := syscall.RawSyscall6(syscall.SYS_SPLICE, p.out, 0, fd, 0,
		uintptr(p.held), spliceMove|spliceNonblock)
	if e != 0 {
		return 0, e
	}
	p.held -= int(n)
	return int(n), 0
}

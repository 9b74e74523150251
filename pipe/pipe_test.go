//go:build linux && (amd64 || arm64) && !tutti_plain

package pipe

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen.
const patience = 10 * time.Second

// pair is two ends of a connection, the second with its descriptor.
func pair(t *testing.T) (a, b *net.TCPConn, fd uintptr) {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	d, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err = ln.AcceptTCP()
	if err != nil {
		t.Fatal(err)
	}
	a = d.(*net.TCPConn)
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	_ = a.SetDeadline(time.Now().Add(patience))
	raw, err := b.SyscallConn()
	if err == nil {
		err = raw.Control(func(f uintptr) { fd = f })
	}
	if err != nil {
		t.Fatal(err)
	}
	return a, b, fd
}

// again calls f until it says something else than EAGAIN.
func again(t *testing.T, f func() (int, syscall.Errno)) (int, syscall.Errno) {
	t.Helper()
	tick := time.NewTicker(100 * time.Microsecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); ; <-tick.C {
		n, e := f()
		if e != syscall.EAGAIN {
			return n, e
		}
		if time.Now().After(end) {
			t.Fatal("EAGAIN for ever")
		}
	}
}

func lent(t *testing.T) *Pipe {
	t.Helper()
	var l Pool
	t.Cleanup(l.Close)
	p := l.Take()
	if p == nil {
		t.Fatal("no pipe")
	}
	t.Cleanup(func() { l.Give(p, 1) })
	return p
}

func TestWhatGoesInComesOutAndNotAByteMore(t *testing.T) {
	src, _, in := pair(t)
	dst, _, out := pair(t)
	p := lent(t)
	const size, behind = 1 << 20, 1000
	body := make([]byte, size+behind)
	for i := range body {
		body[i] = byte(rand.Uint32())
	}
	sent := make(chan error, 1)
	go func() {
		_, err := src.Write(body)
		sent <- err
	}()
	got := make(chan []byte, 1)
	go func() {
		all := make([]byte, size)
		_, _ = io.ReadFull(dst, all)
		got <- all
	}()
	for left := int64(size); left > 0; {
		n, e := again(t, func() (int, syscall.Errno) { return p.Fill(in, left) })
		if e != 0 || n < 1 || n > Size || int64(n) > left || p.Held() != n {
			t.Fatalf("%d %v, held %d, of %d", n, e, p.Held(), left)
		}
		left -= int64(n)
		for p.Held() > 0 {
			if n, e := again(t, func() (int, syscall.Errno) { return p.Empty(out) }); e != 0 || n < 1 {
				t.Fatalf("%d %v", n, e)
			}
		}
	}
	if !bytes.Equal(<-got, body[:size]) {
		t.Error("other bytes came out")
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	rest := make([]byte, 2*behind)
	n, _, err := syscall.Recvfrom(int(in), rest, syscall.MSG_WAITALL|syscall.MSG_DONTWAIT)
	if err != nil || !bytes.Equal(rest[:n], body[size:]) {
		t.Errorf("behind its end %d bytes, %v", n, err)
	}
}

func TestNothingToMoveIsSaidAndSoAreBothEnds(t *testing.T) {
	src, _, in := pair(t)
	dst, _, out := pair(t)
	p := lent(t)
	if n, e := p.Fill(in, 100); n != 0 || e != syscall.EAGAIN {
		t.Errorf("of nothing: %d %v", n, e)
	}
	_, _ = src.Write([]byte("hello"))
	if n, e := again(t, func() (int, syscall.Errno) { return p.Fill(in, 100) }); n != 5 || e != 0 {
		t.Errorf("of five: %d %v", n, e)
	}
	_ = src.CloseWrite()
	if n, e := p.Empty(out); n != 5 || e != 0 {
		t.Errorf("to a reader: %d %v", n, e)
	}
	if n, e := again(t, func() (int, syscall.Errno) { return p.Fill(in, 100) }); n != 0 || e != 0 {
		t.Errorf("of the end: %d %v", n, e)
	}
	_ = dst.SetLinger(0)
	_ = dst.Close()
	src, _, in = pair(t)
	_, _ = src.Write([]byte("hello"))
	if _, e := again(t, func() (int, syscall.Errno) { return p.Fill(in, 100) }); e != 0 {
		t.Fatal(e)
	}
	if n, e := again(t, func() (int, syscall.Errno) { return p.Empty(out) }); n != 0 || (e != syscall.EPIPE && e != syscall.ECONNRESET) {
		t.Errorf("to a reader that left: %d %v", n, e)
	}
	if p.Held() != 5 {
		t.Errorf("held %d", p.Held())
	}
}

func TestAReaderThatIsFullIsNotWaitedFor(t *testing.T) {
	src, _, in := pair(t)
	dst, _, out := pair(t)
	p := lent(t)
	var others sync.WaitGroup
	others.Go(func() {
		block := make([]byte, 1<<20)
		for {
			if _, err := src.Write(block); err != nil {
				return
			}
		}
	})
	moved := 0
	for p.Held() == 0 {
		if _, e := again(t, func() (int, syscall.Errno) { return p.Fill(in, 1<<30) }); e != 0 {
			t.Fatal(e)
		}
		for p.Held() > 0 {
			n, e := p.Empty(out)
			moved += n
			if e == syscall.EAGAIN {
				break
			}
			if e != 0 {
				t.Fatal(e)
			}
		}
	}
	held := p.Held()
	others.Go(func() { _, _ = io.CopyN(io.Discard, dst, int64(moved+held)) })
	for p.Held() > 0 {
		if _, e := again(t, func() (int, syscall.Errno) { return p.Empty(out) }); e != 0 {
			t.Fatal(e)
		}
	}
	_ = src.Close()
	others.Wait()
}

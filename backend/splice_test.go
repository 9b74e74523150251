//go:build linux && (amd64 || arm64) && !tutti_plain

package backend

import (
	"io"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"tutti/clock"
	"tutti/pipe"
	"tutti/secure"
	"tutti/secure/securetest"
	"tutti/wire"
)

// longBody has no two blocks alike.
func longBody(size int) string {
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(strconv.Itoa(b.Len()))
		b.WriteByte(' ')
	}
	return b.String()[:size]
}

func withLength(body string) string {
	return "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

// sink is what a test empties pipes into: one more.
type sink struct {
	t       testing.TB
	in, out int
	all     strings.Builder
	buf     []byte
}

func newSink(t testing.TB) *sink {
	t.Helper()
	var fds [2]int
	if err := syscall.Pipe2(fds[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = syscall.Close(fds[0]), syscall.Close(fds[1]) })
	return &sink{t: t, in: fds[1], out: fds[0], buf: make([]byte, 64<<10)}
}

func (s *sink) empty(p *pipe.Pipe) {
	for p.Held() > 0 {
		n, e := p.Empty(uintptr(s.in))
		if e != 0 || n == 0 {
			s.t.Fatalf("emptying %d: %d %v", p.Held(), n, e)
		}
		for n > 0 {
			k, err := syscall.Read(s.out, s.buf)
			if err != nil {
				s.t.Fatal(err)
			}
			n -= k
			s.all.Write(s.buf[:k])
		}
	}
}

// read reads a body to its end as relay does, and tells how much of it came through pipes.
func (s *sink) read(c *Conn) (piped int, err error) {
	for {
		if !c.Pending() {
			for {
				p, err := c.NextPipe()
				if err != nil {
					return piped, err
				}
				if p == nil {
					break
				}
				piped += p.Held()
				s.empty(p)
			}
		}
		data, err := c.NextBody()
		s.all.Write(data)
		if err == io.EOF {
			return piped, nil
		}
		if err != nil {
			return piped, err
		}
	}
}

// answered sends a request and has its answer's head.
func answeredOn(t testing.TB, b *Backend, req string) *Conn {
	t.Helper()
	var resp wire.Response
	c, err := b.Exchange(ForRead, time.Second, []byte(req), req == head, true, nil, &resp)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestALongBodyComesThroughPipesToItsLastByteAndNoFurther(t *testing.T) {
	body := longBody(1 << 20)
	b := newBackend(t, newPlainFake(t, says(withLength(body))).name(), nil)
	for i := range 5 {
		c, s := answeredOn(t, b, get), newSink(t)
		if c.Reused() != (i > 0) {
			t.Errorf("number %d reuses a connection: %v", i+1, c.Reused())
		}
		piped, err := s.read(c)
		if err != nil || s.all.String() != body {
			t.Fatalf("%d bytes, %v", s.all.Len(), err)
		}
		if piped < len(body)-smallBuffer {
			t.Errorf("only %d bytes came through pipes", piped)
		}
		c.Release()
	}
	if n := b.group.pipes.Open(); n != 1 {
		t.Errorf("%d pipes are open", n)
	}
}

func TestWhatCameWithTheHeadGoesBeforeAPipe(t *testing.T) {
	body := longBody(200 << 10)
	b := newBackend(t, newPlainFake(t, says(withLength(body))).name(), nil)
	c, s := answeredOn(t, b, get), newSink(t)
	if c.r == c.w {
		t.Fatal("nothing came with it")
	}
	if p, err := c.NextPipe(); p != nil || err != nil {
		t.Errorf("a pipe of %d bytes, %v", p.Held(), err)
	}
	if piped, err := s.read(c); piped == 0 || err != nil || s.all.String() != body {
		t.Errorf("%d of %d bytes through pipes, %v", piped, s.all.Len(), err)
	}
	c.Release()
}

func TestWhatFollowsALongBodyIsNobodysAnswer(t *testing.T) {
	body := longBody(200 << 10)
	f := newPlainFake(t, says(withLength(body)+withLength("stray")), ok)
	b := newBackend(t, f.name(), nil)
	c, s := answeredOn(t, b, get), newSink(t)
	if _, err := s.read(c); err != nil || s.all.String() != body {
		t.Fatalf("%d bytes, %v", s.all.Len(), err)
	}
	c.Release()
	if _, got, err := do(b, get); got != "hello" || err != nil {
		t.Errorf("the next answer is %q, %v", got, err)
	}
	if n := f.accepted.Load(); n != 2 {
		t.Errorf("%d connections", n)
	}
}

// A poller is told of the stray bytes before the body's last ones are taken, and of nothing afterwards.
func TestWhatCameWithTheEndOfALongBodyIsNobodysAnswer(t *testing.T) {
	const rest = 20 << 10
	body := longBody(100<<10 + rest)
	answer := withLength(body)
	start, cut := len(answer)-len(body), len(answer)-rest
	f := saysWhen{
		parts: []string{answer[:start], answer[start:cut], answer[cut:] + withLength("stray")},
		next:  make(chan struct{}, 3),
	}
	b := newBackend(t, newPlainFake(t, f, ok).name(), nil)
	f.next <- struct{}{}
	c, s := answeredOn(t, b, get), newSink(t) // its head came alone: there was room for more, and no more
	f.next <- struct{}{}
	for c.left > rest {
		p, err := c.NextPipe()
		if err != nil || p == nil {
			t.Fatal(p, err)
		}
		s.empty(p)
	}
	f.next <- struct{}{}
	until(t, "what is left", func() bool {
		n, err := unix.IoctlGetInt(int(c.io.fd), unix.TIOCINQ)
		return err == nil && n == rest+len(withLength("stray"))
	})
	<-time.After(tenth) // the poller is told
	if _, err := s.read(c); err != nil || s.all.String() != body {
		t.Fatalf("%d bytes, %v", s.all.Len(), err)
	}
	c.Release()
	if _, got, err := do(b, get); got != "hello" || err != nil {
		t.Errorf("the next answer is %q, %v", got, err)
	}
}

func TestWhatIsNotLongOrHasNoLengthComesWithoutPipes(t *testing.T) {
	body := longBody(100 << 10)
	for name, answer := range map[string]string{
		"a short one": withLength(body[:minSpliced]),
		"chunks":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n19000\r\n" + body + "\r\n0\r\n\r\n",
		"until close": "HTTP/1.1 200 OK\r\n\r\n" + body,
		"no body":     "HTTP/1.1 204 No Content\r\nContent-Length: 102400\r\n\r\n",
		"of a HEAD":   "HTTP/1.1 200 OK\r\nContent-Length: 102400\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := newBackend(t, newPlainFake(t, saysThenCloses(answer)).name(), nil)
			req := get
			if name == "of a HEAD" {
				req = head
			}
			c, s := answeredOn(t, b, req), newSink(t)
			defer c.Close()
			if piped, err := s.read(c); piped != 0 || err != nil {
				t.Errorf("%d bytes through pipes, %v", piped, err)
			}
			if b.group.pipes.Open() != 0 {
				t.Error("there is a pipe")
			}
		})
	}
	t.Run("over TLS", func(t *testing.T) {
		a := securetest.New(t)
		client := secure.ClientConfig("127.0.0.1", a.Roots())
		f := newSecureFake(t, a.Issue("127.0.0.1").Server(), client, says(withLength(body)))
		b := newBackend(t, f.name(), func(o *Options) { o.TLS = client })
		c, s := answeredOn(t, b, get), newSink(t)
		defer c.Close()
		if piped, err := s.read(c); piped != 0 || err != nil || s.all.String() != body {
			t.Errorf("%d bytes through pipes, %v", piped, err)
		}
	})
}

func TestWithoutPipesALongBodyIsCopied(t *testing.T) {
	body := longBody(300 << 10)
	b := newBackend(t, newPlainFake(t, says(withLength(body))).name(), nil)
	var all []*pipe.Pipe
	for p := b.group.pipes.Take(); p != nil; p = b.group.pipes.Take() {
		all = append(all, p)
	}
	c, s := answeredOn(t, b, get), newSink(t)
	if piped, err := s.read(c); piped != 0 || err != nil || s.all.String() != body {
		t.Errorf("%d of %d bytes through pipes, %v", piped, s.all.Len(), err)
	}
	c.Release()
	for _, p := range all {
		b.group.pipes.Give(p, clock.Now())
	}
	c, s = answeredOn(t, b, get), newSink(t)
	if piped, err := s.read(c); piped == 0 || err != nil || s.all.String() != body {
		t.Errorf("then %d of %d bytes through pipes, %v", piped, s.all.Len(), err)
	}
	c.Release()
}

// A kernel that knows no splice, or a filter that forbids it.
func TestWhatCannotBeSplicedIsCopied(t *testing.T) {
	body := longBody(300 << 10)
	b := newBackend(t, newPlainFake(t, says(withLength(body))).name(), nil)
	c, s := answeredOn(t, b, get), newSink(t)
	c.NextBody() // what came with the head
	c.filling.step = func(uintptr) bool { c.filling.err = syscall.EINVAL; return true }
	before := body[:len(body)-int(c.left)]
	if piped, err := s.read(c); piped != 0 || err != nil || before+s.all.String() != body {
		t.Errorf("%d of %d bytes through pipes, %v", piped, s.all.Len(), err)
	}
	c.Release()
	c, s = answeredOn(t, b, get), newSink(t)
	if piped, err := s.read(c); piped != 0 || err != nil || s.all.String() != body {
		t.Errorf("then %d of %d bytes through pipes, %v", piped, s.all.Len(), err)
	}
	c.Release()
}

func TestAPauseInALongBodyEndsIt(t *testing.T) {
	answer := withLength(longBody(100 << 10))
	b := newBackend(t, newPlainFake(t, saysThenHangs(answer[:60<<10])).name(), func(o *Options) {
		o.StreamTimeout = 2 * tenth
	})
	c, s := answeredOn(t, b, get), newSink(t)
	took(t, 2*tenth, 250*time.Millisecond, func() {
		if piped, err := s.read(c); err != ErrTimeout || piped == 0 {
			t.Errorf("%d bytes through pipes, %v", piped, err)
		}
	})
	c.Close()
}

func TestALongBodyThatEndsEarlyIsCutShort(t *testing.T) {
	answer := withLength(longBody(100 << 10))
	b := newBackend(t, newPlainFake(t, saysThenCloses(answer[:60<<10])).name(), nil)
	c, s := answeredOn(t, b, get), newSink(t)
	if piped, err := s.read(c); err != ErrTerminated || piped == 0 {
		t.Errorf("%d bytes through pipes, %v", piped, err)
	}
	c.Close()
}

func TestALongBodyIsAbandonedAndInterrupted(t *testing.T) {
	body := longBody(100 << 10)
	answer := withLength(body)
	f := saysWhen{parts: []string{answer[:60<<10], answer[60<<10:]}, next: make(chan struct{}, 2)}
	b := newBackend(t, newPlainFake(t, f).name(), nil)
	f.next <- struct{}{}
	c, s := answeredOn(t, b, get), newSink(t)
	time.AfterFunc(tenth, c.Interrupt)
	if piped, err := s.read(c); err != ErrInterrupted || piped == 0 {
		t.Fatalf("%d bytes through pipes, %v", piped, err)
	}
	f.next <- struct{}{}
	if _, err := s.read(c); err != nil || s.all.String() != body {
		t.Fatalf("after the interruption %d bytes, %v", s.all.Len(), err)
	}
	c.Release()
	f.next <- struct{}{}
	c, s = answeredOn(t, b, get), newSink(t)
	time.AfterFunc(tenth, c.Abandon)
	if piped, err := s.read(c); err != ErrAbandoned || piped == 0 {
		t.Fatalf("%d bytes through pipes, %v", piped, err)
	}
	c.Close()
	f.next <- struct{}{}
}

func TestAPipeThatIsNotEmptyEndsWithItsConnection(t *testing.T) {
	b := newBackend(t, newPlainFake(t, says(withLength(longBody(100<<10)))).name(), nil)
	for range 3 {
		c := answeredOn(t, b, get)
		c.NextBody()
		if p, err := c.NextPipe(); err != nil || p.Held() == 0 {
			t.Fatal(err)
		}
		if n := b.group.pipes.Open(); n != 1 {
			t.Errorf("%d pipes are open", n)
		}
		c.Close()
		if n := b.group.pipes.Open(); n != 0 {
			t.Errorf("%d pipes are left", n)
		}
	}
}

func TestThePipesOfAGroupEndWhenIdleAndWithIt(t *testing.T) {
	b := newBackend(t, newPlainFake(t, says(withLength(longBody(100<<10)))).name(), nil)
	g := b.group
	use := func() {
		t.Helper()
		c, s := answeredOn(t, b, get), newSink(t)
		if _, err := s.read(c); err != nil {
			t.Fatal(err)
		}
		c.Release()
		if n := g.pipes.Open(); n != 1 {
			t.Errorf("%d pipes are open", n)
		}
	}
	use()
	g.sweeper.stop() // its look is ours
	g.sweeper.sweep(g, clock.Now()+int64(idlePipe)/2)
	if n := g.pipes.Open(); n != 1 {
		t.Errorf("%d pipes after a while", n)
	}
	g.sweeper.sweep(g, clock.Now()+int64(idlePipe))
	if n := g.pipes.Open(); n != 0 {
		t.Errorf("%d pipes after a long time", n)
	}
	use()
	g.Close()
	if n := g.pipes.Open(); n != 0 {
		t.Errorf("%d pipes after the end", n)
	}
}

package backend

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// names is the DNS with one name in it, over connections in memory.
type names struct {
	mu    sync.Mutex
	addrs []netip.Addr // none: there is no such name
	mute  bool         // nobody answers
	asked int
}

func (n *names) are(addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.addrs = nil
	for _, a := range addrs {
		n.addrs = append(n.addrs, netip.MustParseAddr(a))
	}
}

func (n *names) queries() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.asked
}

// resolver asks n. On what is no packet connection messages have a length before them (RFC 1035 §4.2.2).
func (n *names) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		if n.isMute() {
			return nil, errors.New("no route to the name server")
		}
		mine, yours := net.Pipe()
		go func() {
			defer mine.Close()
			var size [2]byte
			for {
				if _, err := io.ReadFull(mine, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(mine, query); err != nil {
					return
				}
				answer := n.answer(query)
				_, _ = mine.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
			}
		}()
		return yours, nil
	}}
}

func (n *names) isMute() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.mute
}

// answer is the message for a query of one question.
func (n *names) answer(query []byte) []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked++
	end := 12
	for query[end] != 0 {
		end += 1 + int(query[end])
	}
	kind := binary.BigEndian.Uint16(query[end+1:])
	question := query[12 : end+5]
	var records []byte
	count := 0
	for _, a := range n.addrs {
		if (kind == 1) != a.Is4() || kind != 1 && kind != 28 {
			continue
		}
		raw := a.AsSlice()
		records = append(records, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 60, 0, byte(len(raw)))
		records = append(records, raw...)
		count++
	}
	m := []byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, byte(count), 0, 0, 0, 0}
	if len(n.addrs) == 0 {
		m[3] |= 3 // no such name
	}
	return slices.Concat(m, question, records)
}

// named is a backend known by name alone.
func named(t *testing.T, port string, n *names, change func(*Options)) *Backend {
	t.Helper()
	o := Options{DialTimeout: 5 * time.Second, EjectAfter: 2}
	if change != nil {
		change(&o)
	}
	b, err := New("backend.test.:"+port, 0, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.dialer.Resolver = n.resolver()
	t.Cleanup(NewGroup([]*Backend{b}).Close)
	return b
}

// listenAt is a listener that nobody serves: connecting to it works.
func listenAt(t *testing.T, addr string) *net.TCPListener {
	t.Helper()
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln.(*net.TCPListener)
}

func portOf(ln net.Listener) string {
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	return port
}

// reached is the address a new connection goes to.
func reached(t *testing.T, b *Backend) string {
	t.Helper()
	c, err := b.Acquire(ForRead, 0)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	host, _, _ := net.SplitHostPort(c.nc.RemoteAddr().String())
	return host
}

func TestANameIsResolvedAtEachDial(t *testing.T) {
	ln := listenAt(t, "127.0.0.1:0")
	listenAt(t, "127.0.0.2:"+portOf(ln))
	n := &names{}
	n.are("127.0.0.1")
	b := named(t, portOf(ln), n, nil)
	for _, addr := range []string{"127.0.0.1", "127.0.0.2", "127.0.0.1"} {
		n.are(addr) // long before the 60 seconds of the last answer are over
		before := n.queries()
		if got := reached(t, b); got != addr {
			t.Errorf("the name is %s, reached %s", addr, got)
		}
		if n.queries() == before {
			t.Error("nobody was asked")
		}
	}
}

func TestANameOfSeveralAddressesIsUpIfOneOfThemIs(t *testing.T) {
	// Not 127.0.0.1, where another program may listen on that port.
	ln := listenAt(t, "127.0.65.3:0")
	n := &names{}
	n.are("127.0.65.1", "127.0.65.2", "127.0.65.3")
	if got := reached(t, named(t, portOf(ln), n, nil)); got != "127.0.65.3" {
		t.Errorf("reached %s", got)
	}
}

func TestOneFamilyThatFailsOrHangsIsNotWaitedFor(t *testing.T) {
	// RFC 8305: the other one is tried beside it after a moment, or at once.
	ln := listenAt(t, "127.0.0.1:0")
	n := &names{}
	n.are("::1", "127.0.0.1")
	if got := reached(t, named(t, portOf(ln), n, nil)); got != "127.0.0.1" {
		t.Errorf("::1 refuses, reached %s", got)
	}
	_, port, _ := net.SplitHostPort(fullListener6(t))
	listenAt(t, "127.0.0.1:"+port)
	start := time.Now()
	b := named(t, port, n, func(o *Options) { o.DialTimeout = time.Minute })
	b.dialer.FallbackDelay = 10 * time.Millisecond
	if got := reached(t, b); got != "127.0.0.1" {
		t.Errorf("::1 hangs, reached %s", got)
	}
	if d := time.Since(start); d > 30*time.Second {
		t.Errorf("it took %v", d)
	}
}

func TestANameThatDoesNotResolveIsABackendThatIsDown(t *testing.T) {
	ln := listenAt(t, "127.0.0.1:0")
	n := &names{}
	b := named(t, portOf(ln), n, nil)
	for range 2 {
		isIn(t, b, Live)
		if got := reached(t, b); got != ErrRefused.Word {
			t.Errorf("no such name: %s", got)
		}
		b.Failed(ErrRefused)
	}
	isIn(t, b, Ejected)
	if b.Up() {
		t.Error("up without an address")
	}
	n.are("127.0.0.1")
	if got := reached(t, b); got != "127.0.0.1" {
		t.Errorf("there is such a name now, reached %s", got)
	}
	n.mu.Lock()
	n.mute = true
	n.mu.Unlock()
	if got := reached(t, b); got != ErrRefused.Word && got != ErrDialTimeout.Word {
		t.Errorf("no name server: %s", got)
	}
}

func TestAResolverThatHangsTakesNoLongerThanADial(t *testing.T) {
	b := named(t, "80", &names{}, func(o *Options) { o.DialTimeout = 20 * time.Millisecond })
	b.dialer.Resolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	if got := reached(t, b); got != ErrDialTimeout.Word {
		t.Errorf("got %s", got)
	}
}

func TestANameThatResolvesAgainPassesItsChecks(t *testing.T) {
	f := newFakeAt(t, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, ok)
	n := &names{}
	b := named(t, portOf(f.ln), n, func(o *Options) {
		o.Checks = Checks{Path: "/", Interval: 5 * time.Millisecond, Timeout: time.Second}
	})
	until(t, "it is unhealthy", func() bool { s, _ := b.State(); return s == Unhealthy })
	n.are("127.0.0.1")
	until(t, "it is healthy", func() bool { s, _ := b.State(); return s == Live && b.Up() })
	if !strings.Contains(string(b.checker.request), "\r\nHost: "+b.Name()+"\r\n") {
		t.Errorf("checked by\n%s", b.checker.request)
	}
}

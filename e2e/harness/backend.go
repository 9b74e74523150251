package harness

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Backend is a server that records what it is sent and does what its script says. It can be
// stopped and started again on the same port.
type Backend struct {
	Addr string

	t   testing.TB
	tls *tls.Config // nil: without TLS
	wg  sync.WaitGroup

	mu        sync.Mutex
	ln        net.Listener
	quit      chan struct{}
	script    Script
	calls     []*Call
	malformed []string
	wires     []*wire
}

// wire is one connection to a Backend.
type wire struct {
	number int
	conn   net.Conn
	br     *bufio.Reader

	mu   sync.Mutex
	got  bytes.Buffer // what was received, its first 256 KiB
	done bool
}

// Read records what it reads.
func (w *wire) Read(p []byte) (int, error) {
	n, err := w.conn.Read(p)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got.Write(p[:min(n, maxKept-w.got.Len())])
	return n, err
}

// NewBackend starts a backend. Its cleanup stops it and fails the test if it was ever sent
// something no strict parser accepts.
func NewBackend(t testing.TB, s Script) *Backend {
	t.Helper()
	return NewTLSBackend(t, everywhere(t).server(t), s)
}

// NewTLSBackend is NewBackend of one that speaks TLS; nil: it does not.
func NewTLSBackend(t testing.TB, c *tls.Config, s Script) *Backend {
	t.Helper()
	b := &Backend{Addr: FreeAddr(t), t: t, script: s, tls: c}
	b.Start()
	t.Cleanup(func() {
		b.Stop()
		for _, m := range b.Malformed() {
			t.Errorf("backend %s was sent %s", b.Addr, m)
		}
	})
	return b
}

// open tells whether the connection is still served.
func (w *wire) open() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.done
}

// Backends starts n of them with the same script.
func Backends(t testing.TB, n int, s Script) []*Backend {
	t.Helper()
	all := make([]*Backend, n)
	for i := range all {
		all[i] = NewBackend(t, s)
	}
	return all
}

// BackendFlag is --backend for them all.
func BackendFlag(backends ...*Backend) string {
	addrs := make([]string, len(backends))
	for i, b := range backends {
		addrs[i] = b.Addr
		if b.tls != nil {
			addrs[i] = "https://" + b.Addr
		}
	}
	return "--backend=" + strings.Join(addrs, ",")
}

// Start listens (again).
func (b *Backend) Start() {
	b.t.Helper()
	var ln net.Listener
	// A child that was just forked holds the listener that was just closed until its exec.
	Eventually(b.t, "a backend listens", func() (ok bool) {
		var err error
		ln, err = net.Listen("tcp", b.Addr)
		return err == nil
	})
	b.mu.Lock()
	b.ln, b.quit = ln, make(chan struct{})
	b.mu.Unlock()
	b.wg.Go(func() { b.accept(ln) })
}

// Stop closes the listener and every connection, as the end of a process does, and waits for
// the scripts.
func (b *Backend) Stop() {
	b.mu.Lock()
	if b.ln != nil {
		_ = b.ln.Close()
		b.ln = nil
		close(b.quit)
	}
	wires := b.wires
	b.mu.Unlock()
	for _, w := range wires {
		_ = w.conn.Close()
	}
	b.wg.Wait()
}

// Cut closes every open connection, waits until that is done, and goes on listening: under load
// there are new ones by then.
func (b *Backend) Cut() {
	b.t.Helper()
	b.mu.Lock()
	wires := b.wires
	b.mu.Unlock()
	for _, w := range wires {
		_ = w.conn.Close()
	}
	Eventually(b.t, "all connections are cut", func() bool {
		return !slices.ContainsFunc(wires, (*wire).open)
	})
}

// Script replaces what requests from now on are answered with.
func (b *Backend) Script(s Script) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.script = s
}

func (b *Backend) quitting() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.quit
}

func (b *Backend) accept(ln net.Listener) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		if b.ln != ln {
			b.mu.Unlock()
			_ = conn.Close()
			return
		}
		if b.tls != nil {
			conn = tls.Server(conn, b.tls)
		}
		w := &wire{number: len(b.wires) + 1, conn: conn}
		w.br = bufio.NewReaderSize(w, 64<<10)
		b.wires = append(b.wires, w)
		b.wg.Go(func() { b.serve(w) })
		b.mu.Unlock()
	}
}

func (b *Backend) serve(w *wire) {
	defer func() {
		_ = w.conn.Close()
		w.mu.Lock()
		w.done = true
		w.mu.Unlock()
	}()
	for {
		call, err := b.next(w)
		if err != nil {
			return
		}
		b.mu.Lock()
		s := b.script
		b.mu.Unlock()
		s(call)
		if call.over || (call.Framing != "none" && !call.Whole()) {
			return
		}
	}
}

func (b *Backend) next(w *wire) (*Call, error) {
	h, err := readHead(w.br)
	var call *Call
	if err == nil {
		call, err = newCall(b, w, h)
	}
	if err == nil && call.Framing == "none" {
		err = call.ReadBody()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if errors.Is(err, ErrMalformed) {
		b.malformed = append(b.malformed, err.Error())
	}
	if err == nil {
		b.calls = append(b.calls, call)
	}
	return call, err
}

// Calls are the requests whose heads arrived, in order.
func (b *Backend) Calls() []*Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clip(b.calls)
}

// Count is how many requests arrived.
func (b *Backend) Count() int { return len(b.Calls()) }

// Whole are the requests that arrived to their last byte.
func (b *Backend) Whole() []*Call {
	var whole []*Call
	for _, c := range b.Calls() {
		if c.Whole() {
			whole = append(whole, c)
		}
	}
	return whole
}

// WaitCall waits for the n-th request (from 1).
func (b *Backend) WaitCall(n int) *Call {
	b.t.Helper()
	Eventually(b.t, "a request at the backend", func() bool { return b.Count() >= n })
	return b.Calls()[n-1]
}

// Malformed is what was wrong about what arrived.
func (b *Backend) Malformed() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.malformed
}

// Received is how many bytes all connections have delivered, and how many connections there
// were: if neither grows, nothing was sent.
func (b *Backend) Received() (bytes, conns int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, w := range b.wires {
		w.mu.Lock()
		bytes += w.got.Len()
		w.mu.Unlock()
	}
	return bytes, len(b.wires)
}

// Open is how many connections are open.
func (b *Backend) Open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, w := range b.wires {
		if w.open() {
			n++
		}
	}
	return n
}

// Say writes bytes nobody asked for on every open connection.
func (b *Backend) Say(s string) {
	b.mu.Lock()
	wires := b.wires
	b.mu.Unlock()
	for _, w := range wires {
		_, _ = io.WriteString(w.conn, s)
	}
}

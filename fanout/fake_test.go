package fanout

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fakeRequest is what a fake backend has received, whole.
type fakeRequest struct {
	*http.Request
	body string
	n    int // the how many-th of this fake, from 0
}

func (r *fakeRequest) key() string { return r.Header.Get("Idempotency-Key") }

// reaction is what a fake does about a request. The zero value answers 201 with its name.
type reaction struct {
	raw   string // written as it is; empty: built from status and body
	code  int
	body  string
	hang  <-chan struct{} // waits for this to be closed first, or for the fake's end
	close bool            // closes the connection after, or instead if there is no raw and no code
	reset bool            // resets it instead of answering
	took  bool            // raw is a success
}

// fake is a scripted backend on loopback.
type fake struct {
	t    testing.TB
	name string
	addr string

	wg sync.WaitGroup

	mu    sync.Mutex
	do    func(r *fakeRequest) reaction
	ln    net.Listener // nil: down
	gone  chan struct{}
	conns map[net.Conn]bool
	most  int // connections at once
	dials int
	got   []*fakeRequest // whole requests, in the order they were complete
	took  map[string]int // answered with 2xx, by Idempotency-Key
}

// newFake starts one. do nil: always 201.
func newFake(t testing.TB, name string, do func(r *fakeRequest) reaction) *fake {
	t.Helper()
	if do == nil {
		do = func(*fakeRequest) reaction { return reaction{} }
	}
	b := &fake{
		t: t, name: name, do: do, addr: ownAddr(t),
		conns: map[net.Conn]bool{}, took: map[string]int{},
	}
	b.up()
	t.Cleanup(b.down)
	return b
}

// up listens, again on the same port.
func (b *fake) up() {
	b.t.Helper()
	ln, err := net.Listen("tcp", b.addr)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	b.ln, b.addr, b.gone = ln, ln.Addr().String(), make(chan struct{})
	b.mu.Unlock()
	b.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			if b.ln != ln {
				b.mu.Unlock()
				c.Close()
				return
			}
			b.conns[c] = true
			b.dials++
			b.most = max(b.most, len(b.conns))
			b.mu.Unlock()
			b.wg.Go(func() { b.serve(c) })
		}
	})
}

// down stops listening and cuts every connection.
func (b *fake) down() {
	b.mu.Lock()
	if b.ln != nil {
		b.ln.Close()
		b.ln = nil
		close(b.gone)
	}
	b.mu.Unlock()
	b.cut()
	b.wg.Wait()
}

// cut closes every connection.
func (b *fake) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		c.Close()
	}
}

// say sends unasked bytes on every connection.
func (b *fake) say(s string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.conns {
		_, _ = io.WriteString(c, s)
	}
}

func (b *fake) serve(c net.Conn) {
	defer func() {
		c.Close()
		b.mu.Lock()
		delete(b.conns, c)
		b.mu.Unlock()
	}()
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		b.mu.Lock()
		got := &fakeRequest{Request: req, body: string(body), n: len(b.got)}
		b.got = append(b.got, got)
		b.mu.Unlock()
		if !b.react(c, got) {
			return
		}
	}
}

func (b *fake) react(c net.Conn, r *fakeRequest) (goOn bool) {
	b.mu.Lock()
	script, gone := b.do, b.gone
	b.mu.Unlock()
	do := script(r)
	if do.hang != nil {
		select {
		case <-do.hang:
		case <-gone:
			return false
		}
	}
	if do.reset {
		_ = c.(*net.TCPConn).SetLinger(0)
		return false
	}
	if do.close && do.raw == "" && do.code == 0 {
		return false
	}
	if do.took {
		b.applied(r)
	}
	raw := do.raw
	if raw == "" {
		code := do.code
		if code == 0 {
			code = 201
		}
		body := do.body
		if body == "" {
			body = "done on " + b.name
		}
		raw = fmt.Sprintf("HTTP/1.1 %d %s\r\nX-From: %s\r\nContent-Length: %d\r\n\r\n", code, http.StatusText(code), b.name, len(body))
		if r.Method != "HEAD" && code != 204 {
			raw += body
		}
		if code <= 299 {
			b.applied(r)
		}
	}
	_, err := io.WriteString(c, raw)
	return err == nil && !do.close
}

func (b *fake) applied(r *fakeRequest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.took[r.key()]++
}

// behave changes the script.
func (b *fake) behave(do func(r *fakeRequest) reaction) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.do = do
}

func (b *fake) requests() []*fakeRequest {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.got)
}

func (b *fake) mostConns() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.most
}

// script answers with codes in turn, the last one for ever; 0 is 201.
func script(codes ...int) func(*fakeRequest) reaction {
	return func(r *fakeRequest) reaction { return reaction{code: codes[min(r.n, len(codes)-1)]} }
}

// hangUntil answers nothing until c is closed.
func hangUntil(c <-chan struct{}) func(*fakeRequest) reaction {
	return func(*fakeRequest) reaction { return reaction{hang: c} }
}

// clientReply is what a client has read.
type clientReply struct {
	status  int
	header  http.Header
	body    string
	closes  bool
	trailer http.Header
}

// client is one keep-alive connection.
type client struct {
	t testing.TB
	c net.Conn
	r *bufio.Reader
}

func dial(t testing.TB, addr string) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &client{t, c, bufio.NewReader(c)}
}

func (c *client) send(raw string) {
	c.t.Helper()
	if _, err := io.WriteString(c.c, raw); err != nil {
		c.t.Fatal(err)
	}
}

// read reads an answer to a request with this method.
func (c *client) read(method string) (clientReply, error) {
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		return clientReply{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return clientReply{resp.StatusCode, resp.Header, string(body), resp.Close, resp.Trailer}, err
}

func (c *client) do(raw string) clientReply {
	c.t.Helper()
	c.send(raw)
	method, _, _ := strings.Cut(raw, " ")
	r, err := c.read(method)
	if err != nil {
		c.t.Fatalf("no answer to %.40q: %v", raw, err)
	}
	return r
}

// post is a write with this body.
func post(path, body string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: replicas.test\r\nContent-Length: %d\r\n\r\n%s", path, len(body), body)
}

package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// poison is what a backend adds behind an answer: to be seen by nobody.
const poison = "HTTP/1.1 200 OK\r\nX-Id: poison\r\nContent-Length: 6\r\n\r\npoison"

// liar is a backend that answers each request with the request's own id, in every framing, and does
// to the connection what no server should.
type liar struct {
	ln   net.Listener
	seed uint64
	wg   sync.WaitGroup
	unit atomic.Uint64

	mu    sync.Mutex
	posts map[string]int // how often each id of a POST came
}

func newLiar(t *testing.T, seed uint64) *liar {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &liar{ln: ln, seed: seed, posts: make(map[string]int)}
	l.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			l.wg.Go(func() { l.serve(c.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		_ = ln.Close()
		l.wg.Wait()
	})
	return l
}

func (l *liar) serve(c *net.TCPConn) {
	defer c.Close()
	rng := rand.New(rand.NewPCG(l.seed, l.unit.Add(1)))
	br := bufio.NewReader(c)
	for {
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		id := req.URL.Query().Get("id")
		if rng.IntN(8) > 0 { // otherwise the answer comes before the body was read
			if _, err := io.Copy(io.Discard, req.Body); err != nil {
				return
			}
		}
		if req.Method == "POST" {
			l.mu.Lock()
			l.posts[id]++
			l.mu.Unlock()
		}
		if !l.answer(c, rng, req, id) {
			return
		}
		if _, err := io.Copy(io.Discard, req.Body); err != nil {
			return
		}
	}
}

// answer tells whether the connection goes on.
func (l *liar) answer(c *net.TCPConn, rng *rand.Rand, req *http.Request, id string) bool {
	body := strings.Repeat(id+";", 1+rng.IntN(2)*rng.IntN(3000))
	head := "HTTP/1.1 200 OK\r\nX-Id: " + id + "\r\n"
	sized := fmt.Sprintf("%sContent-Length: %d\r\n\r\n", head, len(body))
	half := len(body) / 2
	chunked := fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x;x=y\r\n%s\r\n0\r\nX-T: %s\r\n\r\n",
		head, half+1, body[:half+1], len(body)-half-1+1, body[half+1:]+";", id)
	if req.Method == "HEAD" {
		// some send a body all the same
		return write(c, sized+strings.Repeat(poison, rng.IntN(2)))
	}
	switch rng.IntN(16) {
	case 0, 1, 2:
		return write(c, sized+body)
	case 3, 4:
		return write(c, chunked)
	case 5: // until the connection's end
		write(c, head+"\r\n"+body)
		return false
	case 6: // in pieces
		all := chunked
		for len(all) > 0 {
			n := min(len(all), 1+rng.IntN(len(all)))
			if !write(c, all[:n]) {
				return false
			}
			all = all[n:]
			<-time.After(time.Duration(rng.IntN(3)) * time.Millisecond)
		}
		return true
	case 7: // an answer nobody asked for
		return write(c, sized+body+poison)
	case 8:
		return write(c, chunked+poison)
	case 9: // a body that must not be there
		return write(c, "HTTP/1.1 204 No Content\r\nX-Id: "+id+"\r\n\r\n"+poison)
	case 10:
		return write(c, "HTTP/1.1 304 Not Modified\r\nX-Id: "+id+"\r\nContent-Length: 10\r\n\r\n"+poison)
	case 11: // reset in the middle
		write(c, chunked[:rng.IntN(len(chunked))])
		_ = c.SetLinger(0)
		return false
	case 12: // closed in the middle
		write(c, sized+body[:rng.IntN(len(body))])
		return false
	case 13: // closed after, unannounced
		write(c, sized+body)
		return false
	case 14:
		return write(c, "HTTP/1.1 103 Early Hints\r\nX-Id: "+id+"\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"+sized+body)
	default: // too late
		<-time.After(time.Duration(rng.IntN(400)) * time.Millisecond)
		return write(c, sized+body)
	}
}

func write(c net.Conn, s string) bool {
	_, err := io.WriteString(c, s)
	return err == nil
}

// asker is a client that sends its ids, behaves badly, and believes only answers with its ids.
type asker struct {
	t    *testing.T
	addr string
	name string
	rng  *rand.Rand
	n    int
	good int
}

var errConfused = errors.New("another's answer")

// connection uses one connection until something goes wrong on it.
func (a *asker) connection() error {
	c, err := harness.TryDial(a.t, a.addr)
	if err != nil {
		return err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	br := bufio.NewReader(c.Conn)
	for range 1 + a.rng.IntN(30) {
		var ids, methods []string
		var out strings.Builder
		for range 1 + a.rng.IntN(3)*a.rng.IntN(2) {
			id, method := a.request(&out)
			ids, methods = append(ids, id), append(methods, method)
		}
		sent := out.String()
		switch a.rng.IntN(12) {
		case 0: // leave in the middle of it
			_, _ = io.WriteString(c, sent[:a.rng.IntN(len(sent))])
			if a.rng.IntN(2) == 0 {
				c.Reset()
			}
			return nil
		case 1: // in two pieces
			cut := a.rng.IntN(len(sent))
			_, _ = io.WriteString(c, sent[:cut])
			<-time.After(time.Millisecond)
			_, err = io.WriteString(c, sent[cut:])
		case 2: // leave before the answer
			_, _ = io.WriteString(c, sent)
			if a.rng.IntN(2) == 0 {
				c.Reset()
			}
			return nil
		default:
			_, err = io.WriteString(c, sent)
		}
		if err != nil {
			return nil
		}
		for i := range ids {
			open, err := a.answer(br, methods[i], ids[i])
			if err != nil {
				return err
			}
			if !open {
				return nil
			}
		}
	}
	return nil
}

// request writes one request.
func (a *asker) request(out *strings.Builder) (id, method string) {
	a.n++
	id = fmt.Sprintf("%s-%d", a.name, a.n)
	target := "/login?id=" + id
	switch a.rng.IntN(6) {
	case 0:
		out.WriteString(harness.Request("HEAD", target, ""))
		return id, "HEAD"
	case 1:
		out.WriteString(harness.Request("POST", target, strings.Repeat("b", 1+a.rng.IntN(100))))
		return id, "POST"
	case 2:
		fmt.Fprintf(out, "POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n%x\r\n%s\r\n0\r\n\r\n",
			target, 70000, strings.Repeat("x", 70000))
		return id, "POST"
	case 3:
		out.WriteString(harness.Request("GET", target, "", "Connection: Upgrade", "Upgrade: websocket"))
		return id, "GET"
	}
	out.WriteString(harness.Request("GET", target, ""))
	return id, "GET"
}

// answer reads one answer. Everything is forgiven but another's bytes.
func (a *asker) answer(br *bufio.Reader, method, id string) (open bool, err error) {
	resp, err := http.ReadResponse(br, &http.Request{Method: method})
	for err == nil && resp.StatusCode < 200 {
		if got := resp.Header.Get("X-Id"); got != "" && got != id {
			return false, fmt.Errorf("%w: %s got an interim answer of %s", errConfused, id, got)
		}
		resp, err = http.ReadResponse(br, &http.Request{Method: method})
	}
	if err != nil {
		return false, nil //nolint:nilerr // cut off: what the liars do
	}
	body, err := io.ReadAll(resp.Body)
	switch got := resp.Header.Get("X-Id"); {
	case resp.Header.Get("Proxy-Status") != "":
	case got != id:
		return false, fmt.Errorf("%w: %s got %q: %s", errConfused, id, got, body)
	case strings.Trim(strings.ReplaceAll(string(body)+";", id+";", ""), ";") != "" && err == nil:
		return false, fmt.Errorf("%w: %s got the body %q", errConfused, id, body)
	default:
		a.good++
	}
	return err == nil && !resp.Close, nil
}

// Backends that send more than was asked for, and clients and backends that leave at any moment,
// must not make anybody see another's answer, nor a backend another's request, nor a POST twice.
func TestNobodyEverGetsAnothersAnswer(t *testing.T) {
	t.Parallel()
	lasts := 4 * time.Second
	if os.Getenv("TUTTI_SOAK") != "" {
		lasts = soak(t)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	liars := []*liar{newLiar(t, seed), newLiar(t, seed+1), newLiar(t, seed+2)}
	p := start(t, "--backend="+liars[0].ln.Addr().String()+","+liars[1].ln.Addr().String()+","+liars[2].ln.Addr().String(),
		"--max-conns=6", "--backend-timeout=250ms", "--stream-timeout=500ms")
	var good atomic.Int64
	until := time.Now().Add(lasts)
	goesOn := func() bool { // longer on a slow machine
		return time.Now().Before(until) || good.Load() < 100 && time.Now().Before(until.Add(harness.Limit))
	}
	crowd(16, func(i int) {
		a := &asker{t: t, addr: p.Listen, name: fmt.Sprintf("c%d", i), rng: rand.New(rand.NewPCG(seed, uint64(100+i)))}
		for goesOn() && !t.Failed() {
			before := a.good
			if err := a.connection(); err != nil {
				t.Error(err)
			}
			good.Add(int64(a.good - before))
		}
	})
	t.Logf("%d good answers", good.Load())
	if good.Load() < 100 {
		t.Errorf("only %d good answers", good.Load())
	}
	posts := make(map[string]int)
	for _, l := range liars {
		l.mu.Lock()
		for id, n := range l.posts {
			if posts[id] += n; posts[id] > 1 {
				t.Errorf("POST %s came %d times", id, posts[id])
			}
		}
		l.mu.Unlock()
	}
	p.Kill() // the backends wait for their connections
}

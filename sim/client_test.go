package sim

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// slack is what an answer may take beyond what is waited for, at most.
const slack = 2 * time.Second

// client does the steps of its plan, one after the other, on connections of its own.
type client struct {
	w     *world
	index int
	c     *end // nil: none
	r     *bufio.Reader
	page  string // where it was told to ask for its last 202
}

// opOf is the number of a client's step, and of the first write in it.
func opOf(client, i int) int { return (client+1)*1000 + 2*i }

// answer is what a client has read.
type answer struct {
	status int
	header http.Header
	body   string
	closes bool
}

func (c *client) run(steps []step) {
	for i := range steps {
		time.Sleep(steps[i].wait)
		if !c.connect() {
			return // there is nobody any more
		}
		c.do(i, &steps[i])
	}
	c.leave(false)
}

func (c *client) connect() bool {
	if c.c != nil && !c.c.Quiet() {
		c.leave(false)
	}
	for range 600 {
		if c.c != nil {
			return true
		}
		if p := c.w.process.Load(); p != nil {
			if near, err := p.ln.dial(c.index); err == nil {
				c.c, c.r = near, bufio.NewReader(near)
				return true
			}
		}
		if c.w.isStopped() {
			return false
		}
		time.Sleep(100 * time.Millisecond)
	}
	return false
}

func (c *client) leave(abruptly bool) {
	if c.c != nil {
		if abruptly {
			_ = c.c.SetLinger(0)
		}
		c.c.Close()
		c.c = nil
	}
}

func (c *client) do(i int, s *step) {
	switch {
	case s.kind.writes():
		c.write(i, s)
	case s.kind == stepRead:
		c.read(opOf(c.index, i), s)
	default:
		c.ask()
	}
	c.w.look()
}

// write sends one, or two at once, and waits for the answers.
func (c *client) write(i int, s *step) {
	op := opOf(c.index, i)
	recs := []*record{c.w.newRecord(c.index, op, s)}
	if s.kind == stepPair {
		recs = append(recs, c.w.newRecord(c.index, op+1, s))
	}
	at := c.w.h.now()
	c.w.sends(s.kind, recs...)
	if !c.send(s, recs) {
		c.w.brokeOff(recs...)
		c.leave(true)
		return
	}
	if s.kind == stepCut || s.kind == stepLeaves {
		c.w.brokeOff(recs...)
		c.leave(i%2 == 0)
		return
	}
	for k, rec := range recs {
		a, err := c.receive(c.w.p.ackTimeout + slack + c.w.p.diskSlack())
		if err != nil {
			c.w.unanswered(at, err, recs[k:]...)
			c.leave(true)
			return
		}
		c.w.answered(rec, a)
		if a.status == 202 {
			c.page = a.header.Get("Location")
		}
		if a.closes {
			c.w.unanswered(at, nil, recs[k+1:]...)
			c.leave(false)
			return
		}
	}
}

// send sends what the step says of the writes.
func (c *client) send(s *step, recs []*record) bool {
	var all strings.Builder
	for _, rec := range recs {
		fmt.Fprintf(&all, "POST %s HTTP/1.1\r\nHost: sim.test\r\nX-User: u%d\r\n", rec.path, rec.user)
		if rec.clientKey != "" {
			fmt.Fprintf(&all, "Idempotency-Key: %s\r\n", rec.clientKey)
		}
		if s.kind == stepChunked || s.kind == stepCut && s.key {
			half := len(rec.body) / 2
			fmt.Fprintf(&all, "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", half, rec.body[:half], len(rec.body)-half, rec.body[half:])
		} else {
			fmt.Fprintf(&all, "Content-Length: %d\r\n\r\n%s", len(rec.body), rec.body)
		}
	}
	raw := all.String()
	if s.kind != stepSlowly && s.kind != stepCut {
		c.w.isWhole(recs...)
		return c.put(raw)
	}
	at := strings.Index(raw, "\r\n\r\n") + 4
	for _, part := range []string{raw[:at], raw[at : at+3]} {
		if !c.put(part) {
			return false
		}
		time.Sleep(s.pause)
	}
	if s.kind == stepCut {
		return true
	}
	c.w.isWhole(recs...)
	return c.put(raw[at+3:])
}

func (c *client) put(raw string) bool {
	_ = c.c.SetWriteDeadline(time.Now().Add(c.w.p.ackTimeout + slack))
	_, err := io.WriteString(c.c, raw)
	return err == nil
}

func (c *client) receive(within time.Duration) (answer, error) {
	_ = c.c.SetReadDeadline(time.Now().Add(within))
	defer func() { _ = c.c.SetReadDeadline(time.Time{}) }()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return answer{}, err
	}
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body), resp.Close}, err
}

// read asks for a user's last write.
func (c *client) read(op int, s *step) {
	w := c.w
	w.asks(op, s.user)
	at := w.h.now()
	o := &w.p.backend
	each := w.p.queueTime + 2*o.DialTimeout + 2*o.ResponseTimeout + o.StreamTimeout
	if !c.put(fmt.Sprintf("GET /v/%d?op=%d HTTP/1.1\r\nHost: sim.test\r\n\r\n", s.user, op)) {
		c.leave(true)
		return
	}
	a, err := c.receive(time.Duration(w.p.tries)*each + slack)
	if err != nil {
		w.unanswered(at, err)
		c.leave(true)
		return
	}
	w.h.note("client %d is told %d to read %d: %s", c.index, a.status, op, a.body)
	switch a.status {
	case 200, 500, 502, 503, 504:
	default:
		w.h.wrong("read %d is answered %d", op, a.status)
	}
	if a.closes {
		c.leave(false)
	}
}

// ask asks for the page of the last write that was answered 202.
func (c *client) ask() {
	if c.page == "" {
		return
	}
	at := c.w.h.now()
	if !c.put("GET " + c.page + " HTTP/1.1\r\nHost: sim.test\r\n\r\n") {
		c.leave(true)
		return
	}
	a, err := c.receive(slack)
	if err != nil {
		c.w.unanswered(at, err)
		c.leave(true)
		return
	}
	var view struct {
		ID, State string
		Backends  []struct{ State string }
	}
	switch {
	case a.status == 404:
	case a.status != 200 || json.Unmarshal([]byte(a.body), &view) != nil || !strings.HasSuffix(c.page, view.ID) || len(view.Backends) != c.w.p.backends:
		c.w.h.wrong("%s is %d %q", c.page, a.status, a.body)
	}
	c.w.h.note("client %d sees its last write's page: %d %s", c.index, a.status, view.State)
}

package backend

import (
	"context"
	"math/rand/v2"
	"net"
	"strconv"
	"time"

	"tutti/clock"
	"tutti/wire"
)

// maxRest is how much of an answer's body a check reads, in bytes. Nothing of it is looked at:
// it spares the backend a reset while it sends.
const maxRest = 64 << 10

// checker is the goroutine that asks one backend how it is, one check after the other. Each has a
// connection of its own beside the pool: a full pool does not starve it, and a backend that
// accepts nobody new is found out however well its old connections do.
type checker struct {
	b       *Backend
	connect func(context.Context) (net.Conn, error)
	request []byte
}

func newChecker(b *Backend) checker {
	return checker{
		b:       b,
		connect: b.connect,
		request: []byte("GET " + b.o.Checks.Path + " HTTP/1.1\r\nHost: " + b.name +
			"\r\nUser-Agent: tutti-health\r\nAccept: */*\r\nConnection: close\r\n\r\n"),
	}
}

// run checks until ctx ends. The first time at once; the second after a random part of the
// interval, so that neither many backends nor many instances beat together.
func (c *checker) run(ctx context.Context) {
	interval := c.b.o.Checks.Interval
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for pause := rand.N(interval); ; pause = interval - rand.N(interval/10+1) {
		began := clock.Now()
		c.check(ctx)
		timer.Reset(max(pause-time.Duration(clock.Now()-began), 0))
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// check makes one check and tells the backend how it went. What this machine is short of says
// nothing of the backend, nor does the end of the group.
func (c *checker) check(group context.Context) {
	began := clock.Now()
	ctx, cancel := context.WithTimeout(group, c.b.o.Checks.Timeout)
	defer cancel()
	nc, err := c.connect(ctx)
	if err != nil {
		if f := dialFailure(err); f != ErrBusy && group.Err() == nil {
			c.b.missed(f.Word)
		}
		return
	}
	cut := make(chan struct{})
	uncut := context.AfterFunc(ctx, func() {
		_ = nc.SetDeadline(past)
		close(cut)
	})
	defer func() {
		if !uncut() {
			<-cut
		}
		_ = nc.Close()
	}()
	buf := c.b.buffers.getHead()
	defer c.b.buffers.put(buf)
	var resp wire.Response
	left, f := c.ask(nc, buf.b, &resp)
	switch {
	case group.Err() != nil:
	case f != nil:
		c.b.missed(f.Word)
	case resp.Status < 200 || resp.Status > 299:
		c.b.missed("status " + strconv.Itoa(resp.Status))
	default:
		c.b.passed(began)
	}
	for left > 0 {
		n, err := nc.Read(buf.b)
		if err != nil {
			return
		}
		left -= n
	}
}

// ask sends the request and receives the final answer's head into resp, which aliases buf. left
// is how many bytes of the body may follow that are worth reading.
func (c *checker) ask(nc net.Conn, buf []byte, resp *wire.Response) (left int, _ *Failure) {
	_, _ = nc.Write(c.request) // if that fails, reading says why, or what was answered before
	n, scan, interims := 0, 0, 0
	for {
		end, next, err := wire.HeadEnd(buf[:n], scan)
		scan = next
		switch {
		case err != nil || end == 0 && n == len(buf) || interims > maxInterims:
			return 0, ErrProtocol
		case end == 0:
			m, err := nc.Read(buf[n:])
			if n += m; m == 0 && err != nil {
				return 0, readFailure(err)
			}
			continue
		case resp.Parse(buf[:end:end]) != nil:
			return 0, ErrProtocol
		case resp.Status >= 200 || resp.Status == 101:
			return rest(resp, n-end), nil
		}
		interims++
		n, scan = copy(buf, buf[end:n]), 0
	}
}

// rest is how much of resp's body is worth reading, have bytes of it being here.
func rest(resp *wire.Response, have int) int {
	switch resp.Body(false) {
	case wire.Length:
		if resp.ContentLength > maxRest {
			return 0
		}
		return int(resp.ContentLength) - have
	case wire.Chunks, wire.UntilClose:
		return maxRest - have
	case wire.NoBody:
	}
	return 0
}

// readFailure says what an error in reading a check's answer means.
func readFailure(err error) *Failure {
	if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
		return ErrTimeout
	}
	return ErrTerminated
}

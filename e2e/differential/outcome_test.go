package differential

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// outcome is what became of a request.
type outcome struct {
	statuses  []string // of the answers the client got
	closed    bool     // the proxy ended the connection by itself
	forwarded []string // what each connection to the backend brought
}

// try sends bytes through the proxy. The proxy is taken to be done when nothing has moved for quiet.
func (p *proxy) try(lane int, send string, quiet time.Duration) outcome {
	r := p.recorders[lane]
	r.begin(quiet / 2)
	var o outcome
	c, err := net.Dial("tcp", p.addrs[lane])
	if err != nil {
		return outcome{statuses: []string{"refused"}}
	}
	defer c.Close()
	var sending sync.WaitGroup
	sending.Go(func() { _, _ = io.WriteString(c, send) })
	var got []byte
	got, o.closed = readUntilQuiet(c, quiet)
	if !o.closed {
		_ = c.(*net.TCPConn).CloseWrite()
		more, _ := readUntilQuiet(c, quiet)
		got = append(got, more...)
	}
	_ = c.Close()
	sending.Wait()
	o.statuses = statuses(got)
	o.forwarded = r.take()
	// connections may be recorded in another order than they were made
	slices.Sort(o.forwarded)
	return o
}

func readUntilQuiet(c net.Conn, quiet time.Duration) (got []byte, closed bool) {
	buf := make([]byte, 16<<10)
	for {
		_ = c.SetReadDeadline(time.Now().Add(quiet))
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return got, false
		}
		if err != nil {
			return got, true
		}
	}
}

// statuses are those of the answers in got, which no request was a HEAD for but those that say so.
func statuses(got []byte) []string {
	var all []string
	br := bufio.NewReader(bytes.NewReader(got))
	for {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			if rest, _ := io.ReadAll(br); len(all) == 0 && len(rest) > 0 {
				return []string{"garbage"}
			}
			return all
		}
		all = append(all, strconv.Itoa(resp.StatusCode))
		if _, err = io.Copy(io.Discard, resp.Body); err != nil {
			return all
		}
	}
}

// passed is how many requests went to the backend in a form somebody may take for a whole one.
func (o outcome) passed() int {
	n := 0
	for _, raw := range o.forwarded {
		if !read(raw).cut {
			n++
		}
	}
	return n
}

// String is the outcome's cell in the table.
func (o outcome) String() string {
	said := strings.Join(o.statuses, ", ")
	switch {
	case said != "":
	case o.closed:
		said = "closed"
	default:
		said = "waits"
	}
	for _, raw := range o.forwarded {
		said += "; " + read(raw).String()
	}
	return said
}

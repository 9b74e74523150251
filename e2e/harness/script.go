package harness

import (
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Script answers a Call. Unless it closed the connection, the next request on it is awaited,
// provided that the body was read whole.
type Script func(c *Call)

// Plain is an answer with a Content-Length.
func Plain(status int, body string, fields ...string) string {
	var b strings.Builder
	b.WriteString("HTTP/1.1 " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n")
	for _, f := range fields {
		b.WriteString(f + "\r\n")
	}
	b.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body)
	return b.String()
}

// Says reads the request and answers with a status and a body.
func Says(status int, body string, fields ...string) Script {
	return Bytes(Plain(status, body, fields...))
}

// Bytes reads the request and writes exactly these bytes.
func Bytes(answer string) Script {
	return func(c *Call) {
		if c.ReadBody() == nil {
			_ = c.Write(answer)
		}
	}
}

// BytesThenClose is Bytes, and closes the connection.
func BytesThenClose(answer string) Script {
	return func(c *Call) {
		Bytes(answer)(c)
		c.Close()
	}
}

// Hangs reads the request and never answers.
func Hangs(c *Call) {
	if c.ReadBody() == nil {
		c.WaitGone()
	}
}

// Closes reads the request and closes the connection without a byte of an answer.
func Closes(c *Call) {
	_ = c.ReadBody()
	c.Close()
}

// Resets reads the request and resets the connection.
func Resets(c *Call) {
	_ = c.ReadBody()
	c.Reset()
}

// After runs a script d later, or at once when the backend stops.
func After(d time.Duration, s Script) Script {
	return func(c *Call) {
		if c.ReadBody() != nil {
			return
		}
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.Quit():
		}
		s(c)
	}
}

// When runs a script once the gate is closed, or the backend stops.
func When(gate <-chan struct{}, s Script) Script {
	return func(c *Call) {
		if c.ReadBody() != nil {
			return
		}
		select {
		case <-gate:
		case <-c.Quit():
		}
		s(c)
	}
}

// InTurn runs one script per request, in the order of their heads; the last one stays.
func InTurn(scripts ...Script) Script {
	var n atomic.Int64
	return func(c *Call) {
		i := min(int(n.Add(1)), len(scripts))
		scripts[i-1](c)
	}
}

// By runs the script of the request's method, or other.
func By(methods map[string]Script, other Script) Script {
	return func(c *Call) {
		if s, ok := methods[c.Method]; ok {
			s(c)
			return
		}
		other(c)
	}
}

package sim

import (
	"bytes"
	"strconv"
	"syscall"
)

// tap is the fan-out's end of a connection to a replica: it sees what is sent, at the moment it is.
type tap struct {
	*end
	r *replica
	p *process
}

// Write implements net.Conn.
func (c *tap) Write(p []byte) (int, error) {
	c.p.happens()
	if c.p.dead.Load() {
		return 0, syscall.EPIPE
	}
	switch {
	case bytes.HasPrefix(p, []byte("POST /w/")):
		c.r.w.wrote(c.r, number(p, "op="), uint64(number(p, "\r\nTutti-Sequence: ")), text(p, "\r\nIdempotency-Key: "))
	case bytes.HasPrefix(p, []byte("GET /v/")):
		c.r.w.asked(c.r, number(p, "op="))
	}
	c.r.w.look()
	return c.end.Write(p)
}

// text is what follows name in p, to the line's end or a space.
func text(p []byte, name string) string {
	_, after, _ := bytes.Cut(p, []byte(name))
	if i := bytes.IndexAny(after, " \r&"); i >= 0 {
		after = after[:i]
	}
	return string(after)
}

func number(p []byte, name string) int {
	n, _ := strconv.Atoi(text(p, name))
	return n
}

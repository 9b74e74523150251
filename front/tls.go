package front

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"

	"tutti/secure"
)

// secured puts TLS on a new connection if the server speaks it.
func (c *conn) secured() {
	if c.s.o.TLS == nil {
		return
	}
	c.tls = secure.Server(c.nc, c.s.o.TLS)
	c.nc, c.raw = c.tls, false
	c.phase.enter(at(shaking, c.s.now()))
}

// shake makes the handshake, which may take ClientTimeout in all. false: the
// connection ends.
func (c *conn) shake() bool {
	if c.tls == nil {
		return true
	}
	err := c.tls.Handshake()
	if !c.enter(fresh) {
		return false
	}
	if err == nil {
		return true
	}
	if log := c.s.o.Log; log.Enabled(context.Background(), slog.LevelDebug) {
		log.Debug("a client could not agree on TLS", "error", err)
	}
	if plain, ok := errors.AsType[tls.RecordHeaderError](err); ok && plain.Conn != nil && likeHTTP(plain.RecordHeader) {
		c.bare()
		c.countRequest()
		c.refuse(errPlain)
	}
	return false
}

// likeHTTP tells whether what came instead of a handshake begins as a request line does.
func likeHTTP(header [5]byte) bool {
	for _, b := range header[:3] {
		if b < 'A' || b > 'Z' {
			return false
		}
	}
	return true
}

// bare takes TLS off a connection whose client does not speak it.
func (c *conn) bare() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nc, c.tls = c.tls.Socket(), nil
}

// Proto is what the client speaks: "http" or "https".
func (x *Exchange) Proto() string {
	if x.c.tls != nil {
		return "https"
	}
	return "http"
}

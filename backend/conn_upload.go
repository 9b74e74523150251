package backend

import (
	"tutti/clock"
)

// startUpload sends the rest of a request that did not fit the socket while this goroutine
// receives: a backend may answer without reading it (traefik#11258). endUpload waits for it.
func (c *Conn) startUpload(rest []byte) {
	done := make(chan struct{})
	c.upload = done
	c.sentWhole.Store(false)
	if c.awaiting.clear() {
		c.tainted.Store(true)
	}
	go func() {
		defer close(done)
		switch c.Send(rest) {
		case nil:
			c.sent(clock.Now())
		case ErrTimeout:
			// The wait for an answer has no clock of its own yet: it ends with this one.
			if c.awaiting.at.CompareAndSwap(0, marked) {
				_ = c.nc.SetReadDeadline(past)
			}
		}
	}()
}

// endUpload cuts what startUpload still sends and waits for it.
func (c *Conn) endUpload() {
	if c.upload == nil {
		return
	}
	select {
	case <-c.upload:
	default:
		c.Abandon()
		<-c.upload
	}
	c.upload = nil
}

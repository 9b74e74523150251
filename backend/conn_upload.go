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
	c.awaiting.clear()
	until := c.until.at.Load()
	go func() {
		defer close(done)
		switch err := c.Send(rest); err {
		case nil:
			c.Await(clock.Now(), max(until, 0))
		case ErrTimeout:
			// Nobody else watches this connection's time now.
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

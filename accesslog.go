package main

import (
	"encoding/hex"
	"time"

	"tutti/accesslog"
	"tutti/clock"
	"tutti/front"
	"tutti/trust"
)

// logger writes the access log's lines.
type logger struct {
	log     *accesslog.Log
	trusted *trust.Proxies
}

// openAccessLog opens the access log; nil when there is to be none.
func (s *service) openAccessLog() error {
	if s.c.AccessLog == "" {
		return nil
	}
	o := accesslog.Options{Path: s.c.AccessLog, Log: s.log}
	if s.c.AccessLogFormat == "json" {
		o.Format = accesslog.JSON
	}
	var err error
	s.access, err = accesslog.Open(o)
	return err
}

// ended is what the front tells of each request; nil without an access log.
func (s *service) ended() func(*front.Exchange) {
	if s.access == nil {
		return nil
	}
	return logger{s.access, s.c.Trusted}.add
}

// add logs x, which has ended. It allocates nothing.
func (l logger) add(x *front.Exchange) {
	t := &x.Trace
	e := accesslog.Entry{
		Time: time.Now(), Client: l.trusted.Client(&x.Req, x.Peer()), Line: x.Line(), Status: x.Status, Bytes: x.BodySent(),
		Duration: time.Duration(clock.Now() - x.Start), Route: t.Route,
		Backend: t.Backend, Backends: t.Backends, Delivered: t.Delivered, Tries: t.Tries, Upstream: time.Duration(t.Upstream),
		WriteID: t.WriteID,
	}
	e.Referer, _ = x.Req.Lookup("referer")
	e.UserAgent, _ = x.Req.Lookup("user-agent")
	var id [32]byte
	if e.RequestID = x.Req.KeptRequestID(); e.RequestID == nil && t.RequestID != [16]byte{} {
		hex.Encode(id[:], t.RequestID[:])
		e.RequestID = id[:]
	}
	x.Up = l.log.Format().Append(x.Up[:0], &e)
	l.log.Add(x.Up)
}

// reopenAccessLog has the access log open its file by name again, after logrotate has moved it.
func (s *service) reopenAccessLog() {
	if s.access == nil {
		return
	}
	if err := s.access.Reopen(); err != nil {
		s.log.Error("going on with the old file", "error", err)
		return
	}
	s.log.Info("access log opened again", "file", s.c.AccessLog)
}

// closeAccessLog writes what is left of it.
func (s *service) closeAccessLog() {
	if s.access == nil {
		return
	}
	if err := s.access.Close(); err != nil {
		s.log.Error("stopping", "error", err)
	}
}

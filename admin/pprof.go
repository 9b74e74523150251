package admin

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// The profiles are made with runtime/pprof itself. fasthttp's pprofhandler puts net/http's
// handlers behind an adaptor: it does not know the index at /debug/pprof/, lets a request ask
// for hours, and holds a trace of any size in memory.
const (
	maxProfileSeconds = 120
	maxTraceSeconds   = 30
	maxTraceBytes     = 64 << 20
)

// isProfile tells whether /debug/pprof/name is one.
func isProfile(name string) bool {
	switch name {
	case "profile", "trace", "cmdline":
		return true
	}
	return pprof.Lookup(name) != nil
}

// profiles lists them.
func (s *Server) profiles(ctx *fasthttp.RequestCtx, _ string) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "profile?seconds=30   CPU, at most %d s\n", maxProfileSeconds)
	fmt.Fprintf(&out, "trace?seconds=1      execution trace, at most %d s and %d MiB\n", maxTraceSeconds, maxTraceBytes>>20)
	fmt.Fprintf(&out, "cmdline\n")
	for _, p := range pprof.Profiles() {
		fmt.Fprintf(&out, "%-20s %d; ?debug=1 for text\n", p.Name(), p.Count())
	}
	reply(ctx, 200, textPlain, out.Bytes())
}

func (s *Server) profile(ctx *fasthttp.RequestCtx, name string) {
	switch name {
	case "profile":
		s.cpuProfile(ctx)
	case "trace":
		s.trace(ctx)
	case "cmdline":
		reply(ctx, 200, textPlain, []byte(strings.Join(os.Args, "\x00")))
	default:
		s.snapshot(ctx, pprof.Lookup(name))
	}
}

// snapshot answers with a profile that is kept all the time.
func (s *Server) snapshot(ctx *fasthttp.RequestCtx, profile *pprof.Profile) {
	q, p := query(ctx, "debug", "gc")
	if p != nil {
		refuse(ctx, p)
		return
	}
	debug, p := number(q, "debug", 0, 0, 2)
	if p == nil {
		var gc int
		if gc, p = number(q, "gc", 0, 0, 1); gc == 1 {
			runtime.GC()
		}
	}
	if p != nil {
		refuse(ctx, p)
		return
	}
	var out bytes.Buffer
	if err := profile.WriteTo(&out, debug); err != nil {
		s.profileFailed(ctx, err)
		return
	}
	if debug > 0 {
		reply(ctx, 200, textPlain, out.Bytes())
		return
	}
	attach(ctx, profile.Name(), out.Bytes())
}

func (s *Server) cpuProfile(ctx *fasthttp.RequestCtx) {
	d, p := seconds(ctx, 30, maxProfileSeconds)
	if p != nil {
		refuse(ctx, p)
		return
	}
	var out bytes.Buffer
	if err := pprof.StartCPUProfile(&out); err != nil {
		refuse(ctx, &problem{Status: 409, Detail: "A profile is being made; there can be one at a time."})
		return
	}
	s.pause(d, nil)
	pprof.StopCPUProfile()
	attach(ctx, "profile", out.Bytes())
}

func (s *Server) trace(ctx *fasthttp.RequestCtx) {
	d, p := seconds(ctx, 1, maxTraceSeconds)
	if p != nil {
		refuse(ctx, p)
		return
	}
	if !s.tracing.CompareAndSwap(false, true) {
		refuse(ctx, &problem{Status: 409, Detail: "A trace is being made; there can be one at a time."})
		return
	}
	defer s.tracing.Store(false)
	out := &traceBuffer{limit: maxTraceBytes, full: make(chan struct{})}
	if err := trace.Start(out); err != nil {
		s.profileFailed(ctx, err)
		return
	}
	s.pause(d, out.full)
	trace.Stop() // returns when all is written
	attach(ctx, "trace", out.Bytes())
}

// pause returns after d, or when enough is, or when the server stops.
func (s *Server) pause(d time.Duration, enough <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-enough:
	case <-s.stop:
	}
}

func (s *Server) profileFailed(ctx *fasthttp.RequestCtx, err error) {
	s.o.Log.Error("cannot make a profile", "error", err)
	refuse(ctx, &problem{Status: 500, Detail: "The profile could not be made; the log says more."})
}

// attach answers with a file.
func attach(ctx *fasthttp.RequestCtx, name string, body []byte) {
	ctx.Response.Header.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	reply(ctx, 200, "application/octet-stream", body)
}

// seconds reads the one parameter of a profile that takes time.
func seconds(ctx *fasthttp.RequestCtx, otherwise, most int) (time.Duration, *problem) {
	q, p := query(ctx, "seconds")
	if p != nil {
		return 0, p
	}
	n, p := number(q, "seconds", otherwise, 1, most)
	return time.Duration(n) * time.Second, p
}

// number reads an optional whole number.
func number(q map[string]string, name string, otherwise, least, most int) (int, *problem) {
	if q[name] == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(q[name])
	if err != nil || n < least || n > most {
		return 0, bad(fmt.Sprintf("%s must be a whole number from %d to %d.", name, least, most))
	}
	return n, nil
}

// traceBuffer holds a trace and says when it is large: the trace is ended then, so that what
// was written is whole.
type traceBuffer struct {
	bytes.Buffer
	limit int
	full  chan struct{} // closed past limit
	once  sync.Once
}

// Write implements io.Writer.
func (b *traceBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > b.limit {
		b.once.Do(func() { close(b.full) })
	}
	return b.Buffer.Write(p)
}

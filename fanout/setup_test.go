package fanout

import (
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/backend"
	"tutti/front"
	"tutti/journal/memory"
	"tutti/metrics"
	"tutti/retry"
)

// rig is a Fanout behind a real front, before fakes.
type rig struct {
	t     testing.TB
	f     *Fanout
	front *front.Server
	addr  string
	group *backend.Group
	m     *metrics.Set
	stop  func()
}

// setup is what a test changes.
type setup struct {
	fanout  Options
	backend backend.Options
	front   front.Options
	held    []int // backends, from the start
}

// journaled tells whether every rig has a journal: TUTTI_JOURNAL=1.
func journaled() bool { return os.Getenv("TUTTI_JOURNAL") != "" }

// inMemory skips a test of what is otherwise with a journal.
func inMemory(t testing.TB) {
	t.Helper()
	if journaled() {
		t.Skip("not so with a journal; run without TUTTI_JOURNAL")
	}
}

// serveWrites is the handler: all but pages are writes.
type serveWrites struct{ f *Fanout }

func (h serveWrites) Serve(x *front.Exchange) {
	const page = "/-/writes/"
	if p := string(x.Req.Path); len(p) > len(page) && p[:len(page)] == page {
		h.f.Page(x, p[len(page):])
		return
	}
	h.f.Serve(x)
}

func (serveWrites) Refuse(int) {}

func newRig(t testing.TB, addrs []string, change func(*setup)) *rig {
	t.Helper()
	success, err := ParseStatusSet("201")
	if err != nil {
		t.Fatal(err)
	}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	s := setup{
		fanout: Options{
			Log: quiet, Success: success, RejectUnanimous: true,
			Ack: len(addrs), AckTimeout: 10 * time.Second,
			Policy:     retry.Policy{Base: 10 * time.Millisecond, Max: 40 * time.Millisecond, Jitter: 5 * time.Millisecond, Attempts: 100},
			MaxPending: 10000, MaxPendingBytes: 64 << 20, MaxWriteSize: 1 << 20, KeepFor: time.Minute, Pseudonym: "tutti-test",
		},
		backend: backend.Options{
			DialTimeout: 10 * time.Second, ResponseTimeout: 5 * time.Second, StreamTimeout: 5 * time.Second, IdleTimeout: 30 * time.Second,
			QueueTimeout: time.Second, MaxConns: 64, EjectAfter: 3, EjectFor: 50 * time.Millisecond, MaxHeader: 16 << 10, Log: quiet,
		},
		front: front.Options{MaxHeader: 16 << 10, ClientTimeout: 5 * time.Second, IdleTimeout: time.Minute, Log: quiet},
	}
	if change != nil {
		change(&s)
	}
	r := &rig{t: t, m: metrics.New(addrs)}
	var all []*backend.Backend
	for i, a := range addrs {
		b, err := backend.New(a, i, s.backend, r.m.Backend(i))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	r.group = backend.NewGroup(all)
	for _, i := range s.held {
		all[i].Hold()
	}
	s.fanout.Group, s.fanout.Metrics = r.group, r.m
	if journaled() && s.fanout.Journal == nil {
		if s.fanout.Journal, err = new(memory.Store).Open(memory.Options{Backends: addrs}); err != nil {
			t.Fatal(err)
		}
	}
	if r.f, err = New(s.fanout); err != nil {
		r.group.Close()
		t.Fatal(err)
	}
	s.front.Handler = serveWrites{r.f}
	if r.front, err = front.New(s.front); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = ln.Addr().String()
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = r.front.Serve(ln)
	}()
	r.stop = sync.OnceFunc(func() {
		r.f.end()
		_ = r.front.Close()
		<-served
		r.f.Close()
		r.group.Close()
	})
	t.Cleanup(r.stop)
	return r
}

// rigOf is a rig before fakes.
func rigOf(t testing.TB, change func(*setup), fakes ...*fake) *rig {
	t.Helper()
	var addrs []string
	for _, b := range fakes {
		addrs = append(addrs, b.addr)
	}
	return newRig(t, addrs, change)
}

func (r *rig) dial() *client { return dial(r.t, r.addr) }

// eventually polls until cond holds.
func eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			t.Fatalf("did not happen within 10 s: %s", what)
		}
		<-tick.C
	}
}

// settled waits until nothing is pending or parked and checks the sum.
func (r *rig) settled(accepted uint64) {
	r.t.Helper()
	eventually(r.t, "all writes settled, and their answers taken", func() bool {
		s := r.f.Snapshot()
		return s.Settled == accepted && s.PendingBytes == 0
	})
	s := r.f.Snapshot()
	if s.Accepted != accepted || s.Pending != 0 || s.Parked != 0 || s.PendingBytes != 0 {
		r.t.Errorf("accounting is %+v after %d writes settled", s, accepted)
	}
	for i, b := range s.Backends {
		if b.Owed != 0 || b.Parked != 0 || b.OldestSeconds != 0 {
			r.t.Errorf("backend %d is still owed: %+v", i, b)
		}
	}
	for _, b := range r.group.All() {
		if n := b.Stats().Lacks; n != 0 {
			r.t.Errorf("%s still lacks %d", b.Name(), n)
		}
	}
}

// lockedBuffer is a log to look at.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *lockedBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b, nil)) }

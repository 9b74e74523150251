package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"

	"tutti/backend"
	"tutti/fanout"
	"tutti/front"
	"tutti/metrics"
)

func TestMain(m *testing.M) {
	// fasthttp keeps one goroutine for the date, for ever.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

var _ fasthttp.Logger = (*throttledLog)(nil)

// fakeWrites is a list of writes. The real ones satisfy the same interfaces.
type fakeWrites struct {
	mu      sync.Mutex
	views   []fanout.View
	retried []string
	dropped []string
	forgot  []string // backends
	err     error    // what Retry and Drop say

	forced bool // the last Retry
	breaks bool
}

var (
	_ Writes  = (*fanout.Fanout)(nil)
	_ Backend = (*backend.Backend)(nil)
	_ Metrics = (*metrics.Set)(nil)
)

// id is the n-th fake write's.
func id(n int) string { return fmt.Sprintf("%032x", n) }

func someWrites(n int) *fakeWrites {
	w := &fakeWrites{}
	for i := range n {
		w.views = append(w.views, fanout.View{
			ID: id(i), State: []string{"pending", "parked", "settled"}[i%3], Sequence: uint64(10 * (i + 1)),
			Accepted: time.Unix(int64(i), 0).UTC(), Method: "POST", Path: "/register?<script>",
			Backends: []fanout.DeliveryView{{Backend: fanout.Ref{Name: "a:1"}, State: "waiting", Attempts: i}},
		})
	}
	return w
}

func (w *fakeWrites) Snapshot() metrics.Writes {
	return metrics.Writes{
		Accepted: 6, Settled: 3, Pending: 2, Parked: 1, PendingBytes: 77,
		Backends: []metrics.BackendWrites{{Owed: 4, Parked: 5, OldestSeconds: 1.5}},
	}
}

func (w *fakeWrites) Lookup(id string) (fanout.View, bool) {
	if w.breaks {
		panic("a page breaks")
	}
	for _, v := range w.views {
		if v.ID == id {
			return v, true
		}
	}
	return fanout.View{}, false
}

func (w *fakeWrites) List(q fanout.Filter) []fanout.View {
	var got []fanout.View
	for _, v := range w.views {
		if v.Sequence > q.After && (q.State == "" || v.State == q.State) && len(got) < q.Limit {
			got = append(got, v)
		}
	}
	return got
}

func (w *fakeWrites) Retry(id string, force bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forced = force
	w.retried = append(w.retried, id)
	return w.err
}

func (w *fakeWrites) Drop(id string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.dropped = append(w.dropped, id)
	return w.err
}

func (w *fakeWrites) Forget(name string) (fanout.Forgotten, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forgot = append(w.forgot, name)
	return fanout.Forgotten{Dropped: 12, Sending: 3}, w.err
}

// changes counts what was done.
func (w *fakeWrites) changes() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.retried) + len(w.dropped) + len(w.forgot)
}

type fakeBackend struct {
	name string
	m    *metrics.Backend

	mu      sync.Mutex
	state   backend.State
	changes int
	stats   backend.Stats
}

func (b *fakeBackend) Name() string { return b.name }

func (b *fakeBackend) State() (backend.State, int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state, 1e18
}

func (b *fakeBackend) Up() bool { return !b.isEjected() }
func (b *fakeBackend) Down() (int64, string) {
	if b.isEjected() {
		return 2e18, "connection_refused"
	}
	return 0, ""
}

func (b *fakeBackend) isEjected() bool {
	s, _ := b.State()
	return s == backend.Ejected
}

func (b *fakeBackend) Stats() backend.Stats {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stats
}

func (b *fakeBackend) Metrics() *metrics.Backend { return b.m }

func (b *fakeBackend) Drain()  { b.set(backend.Drained) }
func (b *fakeBackend) Hold()   { b.set(backend.Held) }
func (b *fakeBackend) Resume() { b.set(backend.Live) }

func (b *fakeBackend) set(s backend.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.state = s
	b.changes++
}

// elsewhere is a listener that seems to be off loopback.
type elsewhere struct{ net.Listener }

func (elsewhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 8081} }

// fixture is a running Server.
type fixture struct {
	*Server
	t        *testing.T
	addr     string
	writes   *fakeWrites
	backends []*fakeBackend
}

type setup struct {
	token       string
	hosts       []string
	offLoopback bool
	writes      *fakeWrites
	log         io.Writer
	tune        func(*Server)
	stopping    func() bool
	remember    func(i int, m backend.Mode) error
}

func start(t *testing.T, in setup) *fixture {
	t.Helper()
	set := metrics.New([]string{"a:1", "[::1]:2"})
	stats := backend.Stats{Idle: 1, Active: 2, Waiting: 3, Lacks: 4}
	f := &fixture{t: t, writes: in.writes, backends: []*fakeBackend{
		{name: "a:1", m: set.Backend(0), stats: stats}, {name: "[::1]:2", m: set.Backend(1), stats: stats},
	}}
	if f.writes == nil {
		f.writes = someWrites(3)
	}
	if in.log == nil {
		in.log = io.Discard
	}
	var err error
	f.Server, err = New(Options{
		Writes: f.writes, Backends: []Backend{f.backends[0], f.backends[1]},
		Metrics: set,
		Front: func() front.Stats {
			return front.Stats{Active: 291, Reading: 6, Writing: 179, Waiting: 106, Accepted: 16630948, Handled: 16630948, Requests: 31070465}
		},
		Stopping: in.stopping, Remember: in.remember, Hosts: in.hosts, Token: in.token,
		Version: "1.2.3", Started: time.Unix(1e9, 0), Listen: ":8080",
		Log: slog.New(slog.NewTextHandler(in.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	f.http.MaxIdleWorkerDuration = 20 * time.Millisecond
	if in.tune != nil {
		in.tune(f.Server)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.addr = ln.Addr().String()
	if in.offLoopback {
		ln = elsewhere{ln}
	}
	served := make(chan error, 1)
	go func() { served <- f.Serve(ln) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := f.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return f
}

// dial opens a connection that is closed with the test.
func (f *fixture) dial() net.Conn {
	f.t.Helper()
	c, err := net.Dial("tcp", f.addr)
	if err != nil {
		f.t.Fatal(err)
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	f.t.Cleanup(func() { _ = c.Close() })
	return c
}

// answered is an answer, read in full.
type answered struct {
	*http.Response
	text string
}

// raw sends bytes on a connection of their own and reads one answer.
func (f *fixture) raw(method, request string) answered {
	f.t.Helper()
	c := f.dial()
	if _, err := io.WriteString(c, request); err != nil && !errors.Is(err, net.ErrClosed) {
		f.t.Logf("sending: %v", err) // refused in the middle: the answer is there
	}
	r := bufio.NewReader(c)
	a := readAnswer(f.t, r, method)
	if a.StatusCode == 100 {
		a = readAnswer(f.t, r, method)
	}
	_ = c.Close()
	return a
}

func readAnswer(t *testing.T, r *bufio.Reader, method string) answered {
	t.Helper()
	resp, err := http.ReadResponse(r, &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answered{resp, string(body)}
}

// do sends a request with these field lines; a Host is added if there is none.
func (f *fixture) do(method, target string, fields ...string) answered {
	f.t.Helper()
	if !slices.ContainsFunc(fields, func(l string) bool { return strings.HasPrefix(l, "Host:") }) {
		fields = append(fields, "Host: "+f.addr)
	}
	return f.raw(method, method+" "+target+" HTTP/1.1\r\n"+strings.Join(fields, "\r\n")+"\r\n\r\n")
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		<-tick.C
	}
}

package backend

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"tutti/clock"
	"tutti/secure"
	"tutti/secure/securetest"
)

// checked is a backend in memory that is only ever checked. The n-th check meets the n-th of
// its answers, those after the last one meet that again.
type checked struct {
	mu      sync.Mutex
	script  []string
	begun   []time.Time // of each check
	request string      // of the last one
	at, max int         // checks at the same time: now, and at most
}

// Answers that are none.
const (
	hangsUp = "hang up"
	silent  = "silent"
	refuses = "refuse"
	short   = "no descriptor left"
	slowly  = "no connection" // connecting takes for ever
)

// plain is a whole answer with this status.
func plain(status int) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Length: 2\r\n\r\nok", status, http.StatusText(status))
}

var (
	well   = plain(200)
	unwell = plain(503)
)

func (f *checked) says(script ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = script
}

func (f *checked) checks() []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.begun)
}

func (f *checked) connect(ctx context.Context) (net.Conn, error) {
	f.mu.Lock()
	f.begun = append(f.begun, time.Now())
	answer := f.script[0]
	if len(f.script) > 1 {
		f.script = f.script[1:]
	}
	f.at++
	f.max = max(f.max, f.at)
	f.mu.Unlock()
	over := func() {
		f.mu.Lock()
		f.at--
		f.mu.Unlock()
	}
	switch answer {
	case refuses:
		over()
		return nil, os.NewSyscallError("connect", syscall.ECONNREFUSED)
	case short:
		over()
		return nil, os.NewSyscallError("socket", syscall.EMFILE)
	case slowly:
		<-ctx.Done()
		over()
		return nil, ctx.Err()
	}
	mine, yours := net.Pipe()
	go func() {
		defer mine.Close()
		f.serve(mine, answer)
	}()
	return &closing{yours, over}, nil
}

// closing is a connection that tells when it is closed.
type closing struct {
	net.Conn
	tell func()
}

func (c *closing) Close() error {
	c.tell()
	return c.Conn.Close()
}

func (f *checked) serve(c net.Conn, answer string) {
	var raw bytes.Buffer
	if _, err := http.ReadRequest(bufio.NewReader(io.TeeReader(c, &raw))); err != nil {
		return
	}
	f.mu.Lock()
	f.request = raw.String()
	f.mu.Unlock()
	if answer == hangsUp {
		return
	}
	if answer != silent {
		_, _ = io.WriteString(c, answer)
	}
	_, _ = io.Copy(io.Discard, c) // until it is closed
}

// checks every 5 s within 2 s.
var everyFiveSeconds = Checks{Path: "/up?deep=1", Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3}

// withChecks runs f in a bubble with a group of n backends that are well.
func withChecks(t *testing.T, n int, o Options, f func(t *testing.T, g *Group, fakes []*checked)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var bs []*Backend
		var fakes []*checked
		for i := range n {
			if o.Checks.Path == "" {
				o.Checks = everyFiveSeconds
			}
			b, err := New(fmt.Sprintf("127.0.0.1:%d", i+1), i, o, nil)
			if err != nil {
				t.Fatal(err)
			}
			fake := &checked{script: []string{well}}
			b.checker.connect = fake.connect
			bs, fakes = append(bs, b), append(fakes, fake)
		}
		g := NewGroup(bs)
		defer g.Close()
		synctest.Wait()
		f(t, g, fakes)
		g.Close()
		for _, fake := range fakes {
			synctest.Wait()
			if fake.max > 1 {
				t.Errorf("%d checks of one backend at the same time", fake.max)
			}
		}
	})
}

// fall and rise are longer than so many checks take to change anything.
const (
	fall = 3 * 5 * time.Second
	rise = 2 * 5 * time.Second
)

func TestABackendThatFailsItsChecksTakesNoReadsUntilItPassesThem(t *testing.T) {
	var out bytes.Buffer
	o := Options{Log: slog.New(slog.NewTextHandler(&out, nil))}
	withChecks(t, 3, o, func(t *testing.T, g *Group, fakes []*checked) {
		b := g.All()[1]
		ups := 0
		b.OnUp(func() { ups++ })
		if c := picks(g, 9000); !slices.Equal(c, []int{3000, 3000, 3000}) {
			t.Errorf("all well: %v", c)
		}
		fakes[1].says(unwell)
		after(fall)
		isIn(t, b, Unhealthy)
		if b.Up() {
			t.Error("it is up")
		}
		if c := picks(g, 1000); !slices.Equal(c, []int{500, 0, 500}) {
			t.Errorf("one unwell: %v", c)
		}
		after(time.Hour)
		for range 100 {
			b.Succeeded() // a write that was owed to it, say
			b.Failed(ErrTimeout)
			b.Failed(ErrRefused)
			b.Failed(ErrTerminated)
		}
		isIn(t, b, Unhealthy)
		fakes[1].says(well)
		back := time.Now().Add(rise)
		for s, _ := b.State(); s != Live && time.Now().Before(back); s, _ = b.State() {
			after(10 * time.Millisecond)
		}
		isIn(t, b, Live)
		if !b.Up() || ups != 1 {
			t.Errorf("up is %v, OnUp was called %d times", b.Up(), ups)
		}
		if c := picks(g, 160+10+160); !slices.Equal(c, []int{160, 10, 160}) {
			t.Errorf("just back: %v", c)
		}
		after(returnSteps * returnStep)
		if c := picks(g, 9000); !slices.Equal(c, []int{3000, 3000, 3000}) {
			t.Errorf("all well again: %v", c)
		}
	})
	want := []string{
		`level=WARN msg="backend is down" backend=127.0.0.1:2 why="check: status 503" no_reads_for="its checks pass"`,
		`level=INFO msg="backend is back" backend=127.0.0.1:2 down_for=1h0m`,
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(want) || !strings.HasSuffix(lines[0], want[0]) || !strings.Contains(lines[1], want[1]) {
		t.Errorf("logged:\n%s", &out)
	}
}

func TestOnlyConsecutiveChecksCount(t *testing.T) {
	withChecks(t, 1, Options{}, func(t *testing.T, g *Group, fakes []*checked) {
		b, f := g.All()[0], fakes[0]
		f.says(unwell, unwell, well, unwell, unwell, well, well, well, well, well)
		after(time.Minute)
		isIn(t, b, Live)
		f.says(unwell)
		after(fall)
		f.says(well, unwell, well, unwell, well, unwell)
		after(time.Minute)
		isIn(t, b, Unhealthy)
	})
}

func TestWhatPassesACheckAndWhatDoesNot(t *testing.T) {
	for _, tc := range []struct {
		answer string
		passes bool
		reason string
	}{
		{plain(200), true, ""},
		{plain(299), true, ""},
		{"HTTP/1.1 204 No Content\r\n\r\n", true, ""},
		{"HTTP/1.0 200 OK\r\n\r\nas long as it likes", true, ""},
		{"HTTP/1.1 103 Early Hints\r\n\r\n" + well, true, ""},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe", true, ""}, // the head decides
		{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", true, ""},
		{plain(301), false, "status 301"},
		{plain(404), false, "status 404"},
		{plain(500), false, "status 500"},
		{unwell, false, "status 503"},
		{"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", false, "status 101"},
		{strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 17) + well, false, "http_protocol_error"},
		{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", false, "http_protocol_error"},
		{"220 smtp.example ready\r\n\r\n", false, "http_protocol_error"},
		{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n", false, "http_protocol_error"},
		{"HTTP/1.1 200 OK\r\nContent-Len", false, "http_response_timeout"},
		{silent, false, "http_response_timeout"},
		{hangsUp, false, "connection_terminated"},
		{refuses, false, "connection_refused"},
		{slowly, false, "connection_timeout"},
	} {
		var out bytes.Buffer
		o := Options{Log: slog.New(slog.NewTextHandler(&out, nil))}
		withChecks(t, 1, o, func(t *testing.T, g *Group, fakes []*checked) {
			fakes[0].says(tc.answer)
			after(fall + 2*time.Second)
			want := Unhealthy
			if tc.passes {
				want = Live
			}
			if s, _ := g.All()[0].State(); s != want {
				t.Errorf("%.60q makes it %s", tc.answer, s)
			}
		})
		if !tc.passes && !strings.Contains(out.String(), `why="check: `+tc.reason+`"`) {
			t.Errorf("%.60q: logged\n%s", tc.answer, &out)
		}
	}
}

func TestWhatThisMachineIsShortOfTellsNothingOfABackend(t *testing.T) {
	withChecks(t, 1, Options{}, func(t *testing.T, g *Group, fakes []*checked) {
		b, f := g.All()[0], fakes[0]
		f.says(unwell, unwell, short)
		after(time.Hour)
		isIn(t, b, Live)
		f.says(unwell)
		after(fall)
		f.says(well, short)
		after(time.Hour)
		isIn(t, b, Unhealthy)
	})
}

func TestACheckIsAnOrdinaryGet(t *testing.T) {
	withChecks(t, 1, Options{}, func(t *testing.T, g *Group, fakes []*checked) {
		want := "GET /up?deep=1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\nUser-Agent: tutti-health\r\nAccept: */*\r\nConnection: close\r\n\r\n"
		if got := fakes[0].request; got != want {
			t.Errorf("sent\n%s", got)
		}
	})
}

func TestABackendThatHangsIsTakenOutInTime(t *testing.T) {
	for _, answer := range []string{silent, slowly} {
		for _, c := range []Checks{
			everyFiveSeconds,
			{Path: "/", Interval: time.Second, Timeout: 10 * time.Second, Rise: 1, Fall: 2}, // longer than the interval
			{Path: "/", Interval: time.Minute, Timeout: time.Millisecond, Rise: 1, Fall: 1},
		} {
			withChecks(t, 2, Options{Checks: c}, func(t *testing.T, g *Group, fakes []*checked) {
				after(10 * time.Minute)
				fakes[0].says(answer)
				after(time.Duration(c.Fall) * (c.Interval + c.Timeout))
				isIn(t, g.All()[0], Unhealthy)
				isIn(t, g.All()[1], Live)
			})
		}
	}
}

func TestChecksBeginAtOnceAndDoNotBeatTogether(t *testing.T) {
	withChecks(t, 8, Options{}, func(t *testing.T, g *Group, fakes []*checked) {
		start := time.Now()
		second := map[time.Time]bool{}
		after(time.Minute)
		for _, f := range fakes {
			all := f.checks()
			if !all[0].Equal(start) {
				t.Errorf("the first one came %v late", all[0].Sub(start))
			}
			for i := range all[2:] {
				if d := all[i+2].Sub(all[i+1]); d > 5*time.Second || d < 4*time.Second {
					t.Errorf("%v between two", d)
				}
			}
			second[all[1]] = true
		}
		if len(second) != len(fakes) {
			t.Error("some beat together")
		}
	})
}

func TestTwoChecksOfABackendNeverOverlap(t *testing.T) {
	// withChecks looks: these take three times the interval.
	c := Checks{Path: "/", Interval: time.Second, Timeout: 3 * time.Second, Rise: 1, Fall: 1}
	withChecks(t, 1, Options{Checks: c}, func(t *testing.T, g *Group, fakes []*checked) {
		fakes[0].says(silent)
		after(time.Minute)
		if n := len(fakes[0].checks()); n < 19 || n > 22 {
			t.Errorf("%d checks in a minute", n)
		}
		// One whose answer's body has no end, for as long as anybody reads.
		fakes[0].says("HTTP/1.1 200 OK\r\n\r\n")
		after(time.Minute)
		isIn(t, g.All()[0], Live)
	})
}

func TestFailedExchangesEjectABackendThatPassesItsChecks(t *testing.T) {
	o := Options{EjectFor: time.Hour}
	withChecks(t, 2, o, func(t *testing.T, g *Group, fakes []*checked) {
		b := g.All()[0]
		after(time.Minute)
		eject(b)
		isIn(t, b, Ejected)
		after(rise)
		isIn(t, b, Live) // long before its time
		b.Failed(ErrTimeout)
		isIn(t, b, Ejected) // it was on probation
		after(rise)
		b.Succeeded()
		b.Failed(ErrTimeout)
		b.Failed(ErrTimeout)
		isIn(t, b, Live)
		b.Failed(ErrTimeout)
		isIn(t, b, Ejected)
		fakes[0].says(unwell)
		after(fall)
		isIn(t, b, Unhealthy)
		b.Resume() // ends the ejection alone
		isIn(t, b, Unhealthy)
		fakes[0].says(well)
		after(rise)
		isIn(t, b, Live)
	})
}

func TestAnEjectionEndsByTimeWhileChecksPassTooSeldom(t *testing.T) {
	o := Options{EjectFor: time.Second}
	withChecks(t, 1, o, func(t *testing.T, g *Group, _ []*checked) {
		eject(g.All()[0])
		after(1100 * time.Millisecond)
		isIn(t, g.All()[0], Live)
	})
}

func TestAnEjectionThatEndsLeavesItUnhealthy(t *testing.T) {
	withChecks(t, 1, Options{}, func(t *testing.T, g *Group, fakes []*checked) {
		b := g.All()[0]
		fakes[0].says(unwell)
		eject(b)
		after(fall)
		isIn(t, b, Unhealthy)
		after(time.Minute)
		isIn(t, b, Unhealthy)
		if b.Up() {
			t.Error("it is up")
		}
		fakes[0].says(well)
		after(rise)
		isIn(t, b, Live)
		b.Failed(ErrRefused)
		isIn(t, b, Ejected) // time had put it on probation
	})
}

func TestChecksBegunBeforeAFailureDoNotCountAfterIt(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		b.health.rise = 1
		began := clock.Now()
		after(time.Second)
		eject(b)
		b.passed(began)
		isIn(t, b, Ejected)
		b.connected(ErrRefused)
		b.passed(b.health.badAt)
		if b.Up() {
			t.Error("up")
		}
		b.passed(b.health.badAt + 1)
		isIn(t, b, Live)
		if !b.Up() {
			t.Error("not up")
		}
	})
}

func TestADrainedBackendIsCheckedAndStaysDrained(t *testing.T) {
	withChecks(t, 2, Options{}, func(t *testing.T, g *Group, fakes []*checked) {
		b := g.All()[0]
		b.Drain()
		fakes[0].says(unwell)
		after(fall)
		isIn(t, b, Drained)
		if b.Up() {
			t.Error("up though unhealthy")
		}
		fakes[1].says(unwell)
		after(fall)
		if c := picks(g, 10); c[0] != 0 || c[1] != 10 {
			t.Errorf("drained is never, unhealthy is the last resort: %v", c)
		}
		b.Resume()
		isIn(t, b, Unhealthy)
		if c := picks(g, 10); c[0] != 5 || c[1] != 5 {
			t.Errorf("both unhealthy: %v", c)
		}
		fakes[0].says(well)
		after(rise)
		isIn(t, b, Live)
		if c := picks(g, 10); c[0] != 10 {
			t.Errorf("one healthy: %v", c)
		}
	})
}

func TestEjectedAndUnhealthyOnesAreTheSameLastResort(t *testing.T) {
	withChecks(t, 4, Options{EjectFor: time.Hour}, func(t *testing.T, g *Group, fakes []*checked) {
		fakes[0].says(unwell)
		fakes[1].says(unwell)
		after(fall)
		g.All()[2].Lack(1)
		if c := picks(g, 12); !slices.Equal(c, []int{0, 0, 0, 12}) {
			t.Errorf("one lives and lacks nothing: %v", c)
		}
		eject(g.All()[3])
		if c := picks(g, 12); !slices.Equal(c, []int{0, 0, 12, 0}) {
			t.Errorf("one lives: %v", c)
		}
		eject(g.All()[2])
		if c := picks(g, 12); !slices.Equal(c, []int{3, 3, 3, 3}) || g.AnyLive() {
			t.Errorf("none lives: %v", c)
		}
	})
}

func TestCloseEndsAHangingCheckAtOnce(t *testing.T) {
	for _, answer := range []string{silent, slowly, "HTTP/1.1 200 OK\r\n\r\n"} {
		c := Checks{Path: "/", Interval: time.Second, Timeout: time.Hour, Rise: 1, Fall: 1}
		withChecks(t, 1, Options{Checks: c}, func(t *testing.T, g *Group, fakes []*checked) {
			fakes[0].says(answer)
			after(time.Minute)
			start := time.Now()
			g.Close()
			if d := time.Since(start); d != 0 {
				t.Errorf("it took %v", d)
			}
			isIn(t, g.All()[0], Live) // a check that was cut has no verdict
		})
	}
}

func TestAFullPoolDoesNotStarveTheChecks(t *testing.T) {
	f := newFake(t, ok)
	b := newBackend(t, f.name(), func(o *Options) {
		o.MaxConns = 1
		o.Checks = Checks{Path: "/up", Interval: 5 * time.Millisecond, Timeout: time.Second, Fall: 1, Rise: 1}
	})
	c := acquired(t, b)
	defer c.Close()
	until(t, "many checks", func() bool { return f.requests.Load() > 10 })
	isIn(t, b, Live)
	if s := b.Stats(); s.Active != 1 || s.Idle != 0 {
		t.Errorf("checks count as connections: %+v", s)
	}
}

func TestAKilledBackendIsUnhealthyAndHealthyWhenItIsBack(t *testing.T) {
	f := newFakeAt(t, kept(t), ok)
	b := newBackend(t, f.name(), func(o *Options) {
		o.Checks = Checks{Path: "/", Interval: 5 * time.Millisecond, Timeout: time.Second}
	})
	until(t, "a check", func() bool { return f.requests.Load() > 0 })
	addr := f.ln.Addr().(*net.TCPAddr)
	f.close()
	until(t, "it is unhealthy", func() bool { s, _ := b.State(); return s == Unhealthy })
	back := newFakeAt(t, addr, ok)
	until(t, "it is healthy", func() bool { s, _ := b.State(); return s == Live && b.Up() })
	if back.requests.Load() < 2 {
		t.Errorf("after %d checks", back.requests.Load())
	}
}

func TestChecksVerifyABackendOverTLS(t *testing.T) {
	ours, theirs := securetest.New(t), securetest.New(t)
	f := newSecureFake(t, ours.Issue("127.0.0.1").Server(), nil, ok)
	for _, c := range []struct {
		authority *securetest.Authority
		state     State
	}{{ours, Live}, {theirs, Unhealthy}} {
		b := newBackend(t, f.name(), func(o *Options) {
			o.TLS = secure.ClientConfig("127.0.0.1", c.authority.Roots())
			o.Checks = Checks{Path: "/", Interval: 5 * time.Millisecond, Timeout: 5 * time.Second}
		})
		before := f.accepted.Load()
		until(t, "checks", func() bool {
			s, _ := b.State()
			return s == c.state && f.accepted.Load() > before+10
		})
		if s, _ := b.State(); s == Unhealthy && b.health.reason != ErrCertificate.Word {
			t.Errorf("because of %s", b.health.reason)
		}
	}
}

func TestUnfitChecksAreRefused(t *testing.T) {
	for _, c := range []Checks{
		{Path: "up"},
		{Path: "/a b"},
		{Path: "/a#b"},
		{Path: "/a\r\nHost: b"},
		{Path: "/\x00"},
		{Path: "/é"},
		{Interval: -1},
		{Timeout: -1},
		{Rise: -1},
		{Fall: -1},
	} {
		if _, err := New("a:80", 0, Options{Checks: c}, nil); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
	b, err := New("a:80", 0, Options{}, nil)
	if err != nil || b.o.Checks != (Checks{Interval: 5 * time.Second, Timeout: 2 * time.Second, Rise: 2, Fall: 3}) {
		t.Errorf("the defaults: %+v, %v", b.o.Checks, err)
	}
}

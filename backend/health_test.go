package backend

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tutti/metrics"
)

// backends makes one that is ejected after 3 failures for 10 s, in a bubble.
func inBubble(t *testing.T, f func(t *testing.T, b *Backend)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b, err := New("127.0.0.1:1", 0, Options{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		g := NewGroup([]*Backend{b})
		defer g.Close()
		f(t, b)
	})
}

// isIn fails unless b is in state s.
func isIn(t *testing.T, b *Backend, s State) {
	t.Helper()
	if got, _ := b.State(); got != s {
		t.Errorf("it is %s, want %s", got, s)
	}
}

// after lets fake time pass.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestOnlyConsecutiveFailuresEject(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		for range 10 {
			b.Failed(ErrTimeout)
			b.Failed(ErrTerminated)
			b.Succeeded()
		}
		isIn(t, b, Live)
		b.Failed(ErrProtocol)
		b.Failed(ErrDialTimeout)
		isIn(t, b, Live)
		b.Failed(ErrRefused)
		isIn(t, b, Ejected)
	})
}

func TestWhatIsNotTheBackendsFaultIsNoFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		for _, f := range []*Failure{nil, ErrBusy, ErrStale, ErrStaleUnsent, ErrInterrupted, ErrAbandoned} {
			for range 10 {
				b.Failed(f)
			}
			isIn(t, b, Live)
		}
	})
}

func TestAnEjectionDoublesWhileTheBackendGoesOnFailing(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		eject(b)
		for _, seconds := range []int{10, 20, 40, 80, 160, 300, 300} {
			isIn(t, b, Ejected)
			after(time.Duration(seconds-1) * time.Second)
			isIn(t, b, Ejected)
			b.Failed(ErrRefused) // while it is ejected: changes nothing
			after(time.Second + 10*time.Millisecond)
			isIn(t, b, Live) // on probation
			b.Failed(ErrRefused)
		}
		b.Succeeded()
		isIn(t, b, Live)
		b.Failed(ErrRefused)
		b.Failed(ErrRefused)
		isIn(t, b, Live) // no probation any more
		b.Failed(ErrRefused)
		isIn(t, b, Ejected)
		after(10*time.Second + 10*time.Millisecond)
		isIn(t, b, Live) // and the first span again
	})
}

func TestASuccessMakesItLiveAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		eject(b)
		if b.Up() {
			t.Error("up while ejected")
		}
		b.Succeeded()
		isIn(t, b, Live)
		if !b.Up() {
			t.Error("not up")
		}
	})
}

func TestOnUpIsCalledOncePerReturn(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		calls := 0
		b.OnUp(func() {
			calls++
			b.State() // no lock is held
			if !b.Up() {
				t.Error("called while it is not up")
			}
		})
		b.Succeeded()
		b.connected(nil)
		if calls != 0 {
			t.Errorf("called %d times without a change", calls)
		}
		b.connected(ErrRefused)
		if b.Up() {
			t.Error("up after a failed connect")
		}
		isIn(t, b, Live)
		b.connected(ErrRefused)
		b.connected(nil)
		if calls != 1 || !b.Up() {
			t.Errorf("after a connect: %d calls", calls)
		}
		b.Failed(ErrTimeout)
		b.Failed(ErrTimeout)
		b.Failed(ErrTimeout)
		after(11 * time.Second)
		if calls != 2 {
			t.Errorf("on probation: %d calls", calls)
		}
		b.Succeeded()
		b.connected(ErrRefused)
		b.Drain()
		b.Resume()
		if calls != 3 {
			t.Errorf("resumed: %d calls", calls)
		}
	})
}

func TestAfterAFailedConnectItIsDownUntilOneSucceeds(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		b.connected(ErrRefused)
		eject(b)
		after(11 * time.Second)
		isIn(t, b, Live)
		if b.Up() {
			t.Error("time alone made it up")
		}
		b.connected(nil)
		if !b.Up() {
			t.Error("a connect did not")
		}
	})
}

func TestADrainedBackendTakesWrites(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		b.Drain()
		isIn(t, b, Drained)
		if !b.Up() || b.group.Pick(0) != nil {
			t.Error("it takes no writes, or reads")
		}
		eject(b)
		isIn(t, b, Drained)
		if b.Up() {
			t.Error("up though ejected")
		}
		after(time.Minute)
		isIn(t, b, Drained)
		b.Resume()
		isIn(t, b, Live)
		if b.group.Pick(0) != b {
			t.Error("it takes no reads after Resume")
		}
	})
}

func TestTheStateSaysSinceWhen(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		after(time.Minute)
		eject(b)
		if _, since := b.State(); since != time.Now().UnixNano() {
			t.Errorf("since %v", time.Unix(0, since))
		}
		at := time.Now()
		after(time.Second)
		if _, since := b.State(); since != at.UnixNano() {
			t.Errorf("since %v", time.Unix(0, since))
		}
	})
}

// logged runs f on a backend in a bubble and returns the log's lines without their beginnings.
func logged(t *testing.T, f func(b *Backend)) []string {
	t.Helper()
	var out bytes.Buffer
	synctest.Test(t, func(t *testing.T) {
		b, err := New("127.0.0.1:1", 0, Options{Log: slog.New(slog.NewTextHandler(&out, nil))}, nil)
		if err != nil {
			t.Fatal(err)
		}
		g := NewGroup([]*Backend{b})
		defer g.Close()
		f(b)
	})
	var lines []string
	for line := range strings.Lines(out.String()) {
		_, line, _ = strings.Cut(strings.TrimSpace(line), "level=")
		lines = append(lines, strings.Replace(line, " backend=127.0.0.1:1", "", 1))
	}
	return lines
}

func TestTheLogHasALineWhenABackendGoesAndOneWhenItIsBack(t *testing.T) {
	goes := `WARN msg="backend is down" why=connection_refused no_reads_for=10s`
	for _, c := range []struct {
		name string
		f    func(b *Backend)
		want []string
	}{
		{"down once", func(b *Backend) {
			eject(b)
			after(4 * time.Second)
			for range 5 {
				b.Succeeded()
			}
		}, []string{goes, `INFO msg="backend is back" down_for=4s owed=0 parked=0`}},
		{"down for a while, under traffic that goes on", func(b *Backend) {
			for range 3600 {
				b.Failed(ErrTimeout)
				after(time.Second)
			}
			b.Succeeded()
		}, []string{
			`WARN msg="backend is down" why=http_response_timeout no_reads_for=10s`,
			`WARN msg="backend is still down" why=http_response_timeout down_for=10s no_reads_for=20s`,
			`WARN msg="backend is still down" why=http_response_timeout down_for=30s no_reads_for=40s`,
			`WARN msg="backend is still down" why=http_response_timeout down_for=1m10s no_reads_for=1m20s`,
			`WARN msg="backend is still down" why=http_response_timeout down_for=2m30s no_reads_for=2m40s`,
			`WARN msg="backend is still down" why=http_response_timeout down_for=5m10s no_reads_for=5m0s`,
			`INFO msg="backend is back"`,
		}},
		{"a failed connection that ejects nobody", func(b *Backend) {
			b.connected(ErrRefused)
			b.Failed(ErrRefused)
			b.connected(nil)
			b.Succeeded()
		}, nil},
		{"an operator", func(b *Backend) {
			b.Drain()
			b.Drain()
			b.Resume()
			b.Resume()
		}, []string{`INFO msg="backend drained: no reads, writes go on"`, `INFO msg="backend resumed" owed=0 parked=0`}},
		{"resumed while it is down", func(b *Backend) {
			eject(b)
			b.Resume()
			b.Succeeded()
			after(time.Second)
			eject(b)
		}, []string{goes, `INFO msg="backend resumed" owed=0 parked=0`, goes}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := logged(t, c.f)
			if c.name == "down for a while, under traffic that goes on" { // every 5 min, at last
				if n := len(got); n < 16 || n > 18 {
					t.Errorf("%d lines in an hour", n)
				}
				got = append(got[:6], got[len(got)-1])
			}
			if len(got) != len(c.want) {
				t.Fatalf("logged:\n%s", strings.Join(got, "\n"))
			}
			for i := range got {
				if !strings.HasPrefix(got[i], c.want[i]) {
					t.Errorf("logged %s\n  not %s", got[i], c.want[i])
				}
			}
		})
	}
}

func TestItIsDownUntilItHasProvedWell(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		is := func(want time.Time, whyWanted string) {
			t.Helper()
			since, why := b.Down()
			if want.IsZero() && since != 0 || !want.IsZero() && since != want.UnixNano() || why != whyWanted {
				t.Errorf("down since %v, why %q; want %v, %q", time.Unix(0, since), why, want, whyWanted)
			}
		}
		is(time.Time{}, "")
		after(time.Minute)
		went := time.Now()
		b.connected(ErrRefused)
		is(went, "connection_refused")
		after(time.Second)
		for range 3 {
			b.Failed(ErrTimeout)
		}
		is(went, "http_response_timeout")
		after(time.Minute) // it is ejected no longer, but nobody has tried
		is(went, "http_response_timeout")
		b.connected(nil)
		is(went, "http_response_timeout") // on probation
		if !b.Up() {
			t.Error("not up")
		}
		b.Succeeded()
		is(time.Time{}, "")
		b.Drain()
		is(time.Time{}, "")
	})
}

func TestSinceIsWhenUpChangedToo(t *testing.T) {
	inBubble(t, func(t *testing.T, b *Backend) {
		after(time.Minute)
		b.connected(ErrRefused)
		if _, since := b.State(); since != time.Now().UnixNano() {
			t.Errorf("since %v", time.Unix(0, since))
		}
	})
}

func TestRefusedConnectionsEject(t *testing.T) {
	b := newBackend(t, refusing(t), func(o *Options) { o.EjectAfter = 3 })
	for i := range 3 {
		isIn(t, b, Live)
		if _, _, err := do(b, get); err != ErrRefused {
			t.Error(err)
		}
		if b.Up() {
			t.Errorf("up after %d refusals", i+1)
		}
	}
	isIn(t, b, Ejected)
}

func TestAnyStatusIsASuccess(t *testing.T) {
	b := newBackend(t, newFake(t, closes, closes, says("HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"), closes).name(),
		func(o *Options) { o.EjectAfter = 3 })
	for range 5 {
		_, _, _ = do(b, get)
		isIn(t, b, Live)
	}
	_, _, _ = do(b, get)
	isIn(t, b, Ejected)
}

func TestChangesAreLoggedAndCounted(t *testing.T) {
	var out bytes.Buffer
	set := metrics.New([]string{"127.0.0.1:1"})
	b, err := New("127.0.0.1:1", 0, Options{EjectFor: time.Hour, Log: slog.New(slog.NewTextHandler(&out, nil))}, set.Backend(0))
	if err != nil {
		t.Fatal(err)
	}
	b.Owing(func() (owed, parked int) {
		b.State() // no lock is held
		return 17, 3
	})
	for range 10 {
		b.Failed(ErrRefused)
	}
	b.Succeeded()
	b.Succeeded()
	for _, line := range []string{
		`level=WARN msg="backend is down" backend=127.0.0.1:1 why=connection_refused no_reads_for=1h`,
		`level=INFO msg="backend is back" backend=127.0.0.1:1`, ` owed=17 parked=3`,
	} {
		if strings.Count(out.String(), line) != 1 {
			t.Errorf("not logged once: %s\nin:\n%s", line, &out)
		}
	}
	out.Reset()
	set.WritePrometheus(&out)
	if !strings.Contains(out.String(), `tutti_backend_ejections_total{backend="127.0.0.1:1"} 1`) {
		t.Error("the ejection was not counted")
	}
}

func TestExchangesAreCounted(t *testing.T) {
	f := newFake(t, ok, ok, says("HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), closes)
	set := metrics.New([]string{f.name()})
	b, err := New(f.name(), 0, Options{TLS: f.client}, set.Backend(0))
	if err != nil {
		t.Fatal(err)
	}
	g := NewGroup([]*Backend{b})
	defer g.Close()
	for range 4 {
		_, _, _ = do(b, get)
	}
	var out bytes.Buffer
	set.WritePrometheus(&out)
	for _, line := range []string{
		`tutti_backend_requests_total{backend="` + f.name() + `",code="200"} 2`,
		`tutti_backend_requests_total{backend="` + f.name() + `",code="404"} 1`,
		`tutti_backend_requests_total{backend="` + f.name() + `",code="error"} 1`,
		`tutti_backend_duration_seconds_count{backend="` + f.name() + `"} 3`,
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no line %s", line)
		}
	}
}

func TestOptionsAndNamesAreChecked(t *testing.T) {
	for _, name := range []string{"", "a", "a:", ":80", "a:0", "a:65536", "a:http", "[::1]", "a:b:c", "http://a:80"} {
		if _, err := New(name, 0, Options{}, nil); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	for _, name := range []string{"a:80", "[::1]:80", "127.0.0.1:65535", "server-1.example:8080"} {
		if b, err := New(name, 0, Options{}, nil); err != nil || b.Name() != name {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, o := range []Options{{DialTimeout: -1}, {ResponseTimeout: -1}, {StreamTimeout: -1}, {IdleTimeout: -1}, {EjectFor: -1}, {MaxConns: -1}, {EjectAfter: -1}, {MaxHeader: -1}} {
		if _, err := New("a:80", 0, o, nil); err == nil {
			t.Errorf("%+v was taken", o)
		}
	}
	for _, i := range []int{-1, 64} {
		if _, err := New("a:80", i, Options{}, nil); err == nil {
			t.Errorf("number %d was taken", i)
		}
	}
}

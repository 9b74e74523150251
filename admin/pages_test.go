package admin

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"tutti/backend"
	"tutti/fanout"
)

func decode[T any](t *testing.T, a answered) T {
	t.Helper()
	var v T
	d := json.NewDecoder(strings.NewReader(a.text))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, a.text)
	}
	return v
}

// page is writesPage as a client sees it: a Ref can't be read back.
type page struct {
	Writes []struct {
		ID, State, Accepted, Method, Path string
		Durable                           bool
		Sequence                          uint64
		Backends                          []struct {
			Backend, State string
			Attempts       int
		}
	}
	Next string
}

func TestWritesArePagedWithoutLossOrRepeat(t *testing.T) {
	f := start(t, setup{writes: someWrites(1234)})
	for _, c := range []struct {
		target       string
		pages, total int
		state        string
	}{
		{"/-/writes", 13, 1234, ""},           // by 100
		{"/-/writes?limit=1000", 2, 1234, ""}, //
		{"/-/writes?limit=617", 3, 1234, ""},  // full pages: one more, which is empty
		{"/-/writes?state=parked&limit=300", 2, 411, "parked"},
		{"/-/writes?state=&backend=&limit=&after=", 13, 1234, ""}, // empty is not given
		{"/-/writes?backend=%5B::1%5D:2&limit=1000", 2, 1234, ""},
		{"/-/writes?after=12330", 1, 1, ""},
		{"/-/writes?after=18446744073709551615", 1, 0, ""},
	} {
		seen, last, pages := 0, uint64(0), 0
		for target := c.target; target != ""; pages++ {
			got := f.do("GET", target)
			if got.StatusCode != 200 || got.Header.Get("Content-Type") != "application/json" {
				t.Fatalf("%s: %d %s", target, got.StatusCode, got.text)
			}
			p := decode[page](t, got)
			for _, w := range p.Writes {
				if w.Sequence <= last || (c.state != "" && w.State != c.state) {
					t.Fatalf("%s: %+v after %d", target, w, last)
				}
				last = w.Sequence
			}
			seen += len(p.Writes)
			target = p.Next
		}
		if seen != c.total || pages != c.pages {
			t.Errorf("%s: %d writes on %d pages, want %d on %d", c.target, seen, pages, c.total, c.pages)
		}
	}
	if got := f.do("GET", "/-/writes?after=99999"); got.text != `{"writes":[]}`+"\n" {
		t.Errorf("an empty page is %s", got.text)
	}
}

func TestTheNextPageKeepsTheFilter(t *testing.T) {
	target := next(fanout.Filter{State: "parked", Backend: "[::1]:2", Limit: 7}, 42)
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	if u.Path != "/-/writes" || q.Get("state") != "parked" || q.Get("backend") != "[::1]:2" ||
		q.Get("limit") != "7" || q.Get("after") != "42" {
		t.Errorf("got %s", target)
	}
}

func TestABadParameterIsToldWhatIsAccepted(t *testing.T) {
	f := start(t, setup{})
	for _, c := range []struct{ target, detail string }{
		{"/-/writes?state=done", "pending, parked or settled"},
		{"/-/writes?state=PENDING", "pending, parked or settled"},
		{"/-/writes?backend=nobody:1", "one of a:1, [::1]:2"},
		{"/-/writes?limit=0", "from 1 to 1000"},
		{"/-/writes?limit=1001", "from 1 to 1000"},
		{"/-/writes?limit=-1", "from 1 to 1000"},
		{"/-/writes?limit=1e2", "from 1 to 1000"},
		{"/-/writes?limit=99999999999999999999", "from 1 to 1000"},
		{"/-/writes?after=-1", "sequence"},
		{"/-/writes?after=18446744073709551616", "sequence"},
		{"/-/writes?limit=1&limit=2", "once"},
		{"/-/writes?lim=1", "state, backend, limit, after"},
		{"/-/writes?a;b", "malformed"},
		{"/-/status?history_after=now", "Unix milliseconds"},
		{"/-/status?history=0", "there are history_after"},
		{"/-/writes?limit=%zz", "malformed"},
		{"/debug/pprof/profile?seconds=0", "from 1 to 120"},
		{"/debug/pprof/profile?seconds=121", "from 1 to 120"},
		{"/debug/pprof/trace?seconds=31", "from 1 to 30"},
		{"/debug/pprof/heap?debug=3", "from 0 to 2"},
		{"/debug/pprof/heap?gc=x", "from 0 to 1"},
		{"/debug/pprof/heap?seconds=9", "debug, gc"},
	} {
		got := f.do("GET", c.target)
		if p := decode[problem](t, got); got.StatusCode != 400 || p.Status != 400 || !strings.Contains(p.Detail, c.detail) {
			t.Errorf("%s: %d %s", c.target, got.StatusCode, got.text)
		}
		checkAnswer(t, "GET", got)
	}
}

func TestOneWriteIsShownWithoutMarkup(t *testing.T) {
	f := start(t, setup{})
	got := f.do("GET", "/-/writes/"+id(2))
	if strings.ContainsAny(got.text, "<>") || !strings.Contains(got.text, `"path":"/register?\u003cscript\u003e"`) {
		t.Errorf("got %s", got.text)
	}
	if got := f.do("GET", "/-/writes/"+id(77)); got.StatusCode != 404 || decode[problem](t, got).ID != id(77) {
		t.Errorf("unknown: %d %s", got.StatusCode, got.text)
	}
}

func TestAnOperatorsChangeAnswersWithWhatBecameOfIt(t *testing.T) {
	var log lockedBuffer
	f := start(t, setup{log: &log})
	for _, c := range []struct {
		method, target string
		err            error
		status         int
		has            string
	}{
		{"POST", "/-/writes/" + id(1) + "/retry", nil, 200, `"id":"` + id(1)},
		{"POST", "/-/writes/" + id(1) + "/retry", fanout.ErrState, 409, "can be retried"},
		{"POST", "/-/writes/" + id(1) + "/retry", fanout.ErrOvertaken, 409, "?force=1"},
		{"POST", "/-/writes/" + id(1) + "/retry?force=1", nil, 200, `"id":"` + id(1)},
		{"POST", "/-/writes/" + id(1) + "/retry?force=yes", nil, 400, "force must be"},
		{"POST", "/-/writes/" + id(1) + "/retry", fanout.ErrUnknown, 404, "No write"},
		{"DELETE", "/-/writes/" + id(1), nil, 200, `"id":"` + id(1)},
		{"DELETE", "/-/writes/" + id(1), fanout.ErrState, 409, "can be dropped"},
		{"DELETE", "/-/writes/" + id(1), fanout.ErrUnknown, 404, "No write"},
		{"DELETE", "/-/writes/" + id(1), backend.ErrBusy, 500, "the log says more"}, // never told to a client
		{"POST", "/-/backends/a:1/drain", nil, 200, `"state":"drained"`},
		{"POST", "/-/backends/a:1/hold", nil, 200, `"state":"held"`},
		{"POST", "/-/backends/a:1/resume", nil, 200, `"state":"live"`},
		{"POST", "/-/backends/a:1/forget", nil, 200, `{"dropped":12,"sending":3,"backend":{"name":"a:1"`},
		{"POST", "/-/backends/a:1/forget", backend.ErrBusy, 500, "the log says more"},
	} {
		f.writes.mu.Lock()
		f.writes.err = c.err
		f.writes.mu.Unlock()
		got := f.do(c.method, c.target, "Tutti-Admin: 1", "Content-Length: 0")
		if got.StatusCode != c.status || !strings.Contains(got.text, c.has) {
			t.Errorf("%s %s (%v): %d %s", c.method, c.target, c.err, got.StatusCode, got.text)
		}
		checkAnswer(t, c.method, got)
	}
	for _, line := range []string{
		"did=retry id=" + id(1), "did=drop id=" + id(1), "did=drain backend=a:1", "did=hold backend=a:1",
		"did=resume backend=a:1", "did=forget backend=a:1 dropped=12 sending=3 from=127.0.0.1", backend.ErrBusy.Error(),
	} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("the log lacks %q:\n%s", line, log.String())
		}
	}
}

func TestReadyFlips(t *testing.T) {
	var stopping atomic.Bool
	f := start(t, setup{stopping: stopping.Load})
	want := func(code int, has string) {
		t.Helper()
		if got := f.do("GET", "/-/ready"); got.StatusCode != code || !strings.Contains(got.text, has) {
			t.Errorf("%d %s, want %d %q", got.StatusCode, got.text, code, has)
		}
		if got := f.do("GET", "/-/healthy"); got.StatusCode != 200 {
			t.Errorf("not healthy: %d", got.StatusCode)
		}
		if ready := decode[status](t, f.do("GET", "/-/status")).Ready; ready != (code == 200) {
			t.Errorf("the status page says %v", ready)
		}
	}
	want(200, "ready")
	f.backends[0].set(backend.Ejected)
	want(200, "ready")
	f.backends[1].set(backend.Drained)
	want(503, "No backend is live.")
	f.backends[0].set(backend.Live)
	want(200, "ready")
	stopping.Store(true)
	want(503, "stopping")
}

func TestStatusTellsOfBackendsAndWrites(t *testing.T) {
	f := start(t, setup{})
	f.backends[1].set(backend.Ejected)
	st := decode[status](t, f.do("GET", "/-/status"))
	if st.Version != "1.2.3" || st.Listen != ":8080" || st.Started.Unix() != 1e9 || st.UptimeSeconds < 1e8 || st.Stopping {
		t.Errorf("got %+v", st)
	}
	if w := (writesStatus{6, 3, 2, 1, 77, 0}); st.Writes != w {
		t.Errorf("writes %+v", st.Writes)
	}
	if c := (clientStatus{291, 6, 179, 106, 31070465, 0}); st.Clients != c {
		t.Errorf("clients %+v", st.Clients)
	}
	if len(st.Backends) != 2 {
		t.Fatalf("backends %+v", st.Backends)
	}
	a, b := st.Backends[0], st.Backends[1]
	if a.Name != "a:1" || a.State != "live" || a.Since.Unix() != 1e9 || !a.Up || a.Connections != (connectionStatus{1, 2, 3}) ||
		a.Owed != 4 || a.Parked != 5 || a.OldestOwedSeconds != 1.5 || a.Lacks != 4 {
		t.Errorf("a is %+v", a)
	}
	if a.DownSince != nil || a.Why != "" || !slices.Equal(a.Actions, []string{"drain", "hold", "forget"}) {
		t.Errorf("a is %+v", a)
	}
	if b.State != "ejected" || b.Owed != 0 || b.Up || b.DownSince == nil || b.DownSince.Unix() != 2e9 || b.Why != "connection_refused" ||
		!slices.Equal(b.Actions, []string{"resume", "drain", "hold"}) {
		t.Errorf("b is %+v", b)
	}
	if st.Changes != "open" || st.History != nil {
		t.Errorf("changes %q, history %v", st.Changes, st.History)
	}
}

func TestStatusTellsWhatAChangeNeeds(t *testing.T) {
	for want, in := range map[string]setup{
		"open":    {},
		"token":   {token: token},
		"refused": {offLoopback: true},
	} {
		if got := decode[status](t, start(t, in).do("GET", "/-/status")).Changes; got != want {
			t.Errorf("%+v: %s, not %s", in, got, want)
		}
	}
	if got := decode[status](t, start(t, setup{offLoopback: true, token: token}).do("GET", "/-/status")).Changes; got != "token" {
		t.Errorf("off loopback with a token: %s", got)
	}
}

func TestNginxStatusIsByteForByteNginxs(t *testing.T) {
	f := start(t, setup{})
	got := f.do("GET", "/nginx_status")
	// https://nginx.org/en/docs/http/ngx_http_stub_status_module.html, with the spaces that
	// nginx puts at the ends of lines 1, 3 and 4.
	want := "Active connections: 291 \n" +
		"server accepts handled requests\n" +
		" 16630948 16630948 31070465 \n" +
		"Reading: 6 Writing: 179 Waiting: 106 \n"
	if got.text != want || got.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("%q as %q", got.text, got.Header.Get("Content-Type"))
	}
}

func TestMetricsAreServed(t *testing.T) {
	f := start(t, setup{})
	got := f.do("GET", "/metrics")
	if !strings.Contains(got.text, "\nTotal_domains_success_counter_total 0\n") ||
		got.Header.Get("Content-Type") != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("%s: %.200s", got.Header.Get("Content-Type"), got.text)
	}
}

func TestTheIndexNamesEveryEndpoint(t *testing.T) {
	f := start(t, setup{})
	text := f.do("GET", "/-/").text
	for _, path := range []string{
		"/-/healthy", "/-/ready", "/-/status", "/-/writes", "/retry", "/drain", "/hold", "/resume", "/forget",
		"/metrics", "/nginx_status", "/debug/pprof/", "tutti 1.2.3",
	} {
		if !strings.Contains(text, path) {
			t.Errorf("%s is not there", path)
		}
	}
}

func TestMethodsAndPathsThatAreNot(t *testing.T) {
	f := start(t, setup{})
	for _, c := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"POST", "/", 405, "GET, HEAD"},
		{"PUT", "/-/status", 405, "GET, HEAD"},
		{"OPTIONS", "/-/writes", 405, "GET, HEAD"},
		{"TRACE", "/metrics", 405, "GET, HEAD"},
		{"BREW", "/metrics", 405, "GET, HEAD"},
		{"get", "/metrics", 405, "GET, HEAD"},
		{"POST", "/-/writes/" + id(1), 405, "GET, HEAD, DELETE"},
		{"GET", "/-/writes/" + id(1) + "/retry", 405, "POST"},
		{"GET", "/-/backends/a:1/drain", 405, "POST"},
		{"DELETE", "/-/backends/a:1/drain", 405, "POST"},
		{"GET", "/-/backends/a:1/hold", 405, "POST"},
		{"DELETE", "/-/backends/a:1/forget", 405, "POST"},
		{"POST", "/debug/pprof/heap", 405, "GET, HEAD"},
		{"CONNECT", "127.0.0.1:80", 405, "GET, HEAD, POST, DELETE"},
		{"GET", "/nothing", 404, ""},
		{"GET", "/-/page/", 404, ""},
		{"GET", "/-/page/index.html", 404, ""},
		{"GET", "/-/page/nothing.js", 404, ""},
		{"POST", "/-/page/page.js", 405, "GET, HEAD"},
		{"GET", "/-/status/", 404, ""},
		{"GET", "//-/status", 404, ""},
		{"GET", "/x/../-/status", 404, ""},
		{"GET", "/-/%73tatus", 404, ""},
		{"GET", "http://127.0.0.1/-/status", 404, ""}, // absolute form names a proxy's target
		{"OPTIONS", "*", 404, ""},
		{"GET", "/-/writes/" + strings.ToUpper(id(0xabc)), 404, ""},
		{"GET", "/-/writes/" + id(1)[1:], 404, ""},
		{"GET", "/-/writes/" + id(1) + "/", 404, ""},
		{"POST", "/-/writes/" + id(1) + "/retry/", 404, ""},
		{"POST", "/-/writes/" + id(1) + "/forget", 404, ""},
		{"POST", "/-/backends/a:1", 404, ""},
		{"POST", "/-/backends/a:1/explode", 404, ""},
		{"POST", "/-/backends/a%3A1%2Fdrain", 404, ""},
		{"GET", "/debug/pprof/nothing", 404, ""},
		{"GET", "/debug/pprof/heap/", 404, ""},
	} {
		got := f.do(c.method, c.target, "Tutti-Admin: 1")
		if got.StatusCode != c.status || got.Header.Get("Allow") != c.allow {
			t.Errorf("%s %s: %d, Allow %q", c.method, c.target, got.StatusCode, got.Header.Get("Allow"))
		}
		checkAnswer(t, c.method, got)
	}
	if n := f.done(); n != 0 {
		t.Errorf("%d changes", n)
	}
}

func TestAPageThatBreaksDoesNotEndTheProxy(t *testing.T) {
	var log lockedBuffer
	w := someWrites(1)
	w.breaks = true
	f := start(t, setup{writes: w, log: &log})
	got := f.do("GET", "/-/writes/"+id(0))
	if got.StatusCode != 500 || !got.Close || strings.Contains(got.text, "breaks") {
		t.Errorf("%d %s", got.StatusCode, got.text)
	}
	checkAnswer(t, "GET", got)
	if !strings.Contains(log.String(), "a page breaks") {
		t.Errorf("the log says nothing: %s", log.String())
	}
	if got := f.do("GET", "/-/healthy"); got.StatusCode != 200 {
		t.Errorf("then %d", got.StatusCode)
	}
}

package demo

import (
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPagesAnswerAsDocumented(t *testing.T) {
	g := started(t, Options{Count: 2})
	c, addr := client(t), g.Addrs()[1]
	long := strings.Repeat("u", maxUsername+1)
	for _, tc := range []struct {
		name, method, path string
		form               url.Values
		status             int
		body               string // begins with this
	}{
		{"a hint", "GET", "/", nil, 200, "a demo backend"},
		{"a login", "GET", "/login", nil, 200, "logged in on server2\n"},
		{"a login's query is nobody's business", "GET", "/login?username=a", nil, 200, "logged in on server2\n"},
		{"HEAD has no body", "HEAD", "/login", nil, 200, ""},
		{"a user", "POST", "/register", account("schef", "example"), 201, "registered on server2\n"},
		{"a password", "POST", "/changePassword", account("schef", "other"), 201, "password changed on server2\n"},
		{"a password of an unknown user, as writes may come in any order", "POST", "/changePassword", account("new", "x"), 201, "password changed"},
		{"no password is a password", "POST", "/register", url.Values{"username": {"a"}}, 201, "registered"},
		{"no form", "POST", "/register", nil, 400, "want a form with username"},
		{"no username", "POST", "/register", url.Values{"password": {"x"}}, 400, "want a form with username"},
		{"an empty username", "POST", "/register", account("", "x"), 400, "want a form"},
		{"too long a username", "POST", "/register", account(long, "x"), 400, "want a form"},
		{"the longest username", "POST", "/register", account(long[1:], "x"), 201, "registered"},
		{"reading a write", "GET", "/register", nil, 405, "only POST"},
		{"writing a read", "POST", "/login", account("a", "b"), 405, "only GET, HEAD"},
		{"writing the state", "DELETE", "/state", nil, 405, "only GET, HEAD"},
		{"no such page", "GET", "/nope", nil, 404, "not found"},
		{"under a page", "POST", "/register/x", account("a", "b"), 404, "not found"},
	} {
		status, body := ask(t, c, tc.method, addr, tc.path, "", tc.form)
		if status != tc.status || !strings.HasPrefix(body, tc.body) || (tc.body == "" && body != "") {
			t.Errorf("%s: %s %s answers %d %q, want %d %q", tc.name, tc.method, tc.path, status, body, tc.status, tc.body)
		}
	}
}

func TestAWrongMethodNamesTheRightOnes(t *testing.T) {
	g := started(t, Options{Count: 1})
	resp, err := do(client(t), "PUT", g.Addrs()[0], "/register", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("Allow"); got != "POST" {
		t.Errorf("Allow is %q, want POST", got)
	}
}

func TestAFormWithoutContentTypeIsRead(t *testing.T) {
	g := started(t, Options{Count: 1})
	c := dial(t, g.Addrs()[0])
	fmt.Fprint(c, "POST /register HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nusername=a")
	if got := firstLine(t, c); got != "HTTP/1.1 201 Created" {
		t.Errorf("the answer is %q", got)
	}
}

func TestTheStatePageIsJSON(t *testing.T) {
	g := started(t, Options{Count: 1, Names: []string{"left"}})
	c, addr := client(t), g.Addrs()[0]
	ask(t, c, "POST", addr, "/register", "", account("a", "1"))
	ask(t, c, "POST", addr, "/changePassword", "", account("a", "2"))
	ask(t, c, "POST", addr, "/register", "", account("b", "1"))
	_, body := ask(t, c, "GET", addr, "/state", "", nil)
	var got struct {
		Server, Digest string
		Writes, Users  int
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if got.Server != "left" || got.Writes != 3 || got.Users != 2 || len(got.Digest) != 64 {
		t.Errorf("the state is %s", body)
	}
	if in := g.Servers()[0].State(); in.Digest != got.Digest || in.Writes != 3 {
		t.Errorf("State is %+v, the page %s", in, body)
	}
}

func TestServersThatGotTheSameWritesAgree(t *testing.T) {
	g := started(t, Options{Count: 3, Flaky: 1, FailRate: 0.5, Seed: 7})
	c := client(t)
	const users, clients = 200, 8
	var wg sync.WaitGroup
	for n := range clients {
		wg.Go(func() {
			for u := n; u < users; u += clients {
				name := "user" + strconv.Itoa(u)
				for _, addr := range g.Addrs() {
					for _, path := range []string{"/register", "/changePassword"} {
						for try, status := 0, 0; status != 201; try++ {
							if try > 200 {
								t.Errorf("%s is never taken", name)
								return
							}
							status, _ = ask(t, c, "POST", addr, path, name+path, account(name, "secret"))
						}
					}
				}
			}
		})
	}
	wg.Wait()
	first := g.Servers()[0].State()
	if first.Users != users || first.Writes != 2*users {
		t.Fatalf("server1 has %+v", first)
	}
	for _, s := range g.Servers()[1:] {
		if got := s.State(); got.Digest != first.Digest || got.Writes != first.Writes || got.Users != first.Users {
			t.Errorf("%+v differs from %+v", got, first)
		}
	}
}

func TestTheLastServersAreFlakyAndDropOnlyTheirShareOfWrites(t *testing.T) {
	g := started(t, Options{Count: 3, Flaky: 2, FailRate: 0.3, Seed: 42})
	c := client(t)
	const n = 500
	for i, addr := range g.Addrs() {
		dropped := 0
		for k := range n {
			status, body := ask(t, c, "POST", addr, "/register", "", account(strconv.Itoa(k), "x"))
			switch {
			case status == 201:
			case status == 500 && body == "request dropped by server"+strconv.Itoa(i+1)+"\n":
				dropped++
			default:
				t.Fatalf("server%d answers %d %q", i+1, status, body)
			}
			if status, _ := ask(t, c, "GET", addr, "/login", "", nil); status != 200 {
				t.Fatalf("a read was answered %d", status)
			}
		}
		if got := g.Servers()[i].State().Writes; got != uint64(n-dropped) {
			t.Errorf("server%d applied %d writes of %d and dropped %d", i+1, got, n, dropped)
		}
		if i == 0 && dropped != 0 || i > 0 && (dropped < n/5 || dropped > n*2/5) {
			t.Errorf("server%d dropped %d of %d (seed 42)", i+1, dropped, n)
		}
	}
}

func TestEqualSeedsDropEqually(t *testing.T) {
	var runs [2]string
	for i := range runs {
		g := started(t, Options{Count: 1, Flaky: 1, FailRate: 0.5, Seed: 3})
		c := client(t)
		for range 50 {
			status, _ := ask(t, c, "POST", g.Addrs()[0], "/register", "", account("a", "x"))
			runs[i] += strconv.Itoa(status)
		}
	}
	if runs[0] != runs[1] {
		t.Errorf("two runs differ:\n%s\n%s", runs[0], runs[1])
	}
}

func TestLatencyDoesNotHoldOtherRequests(t *testing.T) {
	const latency, requests = time.Second, 16
	g := started(t, Options{Count: 1, Latency: latency})
	c := client(t)
	start := time.Now()
	var wg sync.WaitGroup
	for range requests {
		wg.Go(func() { ask(t, c, "GET", g.Addrs()[0], "/login", "", nil) })
	}
	wg.Wait()
	if took := time.Since(start); took < latency || took > requests*latency/2 {
		t.Errorf("%d requests at once took %v at a latency of %v", requests, took, latency)
	}
}

func TestServersTakePortsInTurn(t *testing.T) {
	base := freePorts(t, 3)
	g := started(t, Options{Count: 3, Listen: net.JoinHostPort("127.0.0.1", strconv.Itoa(base))})
	for i, addr := range g.Addrs() {
		if want := "127.0.0.1:" + strconv.Itoa(base+i); addr != want {
			t.Errorf("server%d is at %s, want %s", i+1, addr, want)
		}
	}
}

func TestAWildcardIsReachedThroughLoopback(t *testing.T) {
	for _, tc := range []struct{ listen, host string }{{":0", "127.0.0.1"}, {"0.0.0.0:0", "127.0.0.1"}, {"[::]:0", "127.0.0.1"}} {
		g, err := Start(Options{Count: 1, Listen: tc.listen})
		if err != nil {
			t.Logf("%s: %v", tc.listen, err) // no IPv6 here
			continue
		}
		if host, _, _ := net.SplitHostPort(g.Addrs()[0]); host != tc.host {
			t.Errorf("%s is reached at %s", tc.listen, g.Addrs()[0])
		}
		g.Close()
	}
}

func TestATakenPortStopsTheStartAndLeavesNothing(t *testing.T) {
	base := freePorts(t, 2)
	ln, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(base+1))
	if err != nil {
		t.Skip(err)
	}
	defer ln.Close()
	g, err := Start(Options{Count: 2, Listen: "127.0.0.1:" + strconv.Itoa(base)})
	if err == nil {
		g.Close()
		t.Fatal("it started")
	}
	if !strings.Contains(err.Error(), "cannot start demo backend server2") {
		t.Errorf("the error is %q", err)
	}
	again, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(base))
	if err != nil {
		t.Errorf("the first one's port is still taken: %v", err)
	} else {
		again.Close()
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	nan := 0.0
	nan /= nan
	for name, o := range map[string]Options{
		"none":            {},
		"too many flaky":  {Count: 1, Flaky: 2},
		"negative flaky":  {Count: 1, Flaky: -1},
		"a share above 1": {Count: 1, FailRate: 1.1},
		"no share":        {Count: 1, FailRate: nan},
		"a past":          {Count: 1, Latency: -1},
		"no address":      {Count: 1, Listen: "nowhere"},
		"no port":         {Count: 1, Listen: "127.0.0.1:http"},
		"past the ports":  {Count: 2, Listen: "127.0.0.1:65535"},
	} {
		if g, err := Start(o); err == nil {
			t.Errorf("%s is accepted", name)
			g.Close()
		}
	}
}

// freePorts returns the first of n ports in a row that were free a moment ago.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	for range 50 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		base := ln.Addr().(*net.TCPAddr).Port
		ln.Close()
		free := 0
		for i := range n {
			l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(base+i))
			if err != nil {
				break
			}
			l.Close()
			free++
		}
		if free == n {
			return base
		}
	}
	t.Skip("no ports in a row are free")
	return 0
}

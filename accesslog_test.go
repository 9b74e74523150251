package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// logged is a line of the JSON log.
type logged struct {
	Client, Request, Referer, Route, Backend string
	Status, Bytes, Delivered, Backends       int
	Tries                                    int
	Duration, Upstream                       float64
	Agent                                    string `json:"user_agent"`
	RequestID                                string `json:"request_id"`
	WriteID                                  string `json:"write_id"`
}

// heads is a backend that notes each request's head and answers as it is told.
type heads struct {
	addr string
	seen chan string
}

func newHeads(t *testing.T, answer string) *heads {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	h := &heads{ln.Addr().String(), make(chan string, 100)}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go h.serve(c, answer)
		}
	}()
	return h
}

func (h *heads) serve(c net.Conn, answer string) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for {
		var head strings.Builder
		length := 0
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if v, ok := strings.CutPrefix(line, "Content-Length: "); ok {
				length, _ = strconv.Atoi(strings.TrimSpace(v))
			}
			head.WriteString(line)
			if line == "\r\n" {
				break
			}
		}
		_, _ = io.CopyN(io.Discard, r, int64(length))
		h.seen <- head.String()
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

// exchange sends one request on a connection of its own and returns all that comes back.
func exchange(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, request)
	answer, _ := io.ReadAll(c)
	return string(answer)
}

// lines waits until the log has n lines.
func lines(t *testing.T, file string, n int) []string {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(10 * time.Second); ; <-tick.C {
		b, err := os.ReadFile(file)
		if got := strings.SplitAfter(string(b), "\n"); err == nil && len(got) > n {
			return got[:len(got)-1]
		}
		if time.Now().After(end) {
			t.Fatalf("%d lines are not there: %q, %v", n, b, err)
		}
	}
}

const created = "HTTP/1.1 201 Created\r\nContent-Length: 4\r\nContent-Type: text/plain\r\n\r\ndone"

func TestEachRequestIsALineInTheAccessLog(t *testing.T) {
	b := newHeads(t, created)
	file := filepath.Join(t.TempDir(), "access.log")
	_, addr := startService(t, "--listen=127.0.0.1:0", "--admin-listen=", "--backend="+b.addr,
		"--access-log="+file, "--access-log-format=json", "--max-header-size=1KiB", "--trusted-proxies=10.0.0.0/8")
	n := 0
	f := func(request string, want logged) {
		t.Helper()
		_, body, _ := strings.Cut(exchange(t, addr, request), "\r\n\r\n")
		want.Bytes = len(body) // exactly what the client got
		n++
		var got logged
		if err := json.Unmarshal([]byte(lines(t, file, n)[n-1]), &got); err != nil {
			t.Fatal(err)
		}
		if want.Backend != "" || want.Backends > 0 {
			if got.Upstream <= 0 || got.Duration < got.Upstream || got.Duration > 10 || len(got.RequestID) != 32 && got.RequestID != want.RequestID {
				t.Errorf("%q: %+v", request, got)
			}
			got.RequestID = want.RequestID
		}
		got.Duration, got.Upstream, want.Client = 0, 0, "127.0.0.1"
		if got != want {
			t.Errorf("%q:\n%+v, want\n%+v", request, got, want)
		}
	}
	const end = " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
	f("GET /login?a=b"+end+"User-Agent: me\r\nReferer: there\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n",
		logged{Request: "GET /login?a=b HTTP/1.1", Status: 201, Route: "balance", Backend: b.addr, Tries: 1, Agent: "me", Referer: "there"})
	f("HEAD /login"+end+"X-Request-Id: mine\r\n\r\n",
		logged{Request: "HEAD /login HTTP/1.1", Status: 201, Route: "balance", Backend: b.addr, Tries: 1, RequestID: "mine"})
	f("POST /register"+end+"Content-Length: 2\r\n\r\nab",
		logged{Request: "POST /register HTTP/1.1", Status: 201, Route: "fanout", Delivered: 1, Backends: 1, Tries: 1})
	// What the router answers.
	f("GET http://b/-/writes/x"+end+"\r\n", logged{Request: "GET http://b/-/writes/x HTTP/1.1", Status: 404, Route: "own"})
	f("TRACE /"+end+"\r\n", logged{Request: "TRACE / HTTP/1.1", Status: 405, Route: "refused"})
	// What the front answers, as far as it came and whatever is in it.
	f("GET /\x01\"é HTTP/1.1\r\nHost: a\r\nUser-Agent: me\r\n\r\n", logged{Request: "GET /\x01\"é HTTP/1.1", Status: 400, Route: "refused"})
	f("GET / HTTP/1.1\r\n\r\n", logged{Request: "GET / HTTP/1.1", Status: 400, Route: "refused"})
	f("GET /"+strings.Repeat("x", 1100), logged{Request: "GET /" + strings.Repeat("x", 1100), Status: 431, Route: "refused"})
	f("GET / HTTP/3.0\r\n\r\n", logged{Request: "GET / HTTP/3.0", Status: 505, Route: "refused"})
}

func TestTheAccessLogCountsWhatWasStreamed(t *testing.T) {
	const chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
	const size = 1 << 20
	f := func(answer string, least, most int) {
		t.Helper()
		b := newHeads(t, answer)
		file := filepath.Join(t.TempDir(), "access.log")
		_, addr := startService(t, "--listen=127.0.0.1:0", "--admin-listen=", "--backend="+b.addr, "--access-log="+file, "--stream-timeout=200ms")
		exchange(t, addr, "GET /login HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		words := strings.Fields(lines(t, file, 1)[0])
		if sent, err := strconv.Atoi(words[len(words)-3]); err != nil || sent < least || sent > most {
			t.Errorf("%v, want %d to %d", words, least, most)
		}
	}
	f("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"+strings.Repeat("x", size), size, size)
	f("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"+chunks, 15, 15)
	// Cut short: what there was.
	f("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n"+strings.Repeat("x", size), 0, size)
}

func TestOnlyTrustedProxiesSayWhoTheClientIs(t *testing.T) {
	f := func(trusted, fields, client string, want ...string) {
		t.Helper()
		b := newHeads(t, created)
		file := filepath.Join(t.TempDir(), "access.log")
		_, addr := startService(t, "--listen=127.0.0.1:0", "--admin-listen=", "--backend="+b.addr, "--access-log="+file, "--trusted-proxies="+trusted)
		// Reads, writes, and what is streamed, by the same rules.
		for i, request := range []string{
			"GET /login HTTP/1.1\r\n" + fields, "POST /register HTTP/1.1\r\nContent-Length: 1\r\n" + fields,
			"POST /login HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n" + fields,
		} {
			body := "x"
			if i == 0 {
				body = ""
			}
			exchange(t, addr, request+"Host: a\r\nConnection: close\r\n\r\n"+body)
			head := <-b.seen
			for _, line := range want {
				if strings.Count(head, "\r\n"+line+"\r\n") != 1 {
					t.Errorf("trusted %q, %q: %q lacks %q", trusted, fields, head, line)
				}
			}
			if n := strings.Count(strings.ToLower(head), "forwarded"); n != len(want) {
				t.Errorf("trusted %q, %q: %d forwarding fields in %q", trusted, fields, n, head)
			}
			if got := lines(t, file, i+1)[i]; !strings.HasPrefix(got, client+" - - [") {
				t.Errorf("trusted %q, %q: %q, want %s", trusted, fields, got, client)
			}
		}
	}
	const spoofed = "X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nForwarded: for=6.6.6.6\r\n"
	ours := []string{"X-Forwarded-For: 127.0.0.1", "X-Forwarded-Proto: http", "X-Forwarded-Host: a"}
	f("", spoofed, "127.0.0.1", ours...)
	f("10.0.0.0/8,::1", spoofed, "127.0.0.1", ours...)
	f("127.0.0.0/8", "", "127.0.0.1", ours...)
	f("10.0.0.0/8,127.0.0.0/8", "X-Forwarded-For: 6.6.6.6, 1.1.1.1\r\nX-Forwarded-For: 10.0.0.1\r\n", "1.1.1.1",
		"X-Forwarded-For: 6.6.6.6, 1.1.1.1, 10.0.0.1, 127.0.0.1", ours[1], ours[2])
	f("127.0.0.1", spoofed, "6.6.6.6",
		"X-Forwarded-For: 6.6.6.6, 127.0.0.1", "X-Forwarded-Proto: https", ours[2], `Forwarded: for=6.6.6.6, for=127.0.0.1;host="a";proto=http`)
}

func TestTrustedProxiesMayNotReadTheMetricsOfOthers(t *testing.T) {
	b := newHeads(t, created)
	_, addr := startService(t, "--listen=127.0.0.1:0", "--admin-listen=", "--backend="+b.addr, "--trusted-proxies=127.0.0.1")
	for field, want := range map[string]string{"": " 200 ", "X-Forwarded-For: 127.0.0.1\r\n": " 403 ", "Forwarded: for=127.0.0.1\r\n": " 403 "} {
		got := exchange(t, addr, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+field+"\r\n")
		if line, _, _ := strings.Cut(got, "\r\n"); !strings.Contains(line, want) {
			t.Errorf("%q: %q", field, line)
		}
	}
}

func TestEverybodyTrustedIsWarnedOf(t *testing.T) {
	c, err := parseFlags([]string{"--backend=a:1", "--trusted-proxies=::/0"}, nil)
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "any client can claim to be another") {
		t.Errorf("%v, %q", err, c.Warnings)
	}
}

func TestAnAccessLogThatCanNotBeOpenedIsOneLineAndExit1(t *testing.T) {
	var stdout, stderr strings.Builder
	code := run([]string{"--demo-backends=1", "--listen=127.0.0.1:0", "--admin-listen=", "--access-log=/nowhere/access.log"}, nil, nil, &stdout, &stderr)
	if want := "tutti: cannot open the access log: open /nowhere/access.log: no such file or directory\n"; code != exitFailed || stderr.String() != want {
		t.Errorf("%d, %q", code, stderr.String())
	}
}

func TestTheAccessLogIsWholeAfterAStop(t *testing.T) {
	b := newHeads(t, created)
	file := filepath.Join(t.TempDir(), "access.log")
	c, err := parseFlags([]string{"--listen=127.0.0.1:0", "--admin-listen=", "--backend=" + b.addr, "--access-log=" + file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(c, newLog(c, io.Discard), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for i := range 20 {
		if i == 10 { // as logrotate does
			if err := os.Rename(file, file+".1"); err != nil {
				t.Fatal(err)
			}
			s.reopenAccessLog()
		}
		resp, err := client.Get(fmt.Sprintf("http://%s/login?%d", s.clients, i))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	client.CloseIdleConnections()
	s.drain(t.Context())
	s.close()
	// A line follows its answer: the last one before the move may be in either.
	all := strings.Join(append(lines(t, file+".1", 1), lines(t, file, 1)...), "")
	for i := range 20 {
		if n := strings.Count(all, fmt.Sprintf(`"GET /login?%d HTTP/1.1" 201 4 `, i)); n != 1 {
			t.Errorf("request %d: %d lines in\n%s", i, n, all)
		}
	}
}

func TestTheIdOfAWriteIsLoggedWhereTheClientIsToldIt(t *testing.T) {
	good, silent := newHeads(t, created), newHeads(t, "")
	file := filepath.Join(t.TempDir(), "access.log")
	c, err := parseFlags([]string{
		"--listen=127.0.0.1:0", "--admin-listen=", "--backend=" + good.addr + "," + silent.addr,
		"--access-log=" + file, "--access-log-format=json", "--ack-timeout=50ms", "--shutdown-timeout=1ms",
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(c, newLog(c, io.Discard), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	answer := exchange(t, s.clients.String(), "POST /register HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
	var got logged
	if err := json.Unmarshal([]byte(lines(t, file, 1)[0]), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status != 202 || got.Delivered != 1 || got.Backends != 2 || got.Tries != 1 || got.Upstream < .05 ||
		len(got.WriteID) != 32 || !strings.Contains(answer, "\r\nLocation: /-/writes/"+got.WriteID+"\r\n") {
		t.Errorf("%+v for %q", got, answer)
	}
	s.drain(t.Context())
	s.close()
}

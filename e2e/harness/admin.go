package harness

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// adminClient keeps no connections: it must not show up among those a test counts, and leaves
// no goroutine behind.
func adminClient() *http.Client {
	return &http.Client{
		Timeout:   Limit,
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
	}
}

// StatusError is an answer with a status that was not asked for.
type StatusError struct {
	Status int
	Body   string
}

func (e *StatusError) Error() string { return fmt.Sprintf("status %d: %s", e.Status, e.Body) }

// Reply is an answer of the admin listener.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Get asks the admin listener.
func (p *Process) Get(path string) Reply {
	p.t.Helper()
	return p.Do(http.MethodGet, path)
}

// Change asks the admin listener for something that changes state, with the header it needs.
func (p *Process) Change(method, path string) Reply {
	p.t.Helper()
	return p.Do(method, path, "Tutti-Admin: 1")
}

// Do sends one request to the admin listener with the given fields ("Name: value"); Host too.
func (p *Process) Do(method, path string, fields ...string) Reply {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.Admin+path, nil)
	if err != nil {
		p.t.Fatalf("cannot make the request: %v", err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		if name == "Host" {
			req.Host = value
			continue
		}
		req.Header.Add(name, value)
	}
	resp, err := adminClient().Do(req)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Fatalf("%s %s: %v", method, path, err)
	}
	return Reply{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
}

// Write is a write's state as its page shows it.
type Write struct {
	ID       string     `json:"id"`
	State    string     `json:"state"`
	Durable  *bool      `json:"durable"`
	Accepted string     `json:"accepted"`
	Method   string     `json:"method"`
	Path     string     `json:"path"`
	Backends []Delivery `json:"backends"`
}

// Delivery is one backend's part of a Write. Backend is a position on --listen, an address on
// the admin listener.
type Delivery struct {
	Backend     any    `json:"backend"`
	State       string `json:"state"`
	Attempts    int    `json:"attempts"`
	Status      int    `json:"status"`
	Error       string `json:"error"`
	NextAttempt any    `json:"next_attempt"`
}

// ParseWrite reads a write's page.
func ParseWrite(body string) (Write, error) {
	var w Write
	if err := json.Unmarshal([]byte(body), &w); err != nil {
		return w, fmt.Errorf("cannot read a write's page %q: %w", body, err)
	}
	return w, nil
}

// Writes lists the writes the admin listener shows for query ("state=parked", say).
func (p *Process) Writes(query string) []Write {
	p.t.Helper()
	list, _ := p.WritesPage(query)
	return list
}

// WritesPage is Writes with the query of the next page; empty: there is none.
func (p *Process) WritesPage(query string) (list []Write, next string) {
	p.t.Helper()
	r := p.Get("/-/writes?" + query)
	if r.Status != http.StatusOK {
		p.t.Fatalf("/-/writes?%s answers %d: %s", query, r.Status, r.Body)
	}
	var page struct {
		Writes []Write `json:"writes"`
		Next   string  `json:"next"`
	}
	if err := json.Unmarshal([]byte(r.Body), &page); err != nil {
		p.t.Fatalf("cannot read /-/writes: %v\n%s", err, r.Body)
	}
	_, next, _ = strings.Cut(page.Next, "?")
	return page.Writes, next
}

// WritePage reads /-/writes/{id} of the proxy's own listener.
func (p *Process) WritePage(id string) Write {
	p.t.Helper()
	c := Dial(p.t, p.Listen)
	defer c.Close()
	c.Send("GET /-/writes/" + id + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	a := c.Answer("GET")
	if a.Status != http.StatusOK {
		p.t.Fatalf("the page of write %s answers %d: %s", id, a.Status, a.Body)
	}
	w, err := ParseWrite(a.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return w
}

package accesslog

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func entry() *Entry {
	return &Entry{
		Time:   time.Date(2026, 11, 23, 9, 8, 7, 65e6, time.FixedZone("", 3600)),
		Client: netip.MustParseAddr("192.0.2.1"), Line: []byte("GET /login?a=b HTTP/1.1"), Status: 200, Bytes: 21,
		Referer: []byte("https://example.com/"), UserAgent: []byte("curl/8"),
		Duration: 1234567 * time.Nanosecond, Route: "balance", Backend: "10.0.0.1:80", Tries: 2, Upstream: 12 * time.Second,
		RequestID: []byte("abc"),
	}
}

func TestALineInEachFormat(t *testing.T) {
	f := func(format Format, change func(e *Entry), want string) {
		t.Helper()
		e := entry()
		change(e)
		if got := string(format.Append([]byte("before "), e)); got != "before "+want+"\n" {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	}
	const head = `{"time":"2026-11-23T09:08:07.065+01:00","client":"192.0.2.1","request":"GET /login?a=b HTTP/1.1","status":`
	f(Combined, func(*Entry) {}, `192.0.2.1 - - [23/Nov/2026:09:08:07 +0100] "GET /login?a=b HTTP/1.1" 200 21 "https://example.com/" "curl/8"`)
	f(JSON, func(*Entry) {}, head+`200,"bytes":21,"duration":0.001234,"referer":"https://example.com/","user_agent":"curl/8",`+
		`"route":"balance","backend":"10.0.0.1:80","tries":2,"upstream":12.000000,"request_id":"abc"}`)
	// A write: how many had it, and its id where the client was told.
	write := func(e *Entry) {
		e.Route, e.Backend, e.Backends, e.Delivered, e.WriteID, e.Status = "fanout", "", 3, 2, "0123", 202
	}
	f(JSON, write, head+`202,"bytes":21,"duration":0.001234,"referer":"https://example.com/","user_agent":"curl/8",`+
		`"route":"fanout","delivered":2,"backends":3,"tries":2,"upstream":12.000000,"request_id":"abc","write_id":"0123"}`)
	// What there is nothing to say about.
	bare := func(e *Entry) {
		*e = Entry{Time: e.Time.UTC(), Client: netip.MustParseAddr("::1"), Route: "refused"}
	}
	f(Combined, bare, `::1 - - [23/Nov/2026:08:08:07 +0000] "" 000 0 "-" "-"`)
	f(JSON, bare, `{"time":"2026-11-23T08:08:07.065Z","client":"::1","request":"","status":0,"bytes":0,"duration":0.000000,"referer":"","user_agent":"","route":"refused"}`)
	f(Combined, func(e *Entry) { bare(e); e.Client = netip.Addr{} }, `- - - [23/Nov/2026:08:08:07 +0000] "" 000 0 "-" "-"`)
}

func TestNothingInAFieldCanForgeALine(t *testing.T) {
	f := func(value, combined, decoded string) {
		t.Helper()
		e := entry()
		e.Line, e.Referer, e.UserAgent = []byte(value), []byte(value), []byte(value)
		got := string(Combined.Append(nil, e))
		if want := `] "` + combined + `" 200 21 "` + combined + `" "` + combined + "\"\n"; !strings.HasSuffix(got, want) {
			t.Errorf("%q: %q", value, got)
		}
		line := JSON.Append(nil, e)
		var object struct {
			Request, Referer string
			Agent            string `json:"user_agent"`
		}
		if err := json.Unmarshal(line, &object); err != nil || strings.Count(string(line), "\n") != 1 || !utf8.Valid(line) {
			t.Fatalf("%q: %q, %v", value, line, err)
		}
		if object.Request != decoded || object.Referer != decoded || object.Agent != decoded {
			t.Errorf("%q: %q", value, line)
		}
	}
	f("a\r\n1.1.1.1 - - \"GET", `a\x0D\x0A1.1.1.1 - - \x22GET`, "a\r\n1.1.1.1 - - \"GET")
	f(`a" 200 1 "b\`, `a\x22 200 1 \x22b\x5C`, `a" 200 1 "b\`)
	f("a\x00\t\x1b[2J\x7f", `a\x00\x09\x1B[2J\x7F`, "a\x00\t\x1b[2J\x7f")
	f("\xff\xc3", `\xFF\xC3`, `\xFF\xC3`) // no UTF-8
	f("é€", `\xC3\xA9\xE2\x82\xAC`, "é€")
	f("\xc2\x9b2J\u2028\u202e\u2066", `\xC2\x9B2J\xE2\x80\xA8\xE2\x80\xAE\xE2\x81\xA6`, "\u009b2J\u2028\u202e\u2066")
	f("😀\xf0\x9f", `\xF0\x9F\x98\x80\xF0\x9F`, `😀\xF0\x9F`)
}

func TestALineIsBounded(t *testing.T) {
	for _, value := range []string{"a", "\x01", "\xff", "é", "\u2028", "\""} {
		e := entry()
		long := []byte(strings.Repeat(value, 1<<20))
		e.Line, e.Referer, e.UserAgent, e.RequestID = long, long, long, long
		for _, format := range []Format{Combined, JSON} {
			line := format.Append(nil, e)
			if len(line) > 9<<10 || strings.Count(string(line), ellipsis) < 3 {
				t.Errorf("%q: %d bytes", value, len(line))
			}
			if format == JSON && !json.Valid(line) {
				t.Errorf("%q: not JSON", value)
			}
		}
	}
	// What just fits is whole.
	if got := string(appendEscaped(nil, []byte("abcd"), 4)) + string(appendJSONString(nil, "abcd", 4)); got != "abcdabcd" {
		t.Error(got)
	}
}

func FuzzFormat(f *testing.F) {
	f.Add([]byte("GET / HTTP/1.1"), []byte("\x00\"\\"), []byte("é\xff"))
	f.Fuzz(func(t *testing.T, line, referer, agent []byte) {
		e := entry()
		e.Line, e.Referer, e.UserAgent = line, referer, agent
		combined := Combined.Append(nil, e)
		for i, c := range combined {
			if (c < ' ' || c > '~') && i != len(combined)-1 {
				t.Fatalf("%q", combined)
			}
		}
		if strings.Count(string(combined), `"`) != 6 {
			t.Fatalf("%q", combined)
		}
		object := JSON.Append(nil, e)
		if !json.Valid(object) || !utf8.Valid(object) || strings.IndexByte(string(object), '\n') != len(object)-1 {
			t.Fatalf("%q", object)
		}
		for _, r := range string(object[:len(object)-1]) {
			if r < ' ' || r == 0x7f || r >= 0x80 && unsafeRune(r) {
				t.Fatalf("%q", object)
			}
		}
	})
}

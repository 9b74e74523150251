package answer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// read takes an answer as a client does; all of it has to be used up.
func read(t *testing.T, raw []byte, method string) (*http.Response, []byte) {
	t.Helper()
	buf := bufio.NewReader(bytes.NewReader(raw))
	resp, err := http.ReadResponse(buf, &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%v: %q", err, raw)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%v: %q", err, raw)
	}
	if rest, err := io.ReadAll(buf); err != nil || len(rest) > 0 {
		t.Fatalf("%q left over, %v", rest, err)
	}
	return resp, body
}

var full = Problem{
	Status: 502, Error: "destination_unavailable", Detail: `The write can't reach its "ack" <yet>.`,
	RetryAfter: 7, Allow: "GET, HEAD", Location: "/-/writes/00ff", Applied: "wait=5", ID: "00ff",
	Members: []byte(`,"backends":[{"backend":1}]`),
}

func TestAProblemSaysAllItHas(t *testing.T) {
	resp, body := read(t, Append(nil, &full, Reply{KeepAlive: true, Minor: 1}), "POST")
	for name, want := range map[string]string{
		"Content-Type": "application/problem+json", "Proxy-Status": "tutti; error=destination_unavailable",
		"Retry-After": "7", "Allow": "GET, HEAD", "Location": "/-/writes/00ff", "Preference-Applied": "wait=5", "Cache-Control": "no-store", "Connection": "",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if _, err := http.ParseTime(resp.Header.Get("Date")); err != nil || resp.StatusCode != 502 || resp.Proto != "HTTP/1.1" {
		t.Errorf("%v %s", err, resp.Status)
	}
	const want = `{"type":"about:blank","title":"Bad Gateway","status":502,` +
		`"detail":"The write can't reach its \"ack\" \u003cyet\u003e.","id":"00ff","backends":[{"backend":1}]}` + "\n"
	if string(body) != want {
		t.Errorf("%s, want %s", body, want)
	}
}

func TestAProblemLeavesOutWhatItHasNot(t *testing.T) {
	resp, body := read(t, Append(nil, &Problem{Status: 404}, Reply{KeepAlive: true, Minor: 1}), "GET")
	for _, name := range []string{"Proxy-Status", "Retry-After", "Allow", "Location", "Connection"} {
		if v, ok := resp.Header[name]; ok {
			t.Errorf("%s: %q", name, v)
		}
	}
	if want := `{"type":"about:blank","title":"Not Found","status":404}` + "\n"; string(body) != want {
		t.Errorf("%s, want %s", body, want)
	}
}

func TestConnectionFollowsTheReply(t *testing.T) {
	f := func(r Reply, want string) {
		t.Helper()
		raw := string(Append(nil, &Problem{Status: 400}, r))
		if got := strings.Contains(raw, "\r\nConnection: "+want+"\r\n"); got != (want != "") || strings.Count(raw, "Connection:") > 1 {
			t.Errorf("%+v: %q", r, raw)
		}
	}
	f(Reply{KeepAlive: true, Minor: 1}, "")
	f(Reply{KeepAlive: true}, "keep-alive")
	f(Reply{Minor: 1}, "close")
	f(Reply{}, "close")
}

func TestHeadGetsTheLengthAndNoBody(t *testing.T) {
	get, body := read(t, Append(nil, &full, Reply{KeepAlive: true, Minor: 1}), "GET")
	raw := Append([]byte("before"), &full, Reply{Head: true, KeepAlive: true, Minor: 1})
	head, none := read(t, bytes.TrimPrefix(raw, []byte("before")), "HEAD")
	if len(none) != 0 || !bytes.HasSuffix(raw, []byte("\r\n\r\n")) || head.ContentLength != int64(len(body)) || get.ContentLength != head.ContentLength {
		t.Fatalf("%q", raw)
	}
}

func TestAnswersFollowEachOther(t *testing.T) {
	dst := Append(nil, &full, Reply{KeepAlive: true, Minor: 1})
	one := len(dst)
	dst = Append(dst, &full, Reply{KeepAlive: true, Minor: 1})
	read(t, dst[:one], "GET")
	read(t, dst[one:], "GET")
}

func TestNothingBreaksOutOfAnAnswer(t *testing.T) {
	const evil = "x\r\nSet-Cookie: a=b\r\n\r\n\x00\x7f"
	p := Problem{Status: 502, Error: evil, Detail: evil + "\xff\xed\xa0\x80\"</script>\u2028", Allow: evil, Location: evil, ID: evil}
	resp, body := read(t, Append(nil, &p, Reply{KeepAlive: true, Minor: 1}), "GET")
	if len(resp.Cookies()) != 0 {
		t.Fatalf("%v", resp.Header)
	}
	var got struct{ Detail, ID string }
	if err := json.Unmarshal(body, &got); err != nil || got.ID != evil {
		t.Fatalf("%v %q", err, body)
	}
	if want := strings.ToValidUTF8(evil, "") + "\ufffd\ufffd\ufffd\ufffd\"</script>\u2028"; got.Detail != want || bytes.Contains(body, []byte("<")) {
		t.Fatalf("%q, want %q", got.Detail, want)
	}
}

func TestDateIsNowInGMT(t *testing.T) {
	got, err := time.Parse(http.TimeFormat, string(Date(nil)))
	if err != nil || time.Since(got).Abs() > time.Minute {
		t.Fatal(got, err)
	}
}

// FuzzEscaped: whatever a string holds, the JSON is valid and means it.
func FuzzEscaped(f *testing.F) {
	f.Add("plain")
	f.Add("a\"b\\c\r\n\x00\x7f<>&\xff\xe2\x80\xa8")
	f.Fuzz(func(t *testing.T, s string) {
		out := append(appendEscaped([]byte{'"'}, s), '"')
		var got string
		if err := json.Unmarshal(out, &got); err != nil || !utf8.Valid(out) {
			t.Fatalf("%v: %q", err, out)
		}
		if utf8.ValidString(s) && got != s {
			t.Fatalf("%q became %q", s, got)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	b.ReportAllocs()
	dst := make([]byte, 0, 4096)
	for b.Loop() {
		dst = Append(dst[:0], &full, Reply{KeepAlive: true, Minor: 1})
	}
}

func BenchmarkDate(b *testing.B) {
	b.ReportAllocs()
	dst := make([]byte, 0, 64)
	for b.Loop() {
		dst = Date(dst[:0])
	}
}

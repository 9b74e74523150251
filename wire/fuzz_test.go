package wire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
)

func addCorpus(f *testing.F, dir string) {
	files, err := filepath.Glob(filepath.Join("testdata", dir, "*.http"))
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, uint16(len(raw)/2))
	}
}

// FuzzHeadEnd: however a head is cut into reads, the end and the error are the same.
func FuzzHeadEnd(f *testing.F) {
	addCorpus(f, "requests")
	f.Fuzz(func(t *testing.T, raw []byte, seed uint16) {
		end, next, err := HeadEnd(raw, 0)
		if end > 0 {
			if !bytes.HasSuffix(raw[:end], []byte("\r\n")) || end != next || err != nil {
				t.Fatal(end, next, err)
			}
			// Another look: the end is the first blank line.
			if want := bytes.Index(append([]byte("\r\n"), raw...), []byte("\r\n\r\n")) + 2; want != end {
				t.Fatalf("end %d, blank line ends at %d", end, want)
			}
		}
		from, step := 0, int(seed%7)+1
		for n := min(step, len(raw)); ; n = min(n+step, len(raw)) {
			e, nx, er := HeadEnd(raw[:n], from)
			if e != 0 || er != nil || n == len(raw) {
				if e != end || nx != next || !errors.Is(er, err) {
					t.Fatalf("in steps of %d: %d %d %v, at once: %d %d %v", step, e, nx, er, end, next, err)
				}
				return
			}
			if nx < from || nx > n || n-nx > 1 {
				t.Fatalf("next %d of %d bytes, was %d", nx, n, from)
			}
			from = nx
		}
	})
}

// FuzzRequest: what is accepted is forwarded so that nobody behind us reads it in another way.
func FuzzRequest(f *testing.F) {
	addCorpus(f, "requests")
	f.Fuzz(func(t *testing.T, raw []byte, variant uint16) {
		var r Request
		if err := readRequest(raw, &r); err != nil {
			checkError(t, err, 400, 431, 505)
			return
		}
		if string(r.Method) == "CONNECT" || len(r.Fields) > MaxFields-10 { // never forwarded; no room for ours
			return
		}
		o := streamed(&r)
		o.KeepExpect = variant&1 != 0
		o.KeepUpgrade = variant&2 != 0
		if variant&4 != 0 {
			o.Sequence, o.IdempotencyKey = 7, []byte(`"key"`)
		}
		if variant&8 != 0 && r.HasBody() { // a write, its body held
			o.Framing, o.ContentLength = Length, int64(variant>>4)
		}
		out := AppendRequest(nil, &r, o)
		checkForwarded(t, out, &r, o)
		fasthttpAgrees(t, out, &r, o)
		netHTTPAgrees(t, out, &r, o)
	})
}

func checkError(t *testing.T, err error, statuses ...int) {
	t.Helper()
	e := new(Error)
	if !errors.As(err, &e) || e.Detail == "" {
		t.Fatalf("error %#v", err)
	}
	if !slices.Contains(statuses, e.Status) {
		t.Fatalf("status %d", e.Status)
	}
}

func checkForwarded(t *testing.T, out []byte, r *Request, o *Outgoing) {
	t.Helper()
	var again Request
	end, _, err := HeadEnd(out, 0)
	if err != nil || end != len(out) {
		t.Fatalf("head ends at %d of %d, %v: %q", end, len(out), err, out)
	}
	if err := again.Parse(out); err != nil {
		t.Fatalf("forwarded %q: %v", out, err)
	}
	wantHost := hostOf(r, o)
	if !bytes.Equal(again.Method, r.Method) || !bytes.Equal(again.Target, r.Path) || again.Minor != 1 ||
		string(again.Host) != wantHost {
		t.Fatalf("forwarded %q", out)
	}
	want := map[Kind]int{Via: 1, Forwarding: 2, RequestID: 1, Host: 1}
	if len(r.Host) > 0 {
		want[Forwarding] = 3
	}
	for i := range r.Fields {
		if f := &r.Fields[i]; f.Kind == Via {
			want[Via]++
		}
	}
	upgrade := o.KeepUpgrade && r.Upgrade != nil
	if upgrade {
		want[Upgrade], want[Connection] = 1, 1
	}
	if r.Trailers {
		want[TE], want[Connection] = 1, 1
	}
	if o.Sequence != 0 {
		want[Sequence] = 1
	}
	got := map[Kind]int{}
	for i := range again.Fields {
		got[again.Fields[i].Kind]++
	}
	for _, k := range []Kind{
		Via, Forwarding, RequestID, Host, Upgrade, Connection, TE, Sequence, KeepAlive, ProxyField, likeFraming, likeOurs,
	} {
		if got[k] != want[k] {
			t.Fatalf("%d fields of kind %d, want %d: %q", got[k], k, want[k], out)
		}
	}
	if got[IdempotencyKey] == 0 && o.IdempotencyKey != nil || again.Expect != (r.Expect && o.KeepExpect) ||
		again.KeptRequestID() == nil || again.Trailers != r.Trailers {
		t.Fatalf("forwarded %q", out)
	}
	switch {
	case o.Framing == Chunks && !again.Chunked,
		o.Framing == Length && again.ContentLength != o.ContentLength,
		o.Framing == NoBody && again.HasBody():
		t.Fatalf("forwarded %q", out)
	}
}

// hostOf is the Host a backend has to see.
func hostOf(r *Request, o *Outgoing) string {
	if len(r.Host) == 0 && !r.Has(Host) {
		return o.Pseudonym
	}
	return string(r.Host)
}

func fasthttpAgrees(t *testing.T, out []byte, r *Request, o *Outgoing) {
	t.Helper()
	if r.Has(Host) && len(r.Host) == 0 {
		return // an empty Host goes on as the client sent it; fasthttp does not take it
	}
	var h fasthttp.RequestHeader
	if err := h.Read(bufio.NewReaderSize(bytes.NewReader(out), len(out)+16)); err != nil {
		t.Fatalf("fasthttp: %v: %q", err, out)
	}
	if !bytes.Equal(h.Method(), r.Method) || !bytes.Equal(h.RequestURI(), r.Path) || string(h.Host()) != hostOf(r, o) {
		t.Fatalf("fasthttp: %q %q %q: %q", h.Method(), h.RequestURI(), h.Host(), out)
	}
	length := h.ContentLength()
	if o.Framing == Chunks && length != -1 || o.Framing == Length && int64(length) != o.ContentLength ||
		o.Framing == NoBody && length > 0 {
		t.Fatalf("fasthttp: length %d: %q", length, out)
	}
}

func netHTTPAgrees(t *testing.T, out []byte, r *Request, o *Outgoing) {
	t.Helper()
	q, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(out)))
	if err != nil {
		// It decodes the target, which is the backend's to do.
		if strings.Contains(err.Error(), "parse ") || strings.Contains(err.Error(), "invalid URI") {
			return
		}
		t.Fatalf("net/http: %v: %q", err, out)
	}
	if q.Method != string(r.Method) || q.RequestURI != string(r.Path) || q.Host != hostOf(r, o) {
		t.Fatalf("net/http: %q %q %q: %q", q.Method, q.RequestURI, q.Host, out)
	}
	chunked := len(q.TransferEncoding) == 1
	if chunked != (o.Framing == Chunks) || o.Framing == Length && q.ContentLength != o.ContentLength ||
		o.Framing == NoBody && q.ContentLength > 0 {
		t.Fatalf("net/http: length %d, codings %q: %q", q.ContentLength, q.TransferEncoding, out)
	}
}

// FuzzResponse: what is accepted goes on so that the client finds the same end of it.
func FuzzResponse(f *testing.F) {
	addCorpus(f, "answers")
	f.Fuzz(func(t *testing.T, raw []byte, variant uint16) {
		var p Response
		if err := readAnswer(raw, &p); err != nil {
			checkError(t, err, 400, 502)
			return
		}
		if len(p.Fields) > MaxFields-4 {
			return // ours come on top
		}
		head := variant&1 != 0
		o := relayed(&p)
		o.Framing, o.Minor, o.KeepAlive = p.Body(head), int(variant>>1&1), variant&4 != 0
		if variant&8 != 0 && o.Framing == Chunks { // held and sent whole
			o.Framing, o.ContentLength = Length, int64(variant>>4)
		}
		if o.Framing == Chunks && o.Minor == 0 {
			o.Framing = UntilClose
		}
		out := AppendResponse(nil, &p, o)
		var again Response
		if end, _, err := HeadEnd(out, 0); err != nil || end != len(out) {
			t.Fatalf("head ends at %d of %d, %v: %q", end, len(out), err, out)
		}
		if err := again.Parse(out); err != nil {
			t.Fatalf("%v: %q", err, out)
		}
		if again.Status != p.Status || !bytes.Equal(again.Reason, p.Reason) || again.Minor != 1 || again.Body(head) != o.Framing {
			t.Fatalf("forwarded %q", out)
		}
		if o.Framing == Length && p.ContentLength >= 0 && again.ContentLength != p.ContentLength ||
			o.Framing == Length && p.ContentLength < 0 && again.ContentLength != o.ContentLength ||
			o.Framing == NoBody && again.ContentLength != p.ContentLength {
			t.Fatalf("length %d: %q", again.ContentLength, out)
		}
		if p.Status >= 200 && (!again.Has(Date) || again.KeepAlive != (o.KeepAlive && o.Framing != UntilClose)) {
			t.Fatalf("forwarded %q", out)
		}
		for i := range again.Fields {
			f := &again.Fields[i]
			if f.HopByHop && f.Kind != Connection && (p.Status != 101 || f.Kind != Upgrade) {
				t.Fatalf("forwarded %q", out)
			}
		}
		clientsAgree(t, out, &again, head)
	})
}

func clientsAgree(t *testing.T, out []byte, p *Response, head bool) {
	t.Helper()
	method := "GET"
	if head {
		method = "HEAD"
	}
	q, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(out)), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("net/http: %v: %q", err, out)
	}
	framing := p.Body(head)
	if q.StatusCode != p.Status || (len(q.TransferEncoding) == 1) != (framing == Chunks) ||
		framing == Length && q.ContentLength != p.ContentLength || framing == UntilClose && q.ContentLength != -1 {
		t.Fatalf("net/http: %d %d %q: %q", q.StatusCode, q.ContentLength, q.TransferEncoding, out)
	}
	var h fasthttp.ResponseHeader
	if err := h.Read(bufio.NewReaderSize(bytes.NewReader(out), len(out)+16)); err != nil {
		t.Fatalf("fasthttp: %v: %q", err, out)
	}
	if h.StatusCode() != p.Status || framing == Length && int64(h.ContentLength()) != p.ContentLength ||
		framing == Chunks && h.ContentLength() != -1 {
		t.Fatalf("fasthttp: %d %d: %q", h.StatusCode(), h.ContentLength(), out)
	}
}

// decode runs c over src in steps of at most step bytes.
func decode(c *ChunkReader, src []byte, step int) (body []byte, n int, err error) {
	for n < len(src) && !c.Done() {
		data, k, err := c.Next(src[n:min(n+step, len(src))])
		body, n = append(body, data...), n+k
		if err != nil {
			return body, n, err
		}
	}
	return body, n, nil
}

// FuzzChunks: however a chunked body is cut into reads it is the same, net/http agrees, and
// what is encoded again decodes to the same.
func FuzzChunks(f *testing.F) {
	for _, s := range chunkedBodies {
		f.Add([]byte(s.in), uint16(len(s.in)/2))
	}
	f.Fuzz(func(t *testing.T, raw []byte, seed uint16) {
		var whole, split ChunkReader
		body, n, err := decode(&whole, raw, len(raw)+1)
		body2, n2, err2 := decode(&split, raw, int(seed%9)+1)
		if !bytes.Equal(body, body2) || !errors.Is(err2, err) || n != n2 && err == nil || whole.Done() != split.Done() {
			t.Fatalf("at once %q %d %v, in steps %q %d %v", body, n, err, body2, n2, err2)
		}
		if err != nil {
			checkError(t, err, 400)
			if _, k, again := whole.Next([]byte("0\r\n\r\n")); k != 0 || !errors.Is(again, err) {
				t.Fatal("an error has to stay")
			}
			return
		}
		if !whole.Done() {
			return
		}
		if !bytes.Equal(whole.Trailers(), split.Trailers()) {
			t.Fatalf("trailers %q, %q", whole.Trailers(), split.Trailers())
		}
		other, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(raw[:n])))
		if err != nil && !strings.Contains(err.Error(), "too much non-data") &&
			!bytes.Contains(raw, []byte(" ;")) && !bytes.Contains(raw, []byte("\t;")) { // RFC 9112 §7.1.1 allows it
			t.Fatalf("net/http: %v", err)
		}
		if err == nil && !bytes.Equal(body, other) {
			t.Fatalf("net/http reads %q, we %q", other, body)
		}
		k := min(int(seed), len(body))
		out := AppendLastChunk(AppendChunk(AppendChunk(nil, body[:k]), body[k:]), whole.Trailers())
		var c ChunkReader
		body3, n3, err := decode(&c, out, len(out))
		if err != nil || !c.Done() || n3 != len(out) || !bytes.Equal(body, body3) || !bytes.Equal(c.Trailers(), whole.Trailers()) {
			t.Fatalf("encoded again %q: %q %d %v", out, body3, n3, err)
		}
	})
}

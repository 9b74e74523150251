package wire

import (
	"strings"
	"testing"
)

// ours is what follows the client's fields when nothing was asked for.
const ours = "Via: 1.1 tutti-0123abcd\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n" +
	"X-Forwarded-Host: a\r\nX-Request-Id: 01020300000000000000000000000000\r\n"

func TestFramingIsWhatTheSenderSaysNotWhatTheClientSaid(t *testing.T) {
	f := func(fields string, framing Framing, length int64, want string) {
		t.Helper()
		r := parsed(t, "POST /w HTTP/1.1\r\nHost: a\r\n"+fields+"X: y\r\n\r\n")
		o := outgoing()
		o.Framing, o.ContentLength = framing, length
		got := string(AppendRequest(nil, r, o))
		got = strings.TrimPrefix(got, "POST /w HTTP/1.1\r\nHost: a\r\n")
		got = strings.TrimSuffix(got, ours+"\r\n")
		if got != want {
			t.Errorf("%q, framing %d: %q, want %q", fields, framing, got, want)
		}
	}
	// As it came.
	f("content-length: 5\r\n", Length, 5, "content-length: 5\r\nX: y\r\n")
	f("transfer-encoding:chunked\r\nTrailer: T\r\n", Chunks, 0, "transfer-encoding:chunked\r\nTrailer: T\r\nX: y\r\n")
	f("Content-Length: 0\r\n", NoBody, 0, "Content-Length: 0\r\nX: y\r\n")
	f("", NoBody, 0, "X: y\r\n")
	// A chunked write is held whole and sent with its length.
	f("Transfer-Encoding: chunked\r\nTrailer: T\r\n", Length, 7, "X: y\r\nContent-Length: 7\r\n")
	f("Transfer-Encoding: chunked\r\n", Length, 0, "X: y\r\nContent-Length: 0\r\n")
	f("Transfer-Encoding: chunked\r\n", NoBody, 0, "X: y\r\n")
	// Whatever else: never two framings, never the wrong one.
	f("Content-Length: 5\r\n", Length, 6, "X: y\r\nContent-Length: 6\r\n")
	f("Content-Length: 5\r\n", Chunks, 0, "X: y\r\nTransfer-Encoding: chunked\r\n")
	f("Content-Length: 5\r\n", NoBody, 0, "X: y\r\n")
	f("Content-Length: 05\r\n", Length, 5, "X: y\r\nContent-Length: 5\r\n")
	f("Content-Length: 00\r\n", NoBody, 0, "X: y\r\n")
	f("Transfer-Encoding: CHUNKED\r\n", Chunks, 0, "X: y\r\nTransfer-Encoding: chunked\r\n")
	// What announces trailers that do not pass does not pass.
	f("Transfer-Encoding: chunked\r\nTrailer: T, Host\r\n", Chunks, 0, "Transfer-Encoding: chunked\r\nX: y\r\n")
	f("Transfer-Encoding: chunked\r\nTrailer: T U\r\n", Chunks, 0, "Transfer-Encoding: chunked\r\nX: y\r\n")
}

func TestExpectGoesOnOnlyWhenAskedTo(t *testing.T) {
	f := func(version, fields string, keep bool, want bool) {
		t.Helper()
		r := parsed(t, "PUT / HTTP/"+version+"\r\nHost: a\r\n"+fields+"\r\n")
		o := outgoing()
		o.KeepExpect = keep
		if got := strings.Contains(string(AppendRequest(nil, r, o)), fields); got != want {
			t.Errorf("%s %q keep %v: %v", version, fields, keep, got)
		}
	}
	f("1.1", "Expect: 100-continue\r\n", true, true)
	f("1.1", "Expect: 100-continue\r\n", false, false)
	f("1.1", "Expect: other\r\n", false, true)
	f("1.0", "Expect: 100-continue\r\n", true, false) // RFC 9110 §10.1.1
}

func TestIdempotencyKeyAndSequenceAreOurs(t *testing.T) {
	o := outgoing()
	o.IdempotencyKey, o.Sequence = []byte(`"id"`), 1<<64-1
	got := string(AppendRequest(nil, parsed(t, "POST / HTTP/1.1\r\nHost: a\r\ntutti-sequence: 5\r\n\r\n"), o))
	if want := "POST / HTTP/1.1\r\nHost: a\r\n" + ours + "Idempotency-Key: \"id\"\r\nTutti-Sequence: 18446744073709551615\r\n\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	got = string(AppendRequest(nil, parsed(t, "POST / HTTP/1.1\r\nHost: a\r\nidempotency-key: \"theirs\"\r\n\r\n"), o))
	if strings.Count(strings.ToLower(got), "idempotency-key") != 1 || !strings.Contains(got, "idempotency-key: \"theirs\"\r\n") {
		t.Errorf("%q", got)
	}
}

func TestARequestWithoutHostGetsOne(t *testing.T) {
	r := parsed(t, "GET / HTTP/1.0\r\n\r\n")
	o := outgoing()
	if got := string(AppendRequest(nil, r, o)); !strings.HasPrefix(got, "GET / HTTP/1.1\r\nHost: tutti-0123abcd\r\nVia: 1.0 ") {
		t.Errorf("%q", got)
	}
	o.Host = "server1:8080"
	if got := string(AppendRequest(nil, r, o)); !strings.HasPrefix(got, "GET / HTTP/1.1\r\nHost: server1:8080\r\n") ||
		strings.Contains(got, "X-Forwarded-Host") {
		t.Errorf("%q", got)
	}
}

func TestWhatWeAddIsNeverStripped(t *testing.T) {
	// A client that names our fields in Connection does not get rid of them (golang/go#50580).
	r := parsed(t, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, via, x-forwarded-for, x-forwarded-host, x-forwarded-proto, "+
		"x-request-id, idempotency-key, tutti-sequence, host\r\n\r\n")
	if got, want := string(AppendRequest(nil, r, outgoing())), "GET / HTTP/1.1\r\nHost: a\r\n"+ours+"\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAppendAppends(t *testing.T) {
	dst := []byte("before")
	if got := string(AppendRequest(dst, parsed(t, smallRequest), outgoing())); !strings.HasPrefix(got, "beforeGET /login HTTP/1.1\r\n") {
		t.Errorf("%q", got)
	}
	var p Response
	if err := p.Parse([]byte(smallResponse)); err != nil {
		t.Fatal(err)
	}
	if got := string(AppendResponse(dst, &p, &Incoming{})); !strings.HasPrefix(got, "beforeHTTP/1.1 200 OK\r\n") {
		t.Errorf("%q", got)
	}
}

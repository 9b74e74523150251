package wire

import "testing"

func TestAnswersAreFramedForTheClientTheyGoTo(t *testing.T) {
	const now = "Tue, 24 Nov 2026 00:00:00 GMT"
	f := func(answer string, o Incoming, want string) {
		t.Helper()
		var p Response
		if err := p.Parse([]byte(answer)); err != nil {
			t.Fatalf("%q: %v", answer, err)
		}
		o.Now = []byte(now)
		if got := string(AppendResponse(nil, &p, &o)); got != want {
			t.Errorf("%q as %+v:\n%q, want\n%q", answer, o, got, want)
		}
	}
	const date = "Date: " + now + "\r\n"
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n\r\n"
	f(chunked, Incoming{Framing: Chunks, KeepAlive: true, Minor: 1}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: T\r\n"+date+"\r\n")
	// HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
	f(chunked, Incoming{Framing: UntilClose, KeepAlive: true}, "HTTP/1.1 200 OK\r\n"+date+"Connection: close\r\n\r\n")
	// Held and sent whole.
	f(chunked, Incoming{Framing: Length, ContentLength: 12, KeepAlive: true, Minor: 1}, "HTTP/1.1 200 OK\r\n"+date[:0]+"Content-Length: 12\r\n"+date+"\r\n")
	// To HEAD: the codings say nothing about a body that is not there.
	f(chunked, Incoming{Framing: NoBody, KeepAlive: true, Minor: 1}, "HTTP/1.1 200 OK\r\n"+date+"\r\n")

	const until = "HTTP/1.0 200 OK\r\n\r\n"
	f(until, Incoming{Framing: UntilClose, KeepAlive: true, Minor: 1}, "HTTP/1.1 200 OK\r\n"+date+"Connection: close\r\n\r\n")
	f(until, Incoming{Framing: Chunks, KeepAlive: true, Minor: 1}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"+date+"\r\n")

	const length = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
	f(length, Incoming{Framing: Length, KeepAlive: true, Minor: 1}, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"+date+"\r\n")
	f(length, Incoming{Framing: Length, KeepAlive: true}, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"+date+"Connection: keep-alive\r\n\r\n")
	f(length, Incoming{Framing: Length}, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"+date+"Connection: close\r\n\r\n")
	f(length, Incoming{Framing: NoBody, KeepAlive: true, Minor: 1}, "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"+date+"\r\n")
	f("HTTP/1.1 200 OK\r\nContent-Length:  05\r\n\r\n", Incoming{Framing: NoBody, KeepAlive: true, Minor: 1}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"+date+"\r\n")

	// 1xx answers carry neither our Date nor Connection: close.
	f("HTTP/1.1 103 Early Hints\r\nLink: a\r\nContent-Length: 3\r\n\r\n", Incoming{Minor: 1}, "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n")
	f("HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n", Incoming{Minor: 1, Upgrade: true},
		"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
}

func TestABodyEndsAsTheRulesSay(t *testing.T) {
	// RFC 9112 §6.3, in its order.
	f := func(answer string, head bool, want Framing) {
		t.Helper()
		var p Response
		if err := p.Parse([]byte(answer)); err != nil {
			t.Fatalf("%q: %v", answer, err)
		}
		if got := p.Body(head); got != want {
			t.Errorf("%q, HEAD %v: %d, want %d", answer, head, got, want)
		}
	}
	const length, chunked = "Content-Length: 5\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"
	f("HTTP/1.1 200 OK\r\n"+length, true, NoBody)
	f("HTTP/1.1 200 OK\r\n"+chunked, true, NoBody)
	f("HTTP/1.1 200 OK\r\n\r\n", true, NoBody)
	f("HTTP/1.1 100 Continue\r\n\r\n", false, NoBody)
	f("HTTP/1.1 101 X\r\n\r\n", false, NoBody)
	f("HTTP/1.1 204 X\r\n"+length, false, NoBody)
	f("HTTP/1.1 304 X\r\n"+length, false, NoBody)
	f("HTTP/1.1 304 X\r\n"+chunked, false, NoBody)
	f("HTTP/1.1 200 OK\r\n"+chunked, false, Chunks)
	f("HTTP/1.1 200 OK\r\n"+length, false, Length)
	f("HTTP/1.1 205 OK\r\nContent-Length: 0\r\n\r\n", false, Length)
	f("HTTP/1.1 500 OK\r\n\r\n", false, UntilClose)
}

func TestABodyWhereNoneMayBeEndsTheConnection(t *testing.T) {
	var p Response
	if err := p.Parse([]byte("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n")); err != nil || p.KeepAlive || p.ContentLength != -1 {
		t.Fatalf("%v %+v", err, p)
	}
	if err := p.Parse([]byte("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n")); err != nil || !p.KeepAlive || p.ContentLength != -1 {
		t.Fatalf("%v %+v", err, p)
	}
}

func TestPreferenceAppliedIsAddedBesideTheBackends(t *testing.T) {
	var p Response
	if err := p.Parse([]byte("HTTP/1.1 201 Created\r\nDate: x\r\nPreference-Applied: return=minimal\r\nContent-Length: 0\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	got := string(AppendResponse(nil, &p, &Incoming{Framing: Length, KeepAlive: true, Minor: 1, Applied: []byte("wait=5")}))
	const want = "HTTP/1.1 201 Created\r\nDate: x\r\nPreference-Applied: return=minimal\r\nContent-Length: 0\r\nPreference-Applied: wait=5\r\n\r\n"
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

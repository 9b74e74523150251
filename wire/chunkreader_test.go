package wire

import (
	"errors"
	"strings"
	"testing"
)

// chunkedBodies are in as it is on the wire and what has to come of it.
var chunkedBodies = []struct {
	name     string
	in       string
	body     string
	trailers string
	rest     string
	err      *Error
}{
	{name: "empty", in: "0\r\n\r\n"},
	{name: "one chunk", in: "5\r\nhello\r\n0\r\n\r\n", body: "hello"},
	{name: "two chunks and a next request", in: "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nGET /", body: "hello world", rest: "GET /"},
	{name: "hexadecimal sizes in both cases", in: "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", body: "01234567890123456789"},
	{name: "leading zeros", in: "0000000000000005\r\nhello\r\n00\r\n\r\n", body: "hello"},
	{name: "extensions are dropped", in: "5;a;b=c;d=\"e\\\";\\\\\"\r\nhello\r\n0 ; last\t\r\n\r\n", body: "hello"},
	{name: "padded size", in: "5 \t \r\nhello\r\n0\r\n\r\n", body: "hello"},
	{name: "data that looks like framing", in: "7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n", body: "\r\n0\r\n\r\n"},
	{name: "trailers", in: "1\r\na\r\n0\r\nX-Sum: 1\r\nx-more:\t2\t\r\n\r\n", body: "a", trailers: "X-Sum: 1\r\nx-more:\t2\t\r\n"},
	{
		// RFC 9110 §6.5.1: merged into the head, they would change what was decided there.
		name: "forbidden trailers are left out",
		in: "0\r\nHost: a\r\nX: 1\r\nContent-Length: 5\r\ntransfer_encoding: chunked\r\nAuthorization: x\r\n" +
			"Cookie: x\r\nX-Forwarded-For: 1\r\nTutti-Sequence: 1\r\nConnection: close\r\nContent-Encoding: gzip\r\n" +
			"Set-Cookie: a\r\nDate: x\r\nY: 2\r\nTE: x\r\n\r\n",
		trailers: "X: 1\r\nY: 2\r\n",
	},

	{name: "no size", in: "\r\n", err: errChunkSize},
	{name: "no digits", in: ";a\r\n", err: errChunkSize},
	{name: "sign", in: "+5\r\nhello", err: errChunkSize},
	{name: "minus", in: "-5\r\nhello", err: errChunkSize},
	{name: "prefix", in: "0x5\r\nhello", err: errChunkSize},
	{name: "space first", in: " 5\r\nhello", err: errChunkSize},
	{name: "size in two words", in: "5 5\r\nhello", err: errChunkSize},
	{name: "underscore", in: "1_0\r\n", err: errChunkSize},
	{name: "largest size", in: "7fffffffffffffff\r\nhello", body: "hello"},
	{name: "size past it", in: "8000000000000000\r\nhello", err: errChunkTooBig},
	{name: "size that wraps to 5", in: "10000000000000005\r\nhello", err: errChunkTooBig},
	{name: "seventeen digits", in: "00000000000000005\r\nhello", err: errChunkTooBig},
	{name: "bare LF after the size", in: "5\nhello\r\n0\r\n\r\n", err: errChunkSize},
	{name: "bare LF in an extension", in: "5;a\nhello\r\n0\r\n\r\n", err: errChunkLine},
	{name: "bare CR after the size", in: "5\rhello", err: errChunkLine},
	{name: "bare CR in an extension", in: "5;a\rb\r\nhello", err: errChunkLine},
	{name: "NUL in an extension", in: "5;a\x00\r\nhello", err: errChunkLine},
	{name: "CRLF in a quoted extension", in: "5;a=\"\r\nhello\r\n0\r\n\r\n\"\r\n", err: errChunkLine},
	{name: "quote left open by a backslash", in: "5;a=\"\\\"\r\nhello", err: errChunkLine},
	{name: "data longer than its size", in: "5\r\nhello!\r\n0\r\n\r\n", body: "hello", err: errChunkEnd},
	{name: "data shorter than its size", in: "6\r\nhello\r\n0\r\n\r\n", body: "hello\r", err: errChunkEnd},
	{name: "bare LF after the data", in: "5\r\nhello\n0\r\n\r\n", body: "hello", err: errChunkEnd},
	{name: "bare CR after the data", in: "5\r\nhello\r0\r\n\r\n", body: "hello", err: errChunkEnd},
	{name: "no CRLF after the data", in: "5\r\nhello0\r\n\r\n", body: "hello", err: errChunkEnd},
	{name: "endless extension", in: "5;" + strings.Repeat("a", 4096) + "\r\nhello", err: errChunkLineLen},
	{name: "endless padding", in: "5" + strings.Repeat(" ", 4096) + "\r\nhello", err: errChunkLineLen},
	{name: "longest extension", in: "5;" + strings.Repeat("a", 4092) + "\r\nhello\r\n0\r\n\r\n", body: "hello"},
	{name: "bare LF as the end", in: "0\r\n\n", err: errTrailer},
	{name: "bare LF after a trailer", in: "0\r\nX: 1\n\r\n", err: errTrailer},
	{name: "bare CR in a trailer", in: "0\r\nX: 1\rY: 2\r\n\r\n", err: errTrailer},
	{name: "bare CR as the end", in: "0\r\n\rX", err: errTrailer},
	{name: "NUL in a trailer", in: "0\r\nX: \x00\r\n\r\n", err: errTrailer},
	{name: "folded trailer", in: "0\r\nX: 1\r\n 2\r\n\r\n", err: errTrailer},
	{name: "trailer with space before the colon", in: "0\r\nX : 1\r\n\r\n", err: errTrailer},
	{name: "trailer without a name", in: "0\r\n: 1\r\n\r\n", err: errTrailer},
	{name: "trailer without a colon", in: "0\r\nGET / HTTP/1.1\r\n\r\n", err: errTrailer},
	{name: "one endless trailer", in: "0\r\nX: " + strings.Repeat("a", 16<<10) + "\r\n\r\n", err: errTrailers},
	{name: "endless forbidden trailers", in: "0\r\n" + strings.Repeat("Host: a\r\n", 2000) + "\r\n", err: errTrailers},

	// Cut short: no error, and not Done, which the caller has to look at.
	{name: "cut in the size", in: "5"},
	{name: "cut in the data", in: "5\r\nhel", body: "hel"},
	{name: "cut at a chunk's edge", in: "5\r\nhello\r\n", body: "hello"},
	{name: "cut before the blank line", in: "5\r\nhello\r\n0\r\n", body: "hello"},
	{name: "cut in the blank line", in: "5\r\nhello\r\n0\r\n\r", body: "hello"},
	{name: "cut in a trailer", in: "0\r\nX: 1"},
}

func TestChunkedBodiesAreTakenApartAtAnySplit(t *testing.T) {
	var c ChunkReader
	for _, tt := range chunkedBodies {
		for _, step := range []int{1, 2, 3, 7, len(tt.in)} {
			c.Reset()
			body, n, err := decode(&c, []byte(tt.in), step)
			want := error(nil)
			if tt.err != nil {
				want = tt.err
			}
			if !errors.Is(err, want) || string(body) != tt.body {
				t.Errorf("%s in steps of %d: %q %v, want %q %v", tt.name, step, body, err, tt.body, want)
				continue
			}
			cut := strings.HasPrefix(tt.name, "cut ") || tt.name == "largest size"
			if done := tt.err == nil && !cut; c.Done() != done {
				t.Errorf("%s in steps of %d: Done %v", tt.name, step, c.Done())
			} else if done && (string(c.Trailers()) != tt.trailers || tt.in[n:] != tt.rest) {
				t.Errorf("%s in steps of %d: trailers %q, rest %q", tt.name, step, c.Trailers(), tt.in[n:])
			}
		}
	}
}

func TestADoneChunkReaderTakesNothingMore(t *testing.T) {
	var c ChunkReader
	if _, n, err := c.Next([]byte("0\r\n\r\nGET")); n != 5 || err != nil || !c.Done() {
		t.Fatal(n, err)
	}
	if data, n, err := c.Next([]byte("GET")); data != nil || n != 0 || err != nil {
		t.Fatal(data, n, err)
	}
}

func TestDataAliasesWhatWasGiven(t *testing.T) {
	src := []byte("5\r\nhello\r\n")
	var c ChunkReader
	data, n, err := c.Next(src)
	if err != nil || n != 8 || &data[0] != &src[3] {
		t.Fatalf("%q %d %v", data, n, err)
	}
}

func TestEmptyDataIsNoChunk(t *testing.T) {
	// A chunk of no bytes would be the end of the body.
	if out := AppendChunk(nil, nil); len(out) != 0 {
		t.Fatalf("%q", out)
	}
	if out := string(AppendLastChunk(AppendChunk(nil, make([]byte, 255)), []byte("X: 1\r\n"))); out != "ff\r\n"+strings.Repeat("\x00", 255)+"\r\n0\r\nX: 1\r\n\r\n" {
		t.Fatalf("%q", out)
	}
}

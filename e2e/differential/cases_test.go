package differential

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// request is one thing a client may send.
type request struct{ name, bytes string }

// requests are this package's own and both other corpora, in the order of the table.
func requests(t *testing.T) []request {
	t.Helper()
	all := slices.Concat(framing(), chunks(), lines(), fields(), targets(), pipelines())
	var others []request
	for name, parts := range harness.Corpus(t, filepath.Join("..", "testdata", "requests")) {
		others = append(others, request{"e2e/" + name, harness.WireBytes(t, parts[0].Text)})
	}
	files, err := filepath.Glob(filepath.Join("..", "..", "wire", "testdata", "requests", "*.http"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no corpus of package wire: %v", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		others = append(others, request{"wire/" + strings.TrimSuffix(filepath.Base(file), ".http"), string(data)})
	}
	slices.SortFunc(others, func(a, b request) int { return strings.Compare(a.name, b.name) })
	return append(all, others...)
}

const (
	get   = "GET /g HTTP/1.1\r\nHost: a\r\n"
	post  = "POST /p HTTP/1.1\r\nHost: a\r\n"
	evil  = "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"
	end   = "0\r\n\r\n"
	coded = post + "Transfer-Encoding: chunked\r\n\r\n"
)

// framing is about where a body ends: CL.TE, TE.CL, TE.TE and lengths that are none
// (RFC 9112 §6, the research of Watchfire 2005, Kettle 2019, Grenfeldt 2021).
func framing() []request {
	with := func(name string, fields ...string) request {
		return request{name, post + strings.Join(fields, "\r\n") + "\r\n\r\n" + end + evil}
	}
	return []request{
		with("CL.TE", "Content-Length: 5", "Transfer-Encoding: chunked"),
		with("TE.CL", "Transfer-Encoding: chunked", "Content-Length: 5"),
		with("CL.TE, length of all", "Content-Length: "+strconv.Itoa(len(end+evil)), "Transfer-Encoding: chunked"),
		with("CL.0 with TE", "Content-Length: 0", "Transfer-Encoding: chunked"),
		with("TE.TE, second unknown", "Transfer-Encoding: chunked", "Transfer-Encoding: x"),
		with("TE.TE, first unknown", "Transfer-Encoding: x", "Transfer-Encoding: chunked"),
		with("TE.TE, both chunked", "Transfer-Encoding: chunked", "Transfer-encoding: chunked"),
		with("TE.TE, identity last", "Transfer-Encoding: chunked", "Transfer-Encoding: identity"),
		with("TE list with identity", "Transfer-Encoding: chunked, identity", "Content-Length: 5"),
		with("TE identity, chunked", "Transfer-Encoding: identity, chunked"),
		with("TE identity with length", "Transfer-Encoding: identity", "Content-Length: 5"),
		with("TE trailing comma", "Transfer-Encoding: chunked,"),
		with("TE leading comma", "Transfer-Encoding: ,chunked"),
		with("TE quoted", `Transfer-Encoding: "chunked"`, "Content-Length: 5"),
		with("TE single quotes", "Transfer-Encoding: 'chunked'", "Content-Length: 5"),
		with("TE with parameter", "Transfer-Encoding: chunked;q=1", "Content-Length: 5"),
		with("TE tab before value", "Transfer-Encoding:\tchunked"),
		with("TE tab after value", "Transfer-Encoding: chunked\t"),
		with("TE tab before value with length", "Transfer-Encoding:\tchunked", "Content-Length: 5"),
		with("TE vertical tab before", "Transfer-Encoding:\x0bchunked", "Content-Length: 5"),
		with("TE vertical tab after", "Transfer-Encoding: chunked\x0b", "Content-Length: 5"),
		with("TE form feed before", "Transfer-Encoding: \x0cchunked", "Content-Length: 5"),
		with("TE no-break space", "Transfer-Encoding: \xa0chunked", "Content-Length: 5"),
		with("TE next line", "Transfer-Encoding: chunked\x85", "Content-Length: 5"),
		with("TE NUL after", "Transfer-Encoding: chunked\x00", "Content-Length: 5"),
		with("TE bare CR after", "Transfer-Encoding: chunked\r", "Content-Length: 5"),
		with("TE mixed case", "tRANSFER-eNCODING: cHuNkEd"),
		with("TE misspelled", "Transfer-Encoding: chunke", "Content-Length: 5"),
		with("TE with prefix", "Transfer-Encoding: xchunked", "Content-Length: 5"),
		with("TE with word after", "Transfer-Encoding: chunked x", "Content-Length: 5"),
		with("TE space before colon", "Transfer-Encoding : chunked", "Content-Length: 5"),
		with("TE tab before colon", "Transfer-Encoding\t: chunked", "Content-Length: 5"),
		with("TE space before name", " Transfer-Encoding: chunked", "Content-Length: 5"),
		with("TE folded value", "Transfer-Encoding:\r\n chunked", "Content-Length: 5"),
		with("TE folded name", "Content-Length: 5\r\n Transfer-Encoding: chunked"),
		with("TE hidden by bare LF", "X: y\nTransfer-Encoding: chunked", "Content-Length: 5"),
		with("TE hidden by bare CR", "X: y\rTransfer-Encoding: chunked", "Content-Length: 5"),
		with("TE with underscore", "Transfer_Encoding: chunked", "Content-Length: 5"),
		with("TE with dot", "Transfer.Encoding: chunked", "Content-Length: 5"),
		with("TE named by Connection", "Connection: Transfer-Encoding", "Transfer-Encoding: chunked"),
		with("CL named by Connection", "Connection: Content-Length", "Content-Length: 5"),
		with("TE empty", "Transfer-Encoding:", "Content-Length: 5"),
		with("TE gzip, chunked", "Transfer-Encoding: gzip, chunked"),
		{"TE in HTTP/1.0", "POST /p HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + end + evil},
		{"TE in HTTP/1.0 with length", "POST /p HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n" +
			"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + end + evil},
		with("CL twice the same", "Content-Length: 5", "Content-Length: 5"),
		with("CL twice, differing", "Content-Length: 5", "Content-Length: 0"),
		with("CL list of the same", "Content-Length: 5, 5"),
		with("CL list, differing", "Content-Length: 5, 0"),
		with("CL plus", "Content-Length: +5"),
		with("CL minus", "Content-Length: -5"),
		with("CL minus zero", "Content-Length: -0"),
		with("CL hexadecimal", "Content-Length: 0x5"),
		with("CL zero padded", "Content-Length: 00005"),
		with("CL space inside", "Content-Length: 0 5"),
		with("CL letter after", "Content-Length: 5a"),
		with("CL exponent", "Content-Length: 5e0"),
		with("CL underscore inside", "Content-Length: 0_5"),
		with("CL quoted", `Content-Length: "5"`),
		with("CL vertical tab", "Content-Length: \x0b5"),
		with("CL 2^64+5", "Content-Length: 18446744073709551621"),
		with("CL 2^32+5, cut", "Content-Length: 4294967301"),
		with("CL with underscore", "Content_Length: 5"),
		with("CL with underscore beside", "Content-Length: 5", "Content_Length: 0"),
		with("CL empty", "Content-Length:"),
		with("CL parameter", "Content-Length: 5;x"),
		{"GET with body", get + "Content-Length: 5\r\n\r\n" + end},
		{"GET chunked", get + "Transfer-Encoding: chunked\r\n\r\n" + end},
		{"OPTIONS * with body", "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n" + end},
	}
}

// chunks is about the inside of a chunked body (RFC 9112 §7.1).
func chunks() []request {
	with := func(name, body string) request { return request{"chunk: " + name, coded + body} }
	return []request{
		with("LF after size", "5\nhello\r\n"+end),
		with("LF after data", "5\r\nhello\n"+end),
		with("LF after last size", "5\r\nhello\r\n0\n\r\n"),
		with("LF as last line", "5\r\nhello\r\n0\r\n\n"),
		with("LF everywhere", "5\nhello\n0\n\n"),
		with("CR after size", "5\rhello\r\n"+end),
		with("two bytes instead of CRLF", "5\r\nhelloXX0\r\n\r\n"),
		with("one byte too many", "5\r\nhello!\r\n"+end),
		with("one byte too few", "6\r\nhello\r\n"+end),
		with("negative", "-5\r\nhello\r\n"+end),
		with("plus", "+5\r\nhello\r\n"+end),
		with("0x", "0x5\r\nhello\r\n"+end),
		with("zeros before", "0005\r\nhello\r\n"+end),
		with("17 digits", "00000000000000005\r\nhello\r\n"+end),
		with("zeros as last", "5\r\nhello\r\n0000\r\n\r\n"),
		with("size 2^64+5", "10000000000000005\r\nhello\r\n"+end),
		with("size 2^64-1", "ffffffffffffffff\r\nhello\r\n"+end),
		with("size 2^63", "8000000000000000\r\nhello\r\n"+end),
		with("size 2^32+5", "100000005\r\nhello\r\n"+end),
		with("letters", "5g\r\nhello\r\n"+end),
		with("empty size", "\r\nhello\r\n"+end),
		with("space before", " 5\r\nhello\r\n"+end),
		with("space after", "5 \r\nhello\r\n"+end),
		with("tab after", "5\t\r\nhello\r\n"+end),
		with("vertical tab after", "5\x0b\r\nhello\r\n"+end),
		with("NUL after", "5\x00\r\nhello\r\n"+end),
		with("word after", "5 5\r\nhello\r\n"+end),
		with("comma after", "5,5\r\nhello\r\n"+end),
		with("extension", "5;a=b\r\nhello\r\n0;c\r\n\r\n"),
		with("extension after space", "5 ;a=b\r\nhello\r\n"+end),
		with("extension without name", "5;\r\nhello\r\n"+end),
		with("extension with LF", "5;a\nhello\r\n"+end),
		with("extension with LF hiding a request", "2;\nxx\r\n4c\r\n0\r\n\r\n"+evil),
		with("extension with CR", "5;a\rb\r\nhello\r\n"+end),
		with("extension quoted CRLF", "5;a=\"\r\n\"\r\nhello\r\n"+end),
		with("extension open quote", "5;a=\"b\r\nhello\r\n"+end),
		with("extension NUL", "5;a=\x00\r\nhello\r\n"+end),
		with("extension of 5000 bytes", "5;"+strings.Repeat("a", 5000)+"\r\nhello\r\n"+end),
		with("cut before last", "5\r\nhello\r\n"),
		with("cut before last line", "5\r\nhello\r\n0\r\n"),
		with("trailer", "5\r\nhello\r\n0\r\nX-T: v\r\n\r\n"),
		with("trailer Content-Length", "5\r\nhello\r\n0\r\nContent-Length: 7\r\n\r\n"),
		with("trailer Host", "5\r\nhello\r\n0\r\nHost: evil\r\n\r\n"),
		with("trailer X-Forwarded-For", "5\r\nhello\r\n0\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"),
		with("trailer folded", "5\r\nhello\r\n0\r\nX-T: v\r\n w\r\n\r\n"),
		with("trailer without colon", "5\r\nhello\r\n0\r\nX-T\r\n\r\n"),
		with("trailer with bare LF", "5\r\nhello\r\n0\r\nX-T: v\nX-U: w\r\n\r\n"),
		with("trailer space before colon", "5\r\nhello\r\n0\r\nX-T : v\r\n\r\n"),
		with("trailer is a request", "5\r\nhello\r\n0\r\n"+evil),
		with("trailer of 20000 bytes", "5\r\nhello\r\n0\r\nX-T: "+strings.Repeat("a", 20000)+"\r\n\r\n"),
	}
}

// lines is about the request line and the ends of lines (RFC 9112 §2.2, §3).
func lines() []request {
	tail := "\r\nHost: a\r\n\r\n"
	return []request{
		{"line: HTTP/0.9", "GET /g\r\n"},
		{"line: HTTP/0.9 with version's space", "GET /g \r\n"},
		{"line: HTTP/1.2", "GET /g HTTP/1.2" + tail},
		{"line: HTTP/1.01", "GET /g HTTP/1.01" + tail},
		{"line: HTTP/01.1", "GET /g HTTP/01.1" + tail},
		{"line: HTTP/1.", "GET /g HTTP/1." + tail},
		{"line: HTTP/1,1", "GET /g HTTP/1,1" + tail},
		{"line: HTTP/2.0", "GET /g HTTP/2.0" + tail},
		{"line: HTTP/0.0", "GET /g HTTP/0.0" + tail},
		{"line: http/1.1", "GET /g http/1.1" + tail},
		{"line: HTTPS/1.1", "GET /g HTTPS/1.1" + tail},
		{"line: HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"},
		{"line: two spaces", "GET  /g HTTP/1.1" + tail},
		{"line: two spaces before version", "GET /g  HTTP/1.1" + tail},
		{"line: tab", "GET\t/g\tHTTP/1.1" + tail},
		{"line: vertical tab", "GET\x0b/g HTTP/1.1" + tail},
		{"line: space after", "GET /g HTTP/1.1 " + tail},
		{"line: space before", " GET /g HTTP/1.1" + tail},
		{"line: word after", "GET /g HTTP/1.1 x" + tail},
		{"line: version twice", "GET /g HTTP/1.1 HTTP/1.1" + tail},
		{"line: smuggled version", "GET /g HTTP/1.1\rHost: b HTTP/1.1" + tail},
		{"line: bare CR in target", "GET /g\rX HTTP/1.1" + tail},
		{"line: bare LF", "GET /g HTTP/1.1\nHost: a\r\n\r\n"},
		{"line: LF everywhere", "GET /g HTTP/1.1\nHost: a\n\n"},
		{"line: blank ends in LF", "GET /g HTTP/1.1\r\nHost: a\r\n\n"},
		{"line: CR CR LF", "GET /g HTTP/1.1\r\r\nHost: a\r\n\r\n"},
		{"line: CR CR LF as blank", "GET /g HTTP/1.1\r\nHost: a\r\n\r\r\n"},
		{"line: CRLF first", "\r\n" + get + "\r\n"},
		{"line: LF first", "\n" + get + "\r\n"},
		{"line: CR first", "\r" + get + "\r\n"},
		{"line: lower-case method", "get /g HTTP/1.1" + tail},
		{"line: unknown method", "FOO-BAR /g HTTP/1.1" + tail},
		{"line: odd method", "M!#$%&'*+-.^_`|~1 /g HTTP/1.1" + tail},
		{"line: method with colon", "GET: /g HTTP/1.1" + tail},
		{"line: method with slash", "GE/T /g HTTP/1.1" + tail},
		{"line: method with NUL", "GE\x00T /g HTTP/1.1" + tail},
		{"line: method with quote", "\"GET\" /g HTTP/1.1" + tail},
		{"line: method of 8-bit bytes", "G\xc3\x8bT /g HTTP/1.1" + tail},
		{"line: method of 40 bytes", strings.Repeat("A", 40) + " /g HTTP/1.1" + tail},
		{"line: huge target", "GET /" + strings.Repeat("a", 40000) + " HTTP/1.1" + tail},
		{"line: no method", "/g HTTP/1.1" + tail},
		{"line: no target", "GET HTTP/1.1" + tail},
		{"line: only a version", "HTTP/1.1" + tail},
		{"line: an answer", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"},
	}
}

// fields is about field lines, Host foremost (RFC 9112 §3.2, §5).
func fields() []request {
	with := func(name, line string) request { return request{"field: " + name, get + line + "\r\n\r\n"} }
	host := func(name, value string) request {
		return request{"host: " + name, "GET /g HTTP/1.1\r\n" + value + "\r\n\r\n"}
	}
	return []request{
		with("NUL in value", "X: a\x00b"),
		with("DEL in value", "X: a\x7fb"),
		with("escape in value", "X: a\x1bb"),
		with("bare CR in value", "X: a\rb"),
		with("bare CR before colon", "X\r: b"),
		with("bare LF in value", "X: a\nb"),
		with("NUL in name", "X\x00: a"),
		with("space in name", "X Y: a"),
		with("space before colon", "X : a"),
		with("8-bit name", "X\xe9: a"),
		with("8-bit value", "X: \xe9\xff"),
		with("brackets in name", "X[]: a"),
		with("no name", ": a"),
		with("no colon", "X"),
		with("folded", "X: a\r\n b"),
		with("folded with tab", "X: a\r\n\tb"),
		with("folded blank", "X: a\r\n \r\nY: b"),
		{"field: folded first", "GET /g HTTP/1.1\r\n X: a\r\nHost: a\r\n\r\n"},
		with("300 fields", strings.TrimSuffix(strings.Repeat("X: a\r\n", 300), "\r\n")),
		with("Connection close, twice", "Connection: close\r\nConnection: keep-alive"),
		with("Connection names Host", "Connection: Host"),
		with("Connection names Cookie", "Cookie: a=b\r\nConnection: Cookie"),
		with("Expect something else", "Expect: 200-ok"),
		with("Upgrade h2c", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"),
		host("missing", "X: a"),
		host("empty", "Host:"),
		host("twice the same", "Host: a\r\nHost: a"),
		host("twice, differing", "Host: a\r\nHost: b"),
		host("list", "Host: a, b"),
		host("user", "Host: u@a"),
		host("path", "Host: a/b"),
		host("space inside", "Host: a b"),
		host("tab before", "Host:\ta"),
		host("port letters", "Host: a:b"),
		host("port too large", "Host: a:65536"),
		host("port twice", "Host: a:1:2"),
		host("no name", "Host: :80"),
		host("brackets", "Host: [::1]:80"),
		host("open bracket", "Host: [::1"),
		host("quote", "Host: a\"b"),
		host("angle", "Host: <a>"),
		host("backslash", "Host: a\\b"),
		host("8-bit", "Host: \xc3\xa9"),
		host("NUL", "Host: a\x00b"),
		host("space before colon", "Host : a"),
		host("folded", "Host:\r\n a"),
		host("hash", "Host: a#b"),
		host("trailing dot", "Host: a."),
		{"host: twice in HTTP/1.0", "GET /g HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"},
		{"host: none in HTTP/1.0", "GET /g HTTP/1.0\r\n\r\n"},
	}
}

// targets is about the request target (RFC 9112 §3.2).
func targets() []request {
	with := func(name, target string) request {
		return request{"target: " + name, "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n"}
	}
	return []request{
		with("absolute", "http://a/g"),
		with("absolute, other Host", "http://b/g"),
		with("absolute, capitals", "HTTP://A/g"),
		with("absolute, https", "https://a/g"),
		with("absolute without path", "http://a"),
		with("absolute with query alone", "http://a?q"),
		with("absolute, user", "http://u:p@a/g"),
		with("absolute, no authority", "http:///g"),
		with("absolute, one slash", "http:/a/g"),
		with("absolute, port letters", "http://a:b/g"),
		with("absolute, backslash", "http://a\\g"),
		with("absolute, other scheme", "ftp://a/g"),
		with("absolute, javascript", "javascript:alert(1)"),
		with("absolute, fragment", "http://a/g#f"),
		with("fragment", "/g#f"),
		with("asterisk", "*"),
		with("relative", "g"),
		with("query alone", "?q"),
		with("authority", "a:80"),
		with("at sign", "@b/g"),
		with("two slashes", "//b/g"),
		with("dots", "/../../g"),
		with("encoded dots", "/%2e%2e/g"),
		with("encoded slash", "/a%2fb"),
		with("encoded NUL", "/a%00b"),
		with("encoded CRLF", "/a%0d%0aX:%20b"),
		with("bad escape", "/a%zz"),
		with("NUL", "/a\x00b"),
		with("DEL", "/a\x7fb"),
		with("8-bit", "/\xc3\xa9\xff"),
		with("odd ASCII", "/\"<>\\^`{|}"),
		with("space", "/a b"),
		with("backslash first", "\\g"),
		{"target: CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"},
		{"target: CONNECT origin-form", "CONNECT /g HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"target: TRACE", "TRACE /g HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"target: OPTIONS absolute without path", "OPTIONS http://a HTTP/1.1\r\nHost: a\r\n\r\n"},
	}
}

// pipelines is about what follows a request on its connection.
func pipelines() []request {
	ok, length := get+"\r\n", strconv.Itoa(len(evil))
	return []request{
		{"pipeline: good, bad, good", ok + "GET /bad HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n" + evil},
		{"pipeline: bad, good", "GET /bad HTTP/1.1\r\n\r\n" + evil},
		{"pipeline: close, good", get + "Connection: close\r\n\r\n" + evil},
		{"pipeline: HTTP/1.0, good", "GET /g HTTP/1.0\r\nHost: a\r\n\r\n" + evil},
		{"pipeline: bad version, good", "GET /g HTTP/3.0\r\nHost: a\r\n\r\n" + evil},
		{"pipeline: TRACE with body", "TRACE /g HTTP/1.1\r\nHost: a\r\nContent-Length: " + length + "\r\n\r\n" + evil},
		{"pipeline: body is a request", post + "Content-Length: " + length + "\r\n\r\n" + evil},
		{"pipeline: GET with request as body", get + "Content-Length: " + length + "\r\n\r\n" + evil},
		{"pipeline: length without body", post + "\r\n" + "x=1" + evil},
		{"pipeline: expectation and request", post + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello" + evil},
		{"pipeline: bad chunk, good", coded + "zz\r\n" + evil},
		{"pipeline: HEAD with body", "HEAD /g HTTP/1.1\r\nHost: a\r\nContent-Length: " + length + "\r\n\r\n" + evil},
		{"pipeline: upgrade and request", get + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" + evil},
		{"pipeline: blank lines between", ok + "\r\n\r\n" + evil},
		{"pipeline: NUL between", ok + "\x00" + evil},
	}
}

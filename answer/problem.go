// Package answer writes the answers Tutti makes itself: application/problem+json
// (RFC 9457) with Proxy-Status (RFC 9209).
package answer

import (
	"strconv"
	"time"

	"github.com/valyala/fasthttp"
)

// Problem is one such answer. Zero fields are left out. Strings are escaped for where they
// go; Members goes as it is.
type Problem struct {
	Status     int
	Error      string // Proxy-Status error=, e.g. "destination_unavailable"
	Detail     string // a sentence; never a peer's bytes, an address or an error's text
	RetryAfter int    // seconds
	Allow      string // for 405
	Location   string // for 202
	Applied    string // Preference-Applied
	ID         string // a write's
	Members    []byte // further JSON members, each starting with a comma: `,"backends":[...]`
}

// Reply says how it goes to the client.
type Reply struct {
	Head      bool // the request was HEAD: no body
	KeepAlive bool
	Minor     int // the client's HTTP/1.x
}

// Append appends the whole answer, head and body. It does not allocate beyond growing dst.
func Append(dst []byte, p *Problem, r Reply) []byte {
	title := fasthttp.StatusMessage(p.Status)
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(p.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, title...)
	dst = append(dst, "\r\nDate: "...)
	dst = Date(dst)
	if p.Error != "" {
		dst = appendField(dst, "\r\nProxy-Status: tutti; error=", p.Error)
	}
	if p.RetryAfter > 0 {
		dst = append(dst, "\r\nRetry-After: "...)
		dst = strconv.AppendInt(dst, int64(p.RetryAfter), 10)
	}
	if p.Allow != "" {
		dst = appendField(dst, "\r\nAllow: ", p.Allow)
	}
	if p.Location != "" {
		dst = appendField(dst, "\r\nLocation: ", p.Location)
	}
	if p.Applied != "" {
		dst = appendField(dst, "\r\nPreference-Applied: ", p.Applied)
	}
	switch {
	case !r.KeepAlive:
		dst = append(dst, "\r\nConnection: close"...)
	case r.Minor == 0:
		dst = append(dst, "\r\nConnection: keep-alive"...)
	}
	dst = append(dst, "\r\nCache-Control: no-store\r\nContent-Type: application/problem+json\r\nContent-Length: "...)
	body := len(dst)
	dst = appendBody(dst, p, title)
	return insertLength(dst, body, r.Head)
}

// Date appends the current time as an IMF-fixdate. Asking the clock costs more than the
// formatting, so nothing is cached.
func Date(dst []byte) []byte {
	return fasthttp.AppendHTTPDate(dst, time.Now())
}

func appendBody(dst []byte, p *Problem, title string) []byte {
	dst = append(dst, `{"type":"about:blank","title":"`...)
	dst = appendEscaped(dst, title)
	dst = append(dst, `","status":`...)
	dst = strconv.AppendInt(dst, int64(p.Status), 10)
	if p.Detail != "" {
		dst = append(dst, `,"detail":"`...)
		dst = appendEscaped(dst, p.Detail)
		dst = append(dst, '"')
	}
	if p.ID != "" {
		dst = append(dst, `,"id":"`...)
		dst = appendEscaped(dst, p.ID)
		dst = append(dst, '"')
	}
	dst = append(dst, p.Members...)
	return append(dst, "}\n"...)
}

// insertLength puts the length of what starts at body, and the head's end, before it. A HEAD's
// answer says the length a GET's would have and ends there.
func insertLength(dst []byte, body int, head bool) []byte {
	var buf [24]byte
	length := strconv.AppendInt(buf[:0], int64(len(dst)-body), 10)
	length = append(length, "\r\n\r\n"...)
	if head {
		return append(dst[:body], length...)
	}
	dst = append(dst, length...) // only for the room
	copy(dst[body+len(length):], dst[body:])
	copy(dst[body:], length)
	return dst
}

// appendField appends a header field's start and its value, control bytes left out.
func appendField(dst []byte, start, value string) []byte {
	dst = append(dst, start...)
	for i := range len(value) {
		if c := value[i]; c >= ' ' && c != 0x7f {
			dst = append(dst, c)
		}
	}
	return dst
}

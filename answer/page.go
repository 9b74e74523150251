package answer

import (
	"strconv"

	"github.com/valyala/fasthttp"
)

// AppendPage appends a whole answer with a page of Tutti's own that must not be cached.
func AppendPage(dst []byte, status int, contentType string, page []byte, r Reply) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	dst = append(dst, ' ')
	dst = append(dst, fasthttp.StatusMessage(status)...)
	dst = append(dst, "\r\nDate: "...)
	dst = Date(dst)
	switch {
	case !r.KeepAlive:
		dst = append(dst, "\r\nConnection: close"...)
	case r.Minor == 0:
		dst = append(dst, "\r\nConnection: keep-alive"...)
	}
	dst = append(dst, "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff"...)
	dst = appendField(dst, "\r\nContent-Type: ", contentType)
	dst = append(dst, "\r\nContent-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(page)), 10)
	dst = append(dst, "\r\n\r\n"...)
	if r.Head {
		return dst
	}
	return append(dst, page...)
}

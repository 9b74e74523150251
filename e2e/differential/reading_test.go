package differential

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"

	"tutti/wire"
)

// reading is what a strict parser makes of bytes that went to a backend.
type reading struct {
	whole bool   // exactly one request, to its end
	cut   bool   // a request that does not come to its end
	fault string // no request, or more than one

	method, target, host string
	framing              string
	body                 []byte
}

// read reads with package wire.
func read(raw string) reading {
	end, _, err := wire.HeadEnd([]byte(raw), 0)
	if err != nil {
		return reading{fault: err.Error()}
	}
	if end == 0 {
		return reading{cut: true}
	}
	var req wire.Request
	if err := req.Parse([]byte(raw[:end])); err != nil {
		return reading{fault: err.Error()}
	}
	r := reading{method: string(req.Method), target: string(req.Target), host: string(req.Host)}
	rest := []byte(raw[end:])
	switch {
	case req.Chunked:
		r.framing = "chunked"
		var chunks wire.ChunkReader
		for len(rest) > 0 && !chunks.Done() {
			data, n, err := chunks.Next(rest)
			if err != nil {
				return reading{fault: err.Error()}
			}
			r.body = append(r.body, data...)
			rest = rest[n:]
		}
		r.cut = !chunks.Done()
	case req.ContentLength >= 0:
		r.framing = "length"
		n := min(req.ContentLength, int64(len(rest)))
		r.body, rest = rest[:n], rest[n:]
		r.cut = n < req.ContentLength
	}
	if len(rest) > 0 {
		return reading{fault: fmt.Sprintf("%d bytes behind the request", len(rest))}
	}
	r.whole = !r.cut
	return r
}

// String is the reading in the table.
func (r reading) String() string {
	switch {
	case r.fault != "":
		return "**" + strings.TrimSuffix(r.fault, ".") + "**"
	case r.cut:
		return "cut short"
	}
	s := "`" + strings.ReplaceAll(r.method+" "+clip(r.target, 24), "`", "'") + "`"
	if r.host != "a" {
		s += " for " + fmt.Sprintf("%q", clip(pseudonym.ReplaceAllString(r.host, "tutti-…"), 24))
	}
	if r.framing != "" {
		s += fmt.Sprintf(", %s, %d bytes", r.framing, len(r.body))
	}
	return s
}

// pseudonym is another one in every process.
var pseudonym = regexp.MustCompile("^tutti-[0-9a-f]{8}$")

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

var errDiffers = errors.New("is read differently by net/http")

// agrees reads raw with net/http and compares.
func (r reading) agrees(raw string) error {
	br := bufio.NewReader(strings.NewReader(raw))
	req, err := http.ReadRequest(br)
	if err != nil {
		return fmt.Errorf("is not read by net/http: %w", err)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return fmt.Errorf("has a body not read by net/http: %w", err)
	}
	rest, _ := io.ReadAll(br)
	switch {
	case req.Method != r.method, req.RequestURI != r.target, req.Host != r.host, !bytes.Equal(body, r.body):
		return fmt.Errorf("%w: %s %s for %s, %q", errDiffers, req.Method, req.RequestURI, req.Host, body)
	case len(rest) > 0:
		return fmt.Errorf("%w: %d bytes are left", errDiffers, len(rest))
	}
	return nil
}

package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Field is one field line of a head.
type Field struct {
	Name, Value string // Value without the white space around it
	Line        string // as it came, without CRLF
}

// Head is a message's head as it came.
type Head struct {
	Raw    string // with the empty line that ends it
	Start  string // the first line, without CRLF
	Fields []Field
}

// Get is the first value of the field, matched without regard to case.
func (h *Head) Get(name string) string {
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Values are all values of the field.
func (h *Head) Values(name string) []string {
	var values []string
	for _, f := range h.Fields {
		if strings.EqualFold(f.Name, name) {
			values = append(values, f.Value)
		}
	}
	return values
}

// Has tells whether the field is there.
func (h *Head) Has(name string) bool { return len(h.Values(name)) > 0 }

// ErrMalformed is a message no strict parser accepts.
var ErrMalformed = errors.New("malformed message")

const maxHead = 1 << 20

// readHead reads a head strictly: CRLF ends every line, every field has a name and a colon
// right after it. io.EOF only if there was not a single byte.
func readHead(br *bufio.Reader) (*Head, error) {
	h := new(Head)
	for {
		line, err := br.ReadString('\n')
		h.Raw += line
		if err != nil {
			if errors.Is(err, io.EOF) && h.Raw != "" {
				err = io.ErrUnexpectedEOF
			}
			return h, err
		}
		if len(h.Raw) > maxHead {
			return h, fmt.Errorf("%w: endless head", ErrMalformed)
		}
		text, ok := strings.CutSuffix(line, "\r\n")
		if !ok || strings.ContainsAny(text, "\r\n\x00") {
			return h, fmt.Errorf("%w: line %q", ErrMalformed, line)
		}
		if text == "" {
			break
		}
		if h.Start == "" {
			h.Start = text
			continue
		}
		if err := h.add(text); err != nil {
			return h, err
		}
	}
	if h.Start == "" {
		return h, fmt.Errorf("%w: no first line", ErrMalformed)
	}
	return h, nil
}

func (h *Head) add(line string) error {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" || strings.ContainsAny(name, " \t") {
		return fmt.Errorf("%w: field line %q", ErrMalformed, line)
	}
	h.Fields = append(h.Fields, Field{Name: name, Value: strings.Trim(value, " \t"), Line: line})
	return nil
}

// framing says how a body is delimited: length ≥ 0, chunked, or until the connection closes.
type framing struct {
	length  int64
	chunked bool
	close   bool
}

func (f framing) String() string {
	switch {
	case f.chunked:
		return "chunked"
	case f.close:
		return "close"
	default:
		return "length " + strconv.FormatInt(f.length, 10)
	}
}

// headFraming reads the framing fields strictly: at most one of them, once.
func headFraming(h *Head) (f framing, present bool, err error) {
	lengths, codings := h.Values("Content-Length"), h.Values("Transfer-Encoding")
	switch {
	case len(lengths)+len(codings) == 0:
		return framing{}, false, nil
	case len(lengths)+len(codings) > 1:
		return framing{}, true, fmt.Errorf("%w: framed twice: %q", ErrMalformed, h.Raw)
	case len(codings) == 1:
		if !strings.EqualFold(codings[0], "chunked") {
			return framing{}, true, fmt.Errorf("%w: coding %q", ErrMalformed, codings[0])
		}
		return framing{chunked: true}, true, nil
	}
	n, err := strconv.ParseUint(lengths[0], 10, 62)
	if err != nil {
		return framing{}, true, fmt.Errorf("%w: length %q", ErrMalformed, lengths[0])
	}
	return framing{length: int64(n)}, true, nil
}

// readBody copies a body to w and returns the trailers' lines. A body cut short is
// io.ErrUnexpectedEOF.
func readBody(br *bufio.Reader, f framing, w io.Writer) (trailers []Field, err error) {
	switch {
	case f.chunked:
		return readChunked(br, w)
	case f.close:
		_, err = io.Copy(w, br)
		return nil, err
	}
	_, err = io.CopyN(w, br, f.length)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

func readChunked(br *bufio.Reader, w io.Writer) ([]Field, error) {
	for {
		line, err := readLine(br)
		if err != nil {
			return nil, err
		}
		n, err := strconv.ParseUint(line, 16, 62)
		if err != nil {
			return nil, fmt.Errorf("%w: chunk size %q", ErrMalformed, line)
		}
		if n == 0 {
			return readTrailers(br)
		}
		if _, err := io.CopyN(w, br, int64(n)); err != nil {
			return nil, unexpected(err)
		}
		if line, err = readLine(br); err != nil {
			return nil, err
		}
		if line != "" {
			return nil, fmt.Errorf("%w: %q after a chunk", ErrMalformed, line)
		}
	}
}

func readTrailers(br *bufio.Reader) ([]Field, error) {
	var h Head
	for {
		line, err := readLine(br)
		if err != nil || line == "" {
			return h.Fields, err
		}
		if err := h.add(line); err != nil {
			return nil, err
		}
	}
}

func readLine(br *bufio.Reader) (string, error) {
	line, err := br.ReadString('\n')
	if err != nil {
		return "", unexpected(err)
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return "", fmt.Errorf("%w: line %q", ErrMalformed, line)
	}
	return text, nil
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

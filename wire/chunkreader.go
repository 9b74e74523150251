package wire

import (
	"bytes"
	"math"
)

// Bounds of what a chunked body holds besides data.
const (
	maxChunkLine    = 4 << 10  // a chunk's size, extensions and CRLF
	maxChunkDigits  = 16       // hexadecimal digits of a size, leading zeros included
	maxTrailerBytes = 16 << 10 // the trailer section
)

// The states of a ChunkReader. The zero value expects a chunk's size.
const (
	chunkSize      uint8 = iota // the first digit
	chunkDigits                 // more digits, or what ends them
	chunkSpace                  // white space after the size
	chunkExt                    // an extension
	chunkQuoted                 // in a quoted string of it
	chunkEscaped                // after a backslash in that
	chunkSizeLF                 // the LF of the size line
	chunkData                   // left bytes of data
	chunkDataCR                 // the CR after them
	chunkDataLF                 // the LF after that
	chunkTrailer                // a trailer line or the blank line
	chunkTrailerLF              // the LF of the blank line
	chunkDone
	chunkFailed // err says why; stays
)

// ChunkReader takes a chunked body apart, byte ranges at a time (RFC 9112 §7.1). The zero
// value is ready. It may be moved, not copied and used twice. Only trailers make it allocate.
type ChunkReader struct {
	state    uint8
	left     uint64 // of the chunk; while its size is read, the size so far
	digits   int    // read of the size
	lineLen  int    // bytes read of the size line
	seen     int    // bytes read of the trailer section
	line     int    // where the unfinished line starts in trailers
	trailers []byte
	err      *Error
}

// Next consumes a prefix of src (n bytes) and returns the body bytes in it as a sub-slice of
// src (possibly empty). It stops after each run of data; call again with src[n:] until n == 0
// or Done. Extensions are dropped. Errors are *Error (status 400; about an answer, the caller
// makes it a 502) and stay: bare CR or LF, bad size, overflow, too long a line, an extension
// with control bytes or an open quote, bad trailer.
func (c *ChunkReader) Next(src []byte) (data []byte, n int, err error) {
	for n < len(src) && c.state != chunkDone {
		switch c.state {
		case chunkData:
			data = src[n:]
			if uint64(len(data)) > c.left {
				data = data[:c.left]
			}
			c.left -= uint64(len(data))
			if c.left == 0 {
				c.state = chunkDataCR
			}
			return data, n + len(data), nil
		case chunkTrailer:
			k, bad := c.trailer(src[n:])
			if bad != nil {
				return nil, n, c.fail(bad)
			}
			n += k
		case chunkFailed:
			return nil, n, c.err
		default:
			if bad := c.step(src[n]); bad != nil {
				return nil, n, c.fail(bad)
			}
			n++
		}
	}
	return nil, n, nil
}

func (c *ChunkReader) fail(err *Error) error {
	c.state, c.err = chunkFailed, err
	return err
}

// step takes one byte of what is neither data nor a trailer.
func (c *ChunkReader) step(b byte) *Error {
	switch c.state {
	case chunkDataCR:
		return c.expect(b, '\r', chunkDataLF, errChunkEnd)
	case chunkDataLF:
		return c.expect(b, '\n', chunkSize, errChunkEnd)
	case chunkTrailerLF:
		return c.expect(b, '\n', chunkDone, errTrailer)
	case chunkSizeLF:
		if c.left == 0 {
			return c.expect(b, '\n', chunkTrailer, errChunkLine)
		}
		return c.expect(b, '\n', chunkData, errChunkLine)
	case chunkSize:
		c.left, c.digits, c.lineLen = 0, 0, 1
		return c.digit(b)
	}
	if c.lineLen++; c.lineLen > maxChunkLine-len("\n") {
		return errChunkLineLen
	}
	switch c.state {
	case chunkDigits:
		if unhex(b) >= 0 {
			return c.digit(b)
		}
		return c.afterSize(b)
	case chunkSpace:
		return c.afterSize(b)
	default:
		return c.extension(b)
	}
}

func (c *ChunkReader) expect(b, want byte, then uint8, otherwise *Error) *Error {
	if b != want {
		return otherwise
	}
	c.state = then
	return nil
}

func (c *ChunkReader) digit(b byte) *Error {
	d := unhex(b)
	if d < 0 {
		return errChunkSize
	}
	if c.digits++; c.digits > maxChunkDigits {
		return errChunkTooBig
	}
	if c.left = c.left<<4 | uint64(d); c.left > math.MaxInt64 {
		return errChunkTooBig
	}
	c.state = chunkDigits
	return nil
}

// afterSize takes what may follow the digits. White space before the line's end is let pass
// (old servers pad the size with it): everybody who accepts it reads the same size, and it
// is not passed on.
func (c *ChunkReader) afterSize(b byte) *Error {
	switch b {
	case '\r':
		c.state = chunkSizeLF
	case ';':
		c.state = chunkExt
	case ' ', '\t':
		c.state = chunkSpace
	default:
		return errChunkSize
	}
	return nil
}

// extension takes a byte after the ";". What it says is dropped; it only must not hide the
// line's end from anybody: no control bytes, no quote left open.
func (c *ChunkReader) extension(b byte) *Error {
	switch {
	case b == '\r' && c.state == chunkExt:
		c.state = chunkSizeLF
	case b < ' ' && b != '\t' || b == 0x7f:
		return errChunkLine
	case c.state == chunkEscaped:
		c.state = chunkQuoted
	case b == '\\' && c.state == chunkQuoted:
		c.state = chunkEscaped
	case b == '"' && c.state == chunkQuoted:
		c.state = chunkExt
	case b == '"':
		c.state = chunkQuoted
	}
	return nil
}

// trailer takes a piece of the trailer section, at most to the end of a line.
func (c *ChunkReader) trailer(src []byte) (n int, err *Error) {
	if len(c.trailers) == c.line && src[0] == '\r' {
		c.state = chunkTrailerLF
		return 1, nil
	}
	end := bytes.IndexByte(src, '\n')
	n = end + 1
	if end < 0 {
		n = len(src)
	}
	if c.seen += n; c.seen > maxTrailerBytes {
		return 0, errTrailers
	}
	c.trailers = append(c.trailers, src[:n]...)
	if end < 0 {
		return n, nil
	}
	line := c.trailers[c.line:]
	name, ok := trailerName(line)
	if !ok {
		return 0, errTrailer
	}
	if forbiddenTrailer(name) {
		c.trailers = c.trailers[:c.line]
	}
	c.line = len(c.trailers)
	return n, nil
}

// Done tells whether the last chunk, the trailers and the final blank line were consumed.
func (c *ChunkReader) Done() bool { return c.state == chunkDone }

// Trailers are the trailer field lines that may be passed on, each with its CRLF, owned by c
// until Reset (framing, routing, authentication and hop-by-hop names are left out: RFC 9110
// §6.5.1). Complete when Done.
func (c *ChunkReader) Trailers() []byte { return c.trailers[:c.line] }

// Reset makes c ready for another body and keeps its memory.
func (c *ChunkReader) Reset() { *c = ChunkReader{trailers: c.trailers[:0]} }

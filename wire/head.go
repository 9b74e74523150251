package wire

// HeadEnd looks for the blank line that ends a head in buf, scanning from byte from on
// (resumable: pass the returned next as from when more bytes have arrived).
// end is one past the blank line, or 0 when there is none yet. A LF without CR before it,
// a CR without LF after it, a NUL and any other control byte but HTAB are errors as soon as
// they are seen (*Error with status 400; about an answer, the caller makes it a 502).
//
// A buf that starts with CRLF ends there, at 2: see SkipBlank.
func HeadEnd(buf []byte, from int) (end, next int, err error) {
	i := from
	for {
		i = control(buf, i)
		if i >= len(buf) {
			return 0, i, nil
		}
		switch buf[i] {
		case '\t':
			i++
		case '\r':
			if i+1 == len(buf) {
				return 0, i, nil
			}
			if buf[i+1] != '\n' {
				return 0, i, &errBareCR.request
			}
			if i == 0 || buf[i-1] == '\n' {
				return i + 2, i + 2, nil
			}
			i += 2
		case '\n':
			return 0, i, &errBareLF.request
		default:
			return 0, i, &errControl.request
		}
	}
}

// SkipBlank returns how many bytes of leading CRLF pairs (at most 8 pairs) buf starts with
// (RFC 9112 §2.2). Half a pair is not counted: ask again before each HeadEnd from 0, or a
// pair that came in two reads is taken for an empty head, which Parse refuses.
func SkipBlank(buf []byte) int {
	n := 0
	for n < 16 && n+1 < len(buf) && buf[n] == '\r' && buf[n+1] == '\n' {
		n += 2
	}
	return n
}

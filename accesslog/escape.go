package accesslog

import "unicode/utf8"

const digits = "0123456789ABCDEF"

// ellipsis stands where a field was cut off.
const ellipsis = "..."

// appendEscaped appends at most most bytes of src and an ellipsis, as nginx does in its
// default escaping: quotes, backslashes and what is not printable ASCII as \xXX. No byte of
// src can end the line or the quoted field, or speak to a terminal.
func appendEscaped(dst, src []byte, most int) []byte {
	end := len(dst) + most
	for _, c := range src {
		if plain[c] {
			if len(dst)+1 > end {
				return append(dst, ellipsis...)
			}
			dst = append(dst, c)
			continue
		}
		if len(dst)+4 > end {
			return append(dst, ellipsis...)
		}
		dst = append(dst, '\\', 'x', digits[c>>4], digits[c&15])
	}
	return dst
}

// plain is what stands for itself in a line: printable ASCII but for the quote and the backslash.
var plain = plainTable()

func plainTable() (table [256]bool) {
	for c := ' '; c <= '~'; c++ {
		table[c] = c != '"' && c != '\\'
	}
	return table
}

// appendJSONString appends at most most bytes of src and an ellipsis as the inside of a JSON
// string. Valid UTF-8 stays, but for control characters and what breaks lines; a byte that is
// none becomes the text \xXX, since JSON can't hold it.
func appendJSONString[T string | []byte](dst []byte, src T, most int) []byte {
	end := len(dst) + most
	for i := 0; i < len(src); {
		c := src[i]
		if plain[c] {
			if len(dst)+1 > end {
				return append(dst, ellipsis...)
			}
			dst = append(dst, c)
			i++
			continue
		}
		if len(dst)+6 > end {
			return append(dst, ellipsis...)
		}
		if c < utf8.RuneSelf {
			dst = appendJSONByte(dst, c)
			i++
			continue
		}
		r, n := decode(src, i)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, '\\', '\\', 'x', digits[c>>4], digits[c&15])
		case unsafeRune(r):
			dst = append(dst, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
		i += n
	}
	return dst
}

// appendJSONByte appends an ASCII byte that can't stand for itself.
func appendJSONByte(dst []byte, c byte) []byte {
	if c == '"' || c == '\\' {
		return append(dst, '\\', c)
	}
	return append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}

// decode is utf8.DecodeRune at src[i:].
func decode[T string | []byte](src T, i int) (rune, int) {
	var b [utf8.UTFMax]byte
	n := copy(b[:], src[i:])
	return utf8.DecodeRune(b[:n])
}

// unsafeRune is what steers a terminal, ends lines or turns the direction of text around.
func unsafeRune(r rune) bool {
	return r < 0xa0 || r == 0x61c || 0x200e <= r && r <= 0x200f || 0x2028 <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
}

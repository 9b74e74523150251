package fanout

import (
	"crypto/sha256"
	"encoding/binary"

	"tutti/wire"
)

// scope says whose Idempotency-Key it is, and which: 128 bits of a SHA-256 over Host, Authorization,
// Cookie and the key, so that nobody gets an answer that was given to somebody else.
type scope [16]byte

// fingerprint is what a request is recognised by under its key: 128 bits of a SHA-256 over method,
// target and body.
type fingerprint [16]byte

// scopeOf is the scope of a request with an Idempotency-Key. scratch is overwritten.
func scopeOf(r *wire.Request, scratch *buffer) scope {
	b := appendPart(scratch.b[:0], r.Host)
	b = appendLines(b, 'A', r, "authorization")
	b = appendLines(b, 'C', r, "cookie")
	b = append(b, 'K')
	b = appendPart(b, r.Value(wire.IdempotencyKey))
	scratch.b = b
	sum := sha256.Sum256(b)
	return scope(sum[:len(scope{})])
}

// fingerprintOf is the fingerprint of a request whose body is whole. scratch is overwritten.
func fingerprintOf(r *wire.Request, body []byte, scratch *buffer) fingerprint {
	of := sha256.Sum256(body) // which need not be copied that way
	b := appendPart(scratch.b[:0], r.Method)
	b = appendPart(b, r.Path)
	b = append(b, of[:]...)
	scratch.b = b
	sum := sha256.Sum256(b)
	return fingerprint(sum[:len(fingerprint{})])
}

// appendLines appends every line of a field, with what tells it from other fields.
func appendLines(dst []byte, mark byte, r *wire.Request, lower string) []byte {
	for i := range r.Fields {
		f := &r.Fields[i]
		if wire.EqualFold(r.Head[f.Line:f.NameEnd], lower) {
			dst = appendPart(append(dst, mark), r.Head[f.Value:f.ValueEnd])
		}
	}
	return dst
}

// appendPart appends p behind its length.
func appendPart(dst, p []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(len(p)))
	return append(dst, p...)
}

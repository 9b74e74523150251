// Package wire reads and writes the heads and chunked bodies of HTTP/1.1 messages
// (RFC 9112), strictly: what two parsers could understand in two ways is refused.
//
// Everything works on bytes the caller owns, keeps offsets and sub-slices of them,
// and allocates nothing.
package wire

package wire

// Kind says what a field is to a proxy. Fields nobody on the way has to know are Other.
type Kind uint8

// The fields a proxy reads, replaces or removes (RFC 9110, RFC 9112, RFC 7240).
const (
	Other Kind = iota
	Host
	ContentLength
	TransferEncoding
	Connection
	KeepAlive
	ProxyField // Proxy-Connection, Proxy-Authorization, Proxy-Authenticate, Proxy-Authentication-Info, ...
	Upgrade
	TE
	Trailer
	Expect
	Via
	Forwarding // X-Forwarded-*, Forwarded, X-Real-IP, also spelled with "_" for "-"
	RequestID  // X-Request-Id
	IdempotencyKey
	Sequence // Tutti-Sequence
	Prefer
	Date
	RetryAfter
	ContentType
)

// Field is one field line of a head, as offsets into the head it was parsed from.
type Field struct {
	Line, NameEnd    int32 // the line's first byte, which is the name's; one past the name
	Value, ValueEnd  int32 // the value without the white space around it
	End              int32 // one past the line's CRLF
	Kind             Kind
	HopByHop         bool // removed on the way: by its kind, or because Connection names it
}

package wire

import "bytes"

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
	ProxyField // Proxy-Connection, Proxy-Authorization, Proxy-Authenticate, Proxy-Authentication-Info
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

	// Spelled with "_" where the name has "-": servers that turn names into variables
	// (CGI, WSGI) can't tell the two apart.
	likeFraming // Content_Length, Transfer_Encoding: a request with one is refused
	likeOurs    // X_Request_Id, Tutti_Sequence: removed from requests
)

const (
	// hopByHop are removed both ways, whatever Connection says (RFC 9110 §7.6.1).
	hopByHop = 1<<Connection | 1<<KeepAlive | 1<<ProxyField | 1<<Upgrade | 1<<TE

	// unnameable stay although Connection names them: what frames, routes and
	// synchronises the message, and what Tutti itself adds (golang/go#50580).
	unnameable = 1<<Host | 1<<ContentLength | 1<<TransferEncoding | 1<<Expect | 1<<Via |
		1<<Forwarding | 1<<RequestID | 1<<IdempotencyKey | 1<<Sequence | 1<<Date
)

// kindOf classifies a field name, which is not empty.
func kindOf(name []byte) Kind {
	want, kind := "", Other
	switch int(name[0]|0x20)<<8 | len(name) {
	case 't'<<8 | 2:
		want, kind = "te", TE
	case 'v'<<8 | 3:
		want, kind = "via", Via
	case 'h'<<8 | 4:
		want, kind = "host", Host
	case 'd'<<8 | 4:
		want, kind = "date", Date
	case 'e'<<8 | 6:
		want, kind = "expect", Expect
	case 'p'<<8 | 6:
		want, kind = "prefer", Prefer
	case 'u'<<8 | 7:
		want, kind = "upgrade", Upgrade
	case 't'<<8 | 7:
		want, kind = "trailer", Trailer
	case 'f'<<8 | 9:
		want, kind = "forwarded", Forwarding
	case 'x'<<8 | 9:
		want, kind = "x-real-ip", Forwarding
	case 'c'<<8 | 10:
		want, kind = "connection", Connection
	case 'k'<<8 | 10:
		want, kind = "keep-alive", KeepAlive
	case 'r'<<8 | 11:
		want, kind = "retry-after", RetryAfter
	case 'c'<<8 | 12:
		want, kind = "content-type", ContentType
	case 'x'<<8 | 12:
		want, kind = "x-request-id", RequestID
	case 'c'<<8 | 14:
		want, kind = "content-length", ContentLength
	case 't'<<8 | 14:
		want, kind = "tutti-sequence", Sequence
	case 'i'<<8 | 15:
		want, kind = "idempotency-key", IdempotencyKey
	case 'p'<<8 | 16:
		want, kind = "proxy-connection", ProxyField
	case 't'<<8 | 17:
		want, kind = "transfer-encoding", TransferEncoding
	case 'p'<<8 | 18:
		want, kind = "proxy-authenticate", ProxyField
	case 'p'<<8 | 19:
		want, kind = "proxy-authorization", ProxyField
	case 'p'<<8 | 25:
		want, kind = "proxy-authentication-info", ProxyField
	}
	if kind != Other && equalLoose(name, want) {
		return exactly(name, kind)
	}
	const prefix = "x-forwarded"
	if n := len(prefix); len(name) >= n && name[0]|0x20 == 'x' && equalLoose(name[:n], prefix) &&
		(len(name) == n || loose[name[n]] == '-') {
		return Forwarding
	}
	return Other
}

// exactly says what a name that is kind's, "_" read as "-", is when the two differ.
func exactly(name []byte, kind Kind) Kind {
	if kind == Host || bytes.IndexByte(name, '_') < 0 {
		return kind
	}
	switch kind { //nolint:exhaustive // the others' spellings with "_" are nothing to a proxy
	case ContentLength, TransferEncoding:
		return likeFraming
	case RequestID, Sequence:
		return likeOurs
	case Forwarding:
		return Forwarding
	default:
		return Other
	}
}

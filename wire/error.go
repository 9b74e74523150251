package wire

// Error is why a message was refused. Errors of this package are these values, never
// wrapped and never carrying bytes of the message.
type Error struct {
	Status int    // what a client gets: 400, 431, 505; 502 for answers of backends
	Detail string // one sentence for the problem's detail, without the peer's bytes
}

// Error implements error.
func (e *Error) Error() string { return e.Detail }

// fault is what can be wrong with requests and answers alike.
type fault struct{ request, answer Error }

func bad(what string) *fault {
	return &fault{
		request: Error{Status: 400, Detail: "The request " + what + "."},
		answer:  Error{Status: 502, Detail: "The backend's answer " + what + "."},
	}
}

func badRequest(what string) *Error {
	return &Error{Status: 400, Detail: "The request " + what + "."}
}

func badAnswer(what string) *Error {
	return &Error{Status: 502, Detail: "The backend's answer " + what + "."}
}

// Sentinels: what is refused on the hot path costs no allocation.
var (
	errBareLF      = bad("has a line feed without a carriage return")
	errBareCR      = bad("has a carriage return without a line feed")
	errControl     = bad("has a control character in its header")
	errFold        = bad("has a folded header line")
	errNameSpace   = bad("has white space before a field's colon")
	errNameEmpty   = bad("has a field without a name")
	errName        = bad("has a field name with a character that is not allowed")
	errNoColon     = bad("has a header line without a colon")
	errCut         = bad("has a header that does not end in a blank line")
	errLength      = bad("has a Content-Length that is not a number")
	errTwoLengths  = bad("has more than one Content-Length")
	errTwoCodings  = bad("has more than one Transfer-Encoding")
	errTwoFramings = bad("has both Content-Length and Transfer-Encoding")
	errCoding      = bad("has a transfer coding other than chunked")
	errCodingInOld = bad("has a transfer coding in HTTP/1.0")
	errNominations = bad("names too many fields in Connection")
	errManyFields  = &fault{
		request: Error{Status: 431, Detail: "The request has too many header fields."},
		answer:  Error{Status: 502, Detail: "The backend's answer has too many header fields."},
	}

	errMethod       = badRequest("has a malformed method")
	errTarget       = badRequest("has a malformed target")
	errEscape       = badRequest("has a malformed percent-encoding in its path")
	errFragment     = badRequest("has a fragment in its target")
	errUserinfo     = badRequest("has user information in its target")
	errAsterisk     = badRequest("has the target * with a method other than OPTIONS")
	errRequestLine  = badRequest("has a malformed request line")
	errHostMissing  = badRequest("has no Host")
	errHostTwice    = badRequest("has more than one Host")
	errHost         = badRequest("has a malformed Host")
	errLikeFraming  = badRequest("has a field that could be mistaken for Content-Length or Transfer-Encoding")
	errVersion      = &Error{Status: 505, Detail: "Only HTTP/1.0 and HTTP/1.1 are spoken here."}
	errHeadTooLarge = &Error{Status: 431, Detail: "The request's header is too large."}

	errStatusLine   = badAnswer("has a malformed status line")
	errStatus       = badAnswer("has a status outside 100 to 599")
	errCodingNoBody = badAnswer("has a transfer coding where no body may be")
	errAnswerLarge  = badAnswer("has a header that is too large")

	errChunkSize    = &Error{Status: 400, Detail: "A chunk's size is malformed."}
	errChunkTooBig  = &Error{Status: 400, Detail: "A chunk's size is out of range."}
	errChunkLine    = &Error{Status: 400, Detail: "A chunk's size line is malformed."}
	errChunkLineLen = &Error{Status: 400, Detail: "A chunk's size line is too long."}
	errChunkEnd     = &Error{Status: 400, Detail: "A chunk does not end where its size says."}
	errTrailer      = &Error{Status: 400, Detail: "A trailer field is malformed."}
	errTrailers     = &Error{Status: 400, Detail: "The trailer section is too large."}
)

package accesslog

import (
	"strconv"
	"time"
)

// Format is how a line looks.
type Format uint8

// The formats.
const (
	Combined Format = iota // nginx's and Apache's "combined"
	JSON                   // one object
)

// Append appends e as a line, with its end.
func (f Format) Append(dst []byte, e *Entry) []byte {
	if f == JSON {
		return appendJSON(dst, e)
	}
	return appendCombined(dst, e)
}

func appendCombined(dst []byte, e *Entry) []byte {
	dst = appendClient(dst, e)
	dst = append(dst, " - - ["...)
	dst = e.Time.AppendFormat(dst, "02/Jan/2006:15:04:05 -0700")
	dst = append(dst, `] "`...)
	dst = appendEscaped(dst, e.Line, maxLine)
	dst = append(dst, `" `...)
	dst = appendStatus(dst, e.Status)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, e.Bytes, 10)
	dst = append(dst, ` "`...)
	dst = appendOrDash(dst, e.Referer, maxReferer)
	dst = append(dst, `" "`...)
	dst = appendOrDash(dst, e.UserAgent, maxAgent)
	return append(dst, "\"\n"...)
}

func appendClient(dst []byte, e *Entry) []byte {
	if !e.Client.IsValid() {
		return append(dst, '-')
	}
	return e.Client.AppendTo(dst)
}

// appendStatus appends three digits; 000 is no answer at all, as with nginx.
func appendStatus(dst []byte, status int) []byte {
	if status < 100 {
		return append(dst, "000"...)
	}
	return strconv.AppendInt(dst, int64(status), 10)
}

func appendOrDash(dst, value []byte, most int) []byte {
	if len(value) == 0 {
		return append(dst, '-')
	}
	return appendEscaped(dst, value, most)
}

func appendJSON(dst []byte, e *Entry) []byte {
	dst = append(dst, `{"time":"`...)
	dst = e.Time.AppendFormat(dst, "2006-01-02T15:04:05.000Z07:00")
	dst = append(dst, `","client":"`...)
	dst = appendClient(dst, e)
	dst = appendMember(dst, `","request":"`, e.Line, maxLine)
	dst = append(dst, `","status":`...)
	dst = strconv.AppendInt(dst, int64(e.Status), 10)
	dst = append(dst, `,"bytes":`...)
	dst = strconv.AppendInt(dst, e.Bytes, 10)
	dst = append(dst, `,"duration":`...)
	dst = appendSeconds(dst, e.Duration)
	dst = appendMember(dst, `,"referer":"`, e.Referer, maxReferer)
	dst = appendMember(dst, `","user_agent":"`, e.UserAgent, maxAgent)
	dst = append(dst, `","route":"`...)
	dst = append(dst, e.Route...)
	dst = append(dst, '"')
	if e.Backend != "" {
		dst = append(dst, `,"backend":"`...)
		dst = appendJSONString(dst, e.Backend, maxWord)
		dst = append(dst, '"')
	}
	if e.Backends > 0 {
		dst = append(dst, `,"delivered":`...)
		dst = strconv.AppendInt(dst, int64(e.Delivered), 10)
		dst = append(dst, `,"backends":`...)
		dst = strconv.AppendInt(dst, int64(e.Backends), 10)
	}
	if e.Backend != "" || e.Backends > 0 {
		dst = append(dst, `,"tries":`...)
		dst = strconv.AppendInt(dst, int64(e.Tries), 10)
		dst = append(dst, `,"upstream":`...)
		dst = appendSeconds(dst, e.Upstream)
	}
	if len(e.RequestID) > 0 {
		dst = appendMember(dst, `,"request_id":"`, e.RequestID, maxWord)
		dst = append(dst, '"')
	}
	if e.WriteID != "" {
		dst = append(dst, `,"write_id":"`...)
		dst = append(dst, e.WriteID...)
		dst = append(dst, '"')
	}
	return append(dst, "}\n"...)
}

// appendMember appends name, which opens the quotes, and value.
func appendMember(dst []byte, name string, value []byte, most int) []byte {
	return appendJSONString(append(dst, name...), value, most)
}

// appendSeconds appends d in seconds with microseconds.
func appendSeconds(dst []byte, d time.Duration) []byte {
	us := max(d.Microseconds(), 0)
	dst = strconv.AppendInt(dst, us/1e6, 10)
	dst = append(dst, '.')
	for unit := int64(1e5); unit > 0; unit /= 10 {
		dst = append(dst, byte('0'+us/unit%10))
	}
	return dst
}

package wire

import (
	"bytes"
	"testing"
)

func TestAHeadInOneByteReadsIsFoundAtItsLastByte(t *testing.T) {
	head := []byte(browserRequest)
	from := 0
	for n := 1; n <= len(head); n++ {
		end, next, err := HeadEnd(head[:n], from)
		if err != nil || (end != 0) != (n == len(head)) || end != 0 && end != n {
			t.Fatalf("after %d bytes: %d %v", n, end, err)
		}
		if n-next > 1 {
			t.Fatalf("%d bytes would be read again", n-next)
		}
		from = next
	}
}

func TestWhatFollowsAHeadIsNotLookedAt(t *testing.T) {
	raw := []byte(smallRequest + "\x00\n\r")
	if end, next, err := HeadEnd(raw, 0); end != len(smallRequest) || next != end || err != nil {
		t.Fatal(end, next, err)
	}
}

func TestNonsenseIsRefusedBeforeItsEnd(t *testing.T) {
	for _, raw := range []string{"GET / HTTP/1.1\n", "GET / HTTP/1.1\rH", "\x16\x03\x01", "GET \x00", "\n"} {
		if end, _, err := HeadEnd([]byte(raw), 0); end != 0 || err == nil {
			t.Errorf("%q: %d %v", raw, end, err)
		}
	}
	// These may still become a head.
	for _, raw := range []string{"", "G", "GET / HTTP/1.1\r", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\n\r", "a\tb", "\r"} {
		if end, _, err := HeadEnd([]byte(raw), 0); end != 0 || err != nil {
			t.Errorf("%q: %d %v", raw, end, err)
		}
	}
}

func TestBlankLinesBeforeARequestAreSkippedUpToEight(t *testing.T) {
	for pairs, want := range []int{0, 2, 4, 6, 8, 10, 12, 14, 16, 16} {
		raw := append(bytes.Repeat([]byte("\r\n"), pairs), "GET"...)
		if got := SkipBlank(raw); got != want {
			t.Errorf("%d pairs: %d, want %d", pairs, got, want)
		}
	}
	for _, raw := range []string{"", "\r", "\n", "\n\r", "G\r\n"} {
		if got := SkipBlank([]byte(raw)); got != 0 {
			t.Errorf("%q: %d", raw, got)
		}
	}
	if got := SkipBlank([]byte("\r\n\r")); got != 2 { // the other half may be on its way
		t.Errorf("half a pair: %d", got)
	}
}

package wire

import (
	"strings"
	"testing"
)

func TestControlBytesAreFoundWhereverTheyAre(t *testing.T) {
	for c := range 256 {
		for n := range 20 {
			for at := range n {
				for _, other := range []byte{' ', 'a', 0x7e, 0x80, 0xff} {
					b := []byte(strings.Repeat(string(rune('a')), n))
					for i := range b {
						b[i] = other
					}
					b[at] = byte(c)
					want := n
					if c < 0x20 || c == 0x7f {
						want = at
					}
					if got := control(b, 0); got != want {
						t.Fatalf("control(%q) = %d, want %d", b, got, want)
					}
				}
			}
		}
	}
}

func TestControlFindsTheFirstOfMany(t *testing.T) {
	b := []byte("abc\x7f\x00\x01\x80\x1f\x00")
	for from, want := range []int{3, 3, 3, 3, 4, 5, 7, 7, 8, 9} {
		if got := control(b, from); got != want {
			t.Errorf("from %d: %d, want %d", from, got, want)
		}
	}
}

func TestNumbersAreDigitsAlone(t *testing.T) {
	f := func(in string, want int64, ok bool) {
		t.Helper()
		if got, gotOK := ParseUint([]byte(in)); got != want || gotOK != ok {
			t.Errorf("ParseUint(%q) = %d %v, want %d %v", in, got, gotOK, want, ok)
		}
	}
	f("0", 0, true)
	f("007", 7, true)
	f("9223372036854775807", 1<<63-1, true)
	f("9223372036854775808", 0, false)
	f("9223372036854775810", 0, false)
	f("18446744073709551617", 0, false) // wraps to 1 in 64 bits
	f("99999999999999999999999", 0, false)
	for _, in := range []string{"", "+1", "-1", " 1", "1 ", "1,1", "0x1", "1e3", "1.0", "\xd9\xa1", "1\x00"} {
		f(in, 0, false)
	}
}

func TestEqualFoldKnowsNoOtherAlphabet(t *testing.T) {
	f := func(b, want string, equal bool) {
		t.Helper()
		if EqualFold([]byte(b), want) != equal {
			t.Errorf("EqualFold(%q, %q) = %v", b, want, !equal)
		}
	}
	f("ChUnKeD", "chunked", true)
	f("chunke", "chunked", false)
	f("chun\u212aed", "chunked", false) // the Kelvin sign
	f("[", "{", false)
	f("@", "`", false)
	f("\xe3", "c", false)
}

func TestListsAreReadElementByElement(t *testing.T) {
	f := func(list string, has bool) {
		t.Helper()
		if lists([]byte(list), "trailers") != has {
			t.Errorf("%q: %v", list, !has)
		}
	}
	f("trailers", true)
	f("gzip, ,Trailers ;q=0.5", true)
	f("\ttrailers\t,", true)
	f("", false)
	f(",", false)
	f("trailersx, xtrailers, trailers x", false)
}

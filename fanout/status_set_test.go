package fanout

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestStatusSetsReadCodesAndRanges(t *testing.T) {
	f := func(list string, in []int, out []int) {
		t.Helper()
		s, err := ParseStatusSet(list)
		if err != nil {
			t.Errorf("%q: %v", list, err)
			return
		}
		for _, code := range in {
			if !s.Has(code) {
				t.Errorf("%q has no %d", list, code)
			}
		}
		for _, code := range out {
			if s.Has(code) {
				t.Errorf("%q has %d", list, code)
			}
		}
	}
	f("201", []int{201}, []int{200, 202, 0, -1, 640, 100000})
	f("200-299", []int{200, 255, 256, 299}, []int{199, 300})
	f(" 200-204 , 304 ,599", []int{200, 204, 304, 599}, []int{205, 303, 305, 598})
	f("400-499,201", []int{201, 400, 499}, []int{202, 399, 500})
	f("", nil, []int{0, 200, 201})
	f("200-200", []int{200}, []int{201})
}

func TestStatusSetsRefuseWhatIsNoStatus(t *testing.T) {
	for _, list := range []string{
		"abc", "2", "20", "2010", "199", "600", "100", "299-200", "200-", "-200", "200--299",
		"200-299-300", "201,", ",201", "201,,202", "+20", "2e2", "0x0", "２０１", "200 201", "200-600",
	} {
		if s, err := ParseStatusSet(list); err == nil {
			t.Errorf("%q is read as %v", list, s)
		}
	}
}

func TestAStatusSetHasWhatItWasMadeOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := map[int]bool{}
		var items []string
		for range rapid.IntRange(1, 8).Draw(t, "items") {
			from := rapid.IntRange(200, 599).Draw(t, "from")
			to := rapid.IntRange(from, 599).Draw(t, "to")
			items = append(items, fmt.Sprintf("%d-%d", from, to))
			for code := from; code <= to; code++ {
				want[code] = true
			}
		}
		s, err := ParseStatusSet(strings.Join(items, ","))
		if err != nil {
			t.Fatal(err)
		}
		for code := range 1000 {
			if s.Has(code) != want[code] {
				t.Fatalf("%v: Has(%d) is %v", items, code, s.Has(code))
			}
		}
		if s.Empty() {
			t.Fatalf("%v is empty", items)
		}
	})
}

func TestAcksAreReadAsNumbersOfBackends(t *testing.T) {
	f := func(s string, n, need int, earliest bool) {
		t.Helper()
		got, first, err := ParseAck(s, n)
		if err != nil || got != need || first != earliest {
			t.Errorf("ParseAck(%q, %d) = %d, %v, %v", s, n, got, first, err)
		}
	}
	f("all", 3, 3, false)
	f("quorum", 1, 1, false)
	f("quorum", 2, 2, false)
	f("quorum", 3, 2, false)
	f("quorum", 4, 3, false)
	f("one", 3, 1, true)
	f("1", 3, 1, false)
	f("3", 3, 3, false)
	for _, s := range []string{"", "0", "4", "-1", "ALL", "some", "1.5"} {
		if _, _, err := ParseAck(s, 3); err == nil {
			t.Errorf("ParseAck(%q, 3) is no error", s)
		}
	}
}

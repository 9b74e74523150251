package main

import (
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSizesAreReadInBinaryUnits(t *testing.T) {
	for _, tc := range []struct {
		text  string
		bytes int64
		ok    bool
	}{
		{"0", 0, true},
		{"1", 1, true},
		{"65536", 65536, true},
		{"1KiB", 1024, true},
		{"10MiB", 10 << 20, true},
		{"3GiB", 3 << 30, true},
		{"007KiB", 7168, true},
		{"9223372036854775807", math.MaxInt64, true},
		{"8589934591GiB", 8589934591 << 30, true},
		{"8589934592GiB", 0, false}, // 2^63
		{"9223372036854775808", 0, false},
		{"18446744073709551615GiB", 0, false},
		{"", 0, false},
		{"KiB", 0, false},
		{"-1", 0, false},
		{"+1", 0, false},
		{"1.5GiB", 0, false},
		{"1 KiB", 0, false},
		{"1kib", 0, false},
		{"1KB", 0, false},
		{"1K", 0, false},
		{"0x10", 0, false},
		{"1_000", 0, false},
		{"1KiBKiB", 0, false},
	} {
		if got, ok := parseSize(tc.text); ok != tc.ok || got != tc.bytes {
			t.Errorf("%q is %d, %v; want %d, %v", tc.text, got, ok, tc.bytes, tc.ok)
		}
	}
}

func TestASizeReadsBackAsItIsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, math.MaxInt64).Draw(t, "n") &^ (int64(1)<<rapid.IntRange(0, 40).Draw(t, "zeros") - 1)
		if got, ok := parseSize(showSize(n)); !ok || got != n {
			t.Fatalf("%d is shown %s and read %d, %v", n, showSize(n), got, ok)
		}
	})
}

func TestATimeReadsBackAsItIsShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]time.Duration{time.Nanosecond, time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(t, "unit")
		d := time.Duration(rapid.Int64Range(0, int64(longest/unit)).Draw(t, "n")) * unit
		if got, err := time.ParseDuration(showDuration(d)); err != nil || got != d {
			t.Fatalf("%v is shown %s and read %v, %v", d, showDuration(d), got, err)
		}
	})
}

func TestTimesAreShownAsUsual(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", time.Millisecond: "1ms", 100 * time.Millisecond: "100ms", 1500 * time.Millisecond: "1.5s",
		time.Second: "1s", time.Minute: "60s", 64 * time.Second: "64s", 119 * time.Second: "119s", 2 * time.Minute: "2m",
		10 * time.Minute: "10m", 121 * time.Second: "2m1s", time.Hour: "1h", 90 * time.Minute: "1h30m", longest: "8760h",
	} {
		if got := showDuration(d); got != want {
			t.Errorf("%v is shown %s, want %s", d, got, want)
		}
	}
}

func FuzzParseBackend(f *testing.F) {
	for _, s := range []string{"a:1", "http://a", "[::1]:80", "HTTP://A:080/", "http://u@h:1", "[fe80::1%25x]:1", "[fe80::1% ]:1", "[f::1%,00]:1", "a:1:1", "[a]:1", "http://[::1]", "https://A", "https://[::1]:443/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := parseBackend(s)
		if err != nil {
			if got != "" || strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q gives %q, %q", s, got, err)
			}
			return
		}
		again, err := parseBackend(got)
		if err != nil || again != got {
			t.Fatalf("%q becomes %q, then %q, %v", s, got, again, err)
		}
		got = strings.TrimPrefix(got, overTLS)
		host, port, err := net.SplitHostPort(got)
		if err != nil || host == "" || port == "" || strings.ContainsAny(got, " /?#@\r\n\t,") {
			t.Fatalf("%q becomes %q: %v", s, got, err)
		}
	})
}

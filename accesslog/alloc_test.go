//go:build !race

package accesslog

import "testing"

func TestAllocsOfALineAreNone(t *testing.T) {
	l, _ := started(t, "/dev/null")
	defer func() { _ = l.Close() }()
	line := make([]byte, 0, 1<<10)
	e := entry()
	e.UserAgent = []byte("\x01\"é\xff")
	add := func() {
		for _, format := range []Format{Combined, JSON} {
			line = format.Append(line[:0], e)
			l.Add(line)
		}
	}
	for range 10_000 {
		add()
	}
	if n := testing.AllocsPerRun(10_000, add); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLine(b *testing.B) {
	for name, format := range map[string]Format{"combined": Combined, "json": JSON} {
		b.Run(name, func(b *testing.B) {
			l, err := Open(Options{Path: "/dev/null"})
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			e, line := entry(), make([]byte, 0, 1<<10)
			b.ReportAllocs()
			for b.Loop() {
				line = format.Append(line[:0], e)
				l.Add(line)
			}
		})
	}
}

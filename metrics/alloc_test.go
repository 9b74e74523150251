//go:build !race

package metrics

import "testing"

func TestCountingAllocatesNothing(t *testing.T) {
	s := New([]string{"a:1"})
	balance, b := s.Balance(), s.Backend(0)
	balance.Done(299, 1) // a code's first time may
	b.Served(299, 1)
	var look Exchanges
	if n := testing.AllocsPerRun(1000, func() {
		balance.Begin()
		balance.Done(200, 1e6)
		balance.Done(299, 1e6)
		b.Served(201, 1e6)
		b.Served(299, 1e6)
		b.Error()
		b.Look(&look)
		b.Attempt(true)
		b.Attempt(false)
		b.Ejected()
		b.Retried()
		b.Rejected()
		s.Refused(400)
		s.RefusedWrite("malformed")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkCountARead(b *testing.B) {
	s := New([]string{"a:1"})
	balance, backend := s.Balance(), s.Backend(0)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			balance.Begin()
			backend.Served(200, 3e5)
			balance.Done(200, 3e5)
		}
	})
}

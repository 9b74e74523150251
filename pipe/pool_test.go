//go:build linux && (amd64 || arm64) && !tutti_plain

package pipe

import (
	"os"
	"syscall"
	"testing"
)

// descriptors is how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestAPoolLendsSoManyAndNoMore(t *testing.T) {
	before := descriptors(t)
	var l Pool
	var all []*Pipe
	for range Most {
		p := l.Take()
		if p == nil {
			t.Fatalf("none after %d", len(all))
		}
		all = append(all, p)
	}
	if p := l.Take(); p != nil {
		t.Error("one more")
	}
	l.Give(all[0], 1)
	if p := l.Take(); p != all[0] {
		t.Error("what was given back is not lent again")
	}
	for _, p := range all {
		l.Give(p, 1)
	}
	if n := descriptors(t) - before; n != 2*Most || l.Open() != Most {
		t.Errorf("%d descriptors, %d open", n, l.Open())
	}
	l.Close()
	if n := descriptors(t) - before; n != 0 || l.Open() != 0 {
		t.Errorf("closed, it has %d descriptors, %d open", n, l.Open())
	}
}

func TestAPipeIsClosedWhenItIsOldOrNotEmptyOrThePoolIsClosed(t *testing.T) {
	before := descriptors(t)
	var l Pool
	a, b, c := l.Take(), l.Take(), l.Take()
	l.Give(a, 10)
	l.Give(b, 20)
	if next := l.Expire(9); next != 10 || l.Open() != 3 {
		t.Errorf("next %d, %d open", next, l.Open())
	}
	if next := l.Expire(10); next != 20 || l.Open() != 2 {
		t.Errorf("next %d, %d open", next, l.Open())
	}
	if next := l.Expire(20); next != 0 || l.Open() != 1 {
		t.Errorf("next %d, %d open", next, l.Open())
	}
	src, _, in := pair(t)
	_, _ = src.Write([]byte("secret"))
	if _, e := again(t, func() (int, syscall.Errno) { return c.Fill(in, 100) }); e != 0 {
		t.Fatal(e)
	}
	l.Give(c, 30)
	if l.Open() != 0 {
		t.Error("one with bytes in it is kept")
	}
	d := l.Take()
	if d.Held() != 0 {
		t.Error("it is not empty")
	}
	l.Close()
	if l.Open() != 1 || l.Take() != nil {
		t.Error("a closed pool lends")
	}
	l.Give(d, 40)
	if l.Open() != 0 {
		t.Error("a closed pool keeps")
	}
	_ = src.Close()
	if n := descriptors(t) - before; n > 2 { // the pair's
		t.Errorf("%d descriptors are left", n)
	}
}

func TestWithoutDescriptorsThereIsNone(t *testing.T) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	set := func(n uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: limit.Max}); err != nil {
			t.Fatal(err)
		}
	}
	var l Pool
	defer l.Close()
	set(0)
	p := l.Take()
	set(limit.Cur)
	if p != nil || l.Open() != 0 {
		t.Errorf("%v, %d open", p, l.Open())
	}
	if p = l.Take(); p == nil {
		t.Fatal("none afterwards")
	}
	l.Give(p, 1)
}

func TestLendingAllocatesNothing(t *testing.T) {
	var l Pool
	defer l.Close()
	l.Give(l.Take(), 1)
	if n := testing.AllocsPerRun(100, func() { l.Give(l.Take(), 1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

package disk

import (
	"runtime"
	"sync"
	"testing"
)

// Those that can run and are about to append share the sync of the first.
func TestASyncWaitsForThoseAboutToAppend(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const others = 50
	most := 0
	for range 20 { // the scheduler may choose the one that gathers, now and then
		var q queue
		q.init()
		q.put(&request{})
		var wg sync.WaitGroup
		for range others {
			wg.Go(func() { q.put(&request{}) })
		}
		q.gather()
		most = max(most, len(q.take(nil)))
		wg.Wait()
	}
	if most < others/2 {
		t.Errorf("at most %d of %d appends shared a sync", most, others+1)
	}
}

func TestAWriterThatIsAloneIsNotWaitedWith(t *testing.T) {
	var q queue
	q.init()
	q.put(&request{})
	q.gather()
	if n := len(q.take(nil)); n != 1 {
		t.Errorf("%d appends", n)
	}
}

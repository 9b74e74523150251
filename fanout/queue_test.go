package fanout

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func numbered(n int) []*delivery {
	ds := make([]*delivery, n)
	for i := range ds {
		ds[i] = &delivery{w: &write{seq: uint64(i + 1)}}
	}
	return ds
}

// take and give are what the ledger does around a sending.
func take(q *queue, now int64, up bool) *delivery {
	d := q.next(now, up)
	if d != nil {
		q.sending++
	}
	return d
}

func give(q *queue, d *delivery, k kind, success bool, wait, now int64, up bool) {
	q.ended(d)
	q.heard(k, success, wait, now, up)
	q.sending--
}

func TestAHeapGivesBackInOrderWhateverIsTakenOutBetween(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := deliveryHeap{less: byDue}
		var in []*delivery
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "op") {
			case 0, 1:
				d := &delivery{w: &write{seq: rapid.Uint64Range(0, 50).Draw(t, "seq")}, due: rapid.Int64Range(0, 20).Draw(t, "due")}
				h.push(d)
				in = append(in, d)
			case 2:
				if len(in) > 0 {
					i := rapid.IntRange(0, len(in)-1).Draw(t, "which")
					h.remove(in[i])
					in = slices.Delete(in, i, i+1)
				}
			case 3:
				if len(in) > 0 {
					d := h.pop()
					for _, o := range in {
						if byDue(o, d) {
							t.Fatalf("%d/%d came before %d/%d", d.due, d.w.seq, o.due, o.w.seq)
						}
					}
					in = slices.DeleteFunc(in, func(o *delivery) bool { return o == d })
				}
			}
			for i, d := range h.ds {
				if d.pos != i || d.heap != &h {
					t.Fatalf("the delivery at %d thinks it is at %d", i, d.pos)
				}
			}
			if h.len() != len(in) {
				t.Fatalf("%d in the heap, want %d", h.len(), len(in))
			}
		}
	})
}

func TestWhileABackendIsDownOnlyTheFirstIsTriedAndTheOthersSpendNothing(t *testing.T) {
	q := newQueue()
	ds := numbered(100)
	for _, d := range slices.Backward(ds) {
		q.add(d)
	}
	now := int64(1000)
	wait := int64(10)
	for try := range 20 {
		d := take(&q, now, false)
		if d != ds[0] {
			t.Fatalf("try %d is with %v", try, d)
		}
		if other := take(&q, now, false); other != nil {
			t.Fatalf("beside it %d is tried", other.w.seq)
		}
		if at := q.wake(now, false); at != 0 {
			t.Fatalf("while it is tried the queue wants to be looked at, at %d", at)
		}
		give(&q, d, unreachable, false, wait, now, false)
		q.add(d)
		if take(&q, now+wait-1, false) != nil {
			t.Fatal("it was tried before its time")
		}
		if at := q.wake(now, false); at != now+wait {
			t.Fatalf("the queue wants to be looked at, at %d, want %d", at, now+wait)
		}
		now += wait
		wait *= 2
	}
}

func TestABackendThatIsBackGetsItsBacklogInOrderAtAGrowingPace(t *testing.T) {
	q := newQueue()
	ds := numbered(1000)
	for _, d := range ds {
		q.add(d)
	}
	first := take(&q, 0, false)
	give(&q, first, unreachable, false, 1e9, 0, false)
	q.add(first)
	if take(&q, 1, false) != nil {
		t.Fatal("tried while down")
	}
	q.returned()

	var sent []uint64
	want := 1
	for len(sent) < 900 {
		var round []*delivery
		for d := take(&q, 1, true); d != nil; d = take(&q, 1, true) {
			round = append(round, d)
			sent = append(sent, d.w.seq)
		}
		if len(round) != want {
			t.Fatalf("%d are sent at once after %d, want %d", len(round), len(sent), want)
		}
		for _, d := range round {
			give(&q, d, answered, true, 0, 1, true)
		}
		// twice as many until it is a stream, then one more
		if want < fastSenders {
			want *= 2
		} else {
			want++
		}
	}
	if !slices.IsSorted(sent) {
		t.Errorf("not in order: %v", sent)
	}
}

func TestAFailureByStatusWaitsItsOwnTimeAndOthersFlow(t *testing.T) {
	q := newQueue()
	ds := numbered(3)
	q.addAt(ds[0], 50)
	q.addAt(ds[1], 40)
	if take(&q, 39, true) != nil || q.wake(39, true) != 40 {
		t.Fatal("a wait was cut short")
	}
	if !q.open(true) {
		t.Error("a delivery that waits for its time is in the way of new writes")
	}
	q.add(ds[2])
	if q.open(true) {
		t.Error("a new write may overtake one that is due")
	}
	if d := take(&q, 39, true); d != ds[2] {
		t.Fatal("one that is ready does not flow")
	}
	if d := take(&q, 45, true); d != ds[1] {
		t.Fatal("the one whose time has come does not flow")
	}
	if d := take(&q, 50, true); d != ds[0] || q.wake(50, true) != 0 {
		t.Fatal("the last one does not flow")
	}
	if q.senders != 3 {
		t.Errorf("%d senders", q.senders)
	}
}

func TestAQueueWithoutAFreeConnectionRestsAndSpendsNothing(t *testing.T) {
	q := newQueue()
	ds := numbered(2)
	q.add(ds[0])
	q.add(ds[1])
	d := take(&q, 0, true)
	give(&q, d, busy, false, 0, 0, true)
	q.add(d)
	if take(&q, busyPause-1, true) != nil || q.wake(0, true) != busyPause {
		t.Error("it does not rest")
	}
	if take(&q, busyPause, true) != ds[0] {
		t.Error("the first is not first again")
	}
}

func TestAnEjectedBackendsQueueIsSlowUntilItIsBack(t *testing.T) {
	q := newQueue()
	ds := numbered(10)
	for _, d := range ds {
		q.add(d)
	}
	// answers while it is ejected: one at a time, without a pause
	for i := range 3 {
		d := take(&q, int64(i), false)
		if d != ds[i] || take(&q, int64(i), false) != nil {
			t.Fatalf("%d: not one at a time", i)
		}
		give(&q, d, answered, true, 0, int64(i), false)
	}
	// a timeout: the others wait
	d := take(&q, 10, false)
	give(&q, d, broken, false, 100, 10, false)
	q.addAt(d, 110)
	if take(&q, 109, false) != nil {
		t.Error("the next one was tried although the backend has just failed while down")
	}
	if got := take(&q, 110, false); got != d {
		t.Errorf("then %v is tried, want the first of all again", got)
	}
}

// A delivery that waits costs its record and two words, no goroutine and no timer.
func BenchmarkHundredThousandWaiting(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		q := newQueue()
		ds := make([]delivery, n)
		ws := make([]write, n)
		for i := range ds {
			ws[i].seq = uint64(i)
			ds[i].w = &ws[i]
			q.addAt(&ds[i], int64((i*7919)%n))
		}
		sent := 0
		for now := int64(0); sent < n; now += int64(time.Microsecond) {
			for d := take(&q, now, true); d != nil; d = take(&q, now, true) {
				give(&q, d, answered, true, 0, now, true)
				sent++
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/delivery")
}

func TestAQueueSendsAsManyAtOnceAsThereAreConnectionsFor(t *testing.T) {
	const connections = 7
	q := newQueue()
	ds := numbered(20_000)
	for _, d := range ds {
		q.add(d)
	}
	var under []*delivery
	tries, refusals, left := 0, 0, len(ds)
	for now := int64(1); left > 0; now++ {
		for d := take(&q, now, true); d != nil; d = take(&q, now, true) {
			if tries++; len(under) < connections {
				under = append(under, d)
				continue
			}
			refusals++
			give(&q, d, busy, false, 0, now, true)
			q.add(d)
		}
		if now > 10 && len(under) < connections && left > connections {
			t.Fatalf("%d of %d connections are used", len(under), connections)
		}
		give(&q, under[0], answered, true, 0, now, true)
		under = under[1:]
		left--
	}
	if refusals > len(ds)/fastSenders+1 {
		t.Errorf("%d of %d tries found no connection", refusals, tries)
	}
}

func TestAnUnhealthyBackendsQueueGoesOneByOneAndWaitsWhenItRefuses(t *testing.T) {
	q := newQueue()
	ds := numbered(10)
	for _, d := range ds {
		q.add(d)
	}
	for i := range 3 { // it answers as it should, though its checks fail
		d := take(&q, int64(i), false)
		if d != ds[i] || take(&q, int64(i), false) != nil {
			t.Fatalf("%d: not one at a time", i)
		}
		give(&q, d, answered, true, 1000, int64(i), false)
	}
	d := take(&q, 10, false)
	give(&q, d, answered, false, 100, 10, false) // a 503
	q.addAt(d, 110)
	if at := q.wake(10, false); take(&q, 109, false) != nil || at != 110 {
		t.Errorf("the others spend attempts, or are looked at at %d", at)
	}
	if take(&q, 110, false) != d {
		t.Error("the first is not tried again first")
	}
	give(&q, d, answered, false, 1000, 110, false)
	q.addAt(d, 1110)
	q.returned()
	if take(&q, 111, true) != ds[4] {
		t.Error("the others wait though it is back")
	}
}

package fanout

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"tutti/backend"
	"tutti/retry"
)

func set(t testing.TB, list string) StatusSet {
	s, err := ParseStatusSet(list)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAnAttemptIsJudgedByItsOutcomeAndThePolicy(t *testing.T) {
	r := rules{
		success: set(t, "201"), reject: set(t, "400-404"),
		policy: retry.Policy{Base: time.Second, Max: 4 * time.Second, Jitter: 100 * time.Millisecond, Attempts: 4},
	}
	f := func(o outcome, n int, jitter time.Duration, want state, wait time.Duration) {
		t.Helper()
		if got, d := r.judge(&o, n, jitter); got != want || d != wait {
			t.Errorf("attempt %d, %+v: %v after %v, want %v after %v", n, o, got, d, want, wait)
		}
	}
	ms := time.Millisecond
	// a success, in whichever attempt
	f(outcome{status: 201}, 0, 0, delivered, 0)
	f(outcome{status: 201}, 3, 0, delivered, 0)
	f(outcome{status: 201}, 100, 0, delivered, 0)
	// every other status is retried after the wait, another 2xx too
	f(outcome{status: 500}, 0, 0, waiting, time.Second)
	f(outcome{status: 200}, 1, 50*ms, waiting, 2050*ms)
	f(outcome{status: 302}, 2, 0, waiting, 4*time.Second)
	// no answer, whatever the reason
	f(outcome{fail: backend.ErrRefused}, 0, 0, waiting, time.Second)
	f(outcome{fail: backend.ErrTimeout}, 1, 0, waiting, 2*time.Second)
	f(outcome{fail: backend.ErrTerminated}, 1, 0, waiting, 2*time.Second)
	// the attempts are used up
	f(outcome{status: 500}, 3, 0, parked, 0)
	f(outcome{fail: backend.ErrRefused}, 3, 0, parked, 0)
	// the list ends it at once
	f(outcome{status: 400}, 0, 0, rejected, 0)
	f(outcome{status: 404}, 3, 0, rejected, 0)
	f(outcome{status: 405}, 0, 0, waiting, time.Second)
	// Retry-After replaces a shorter wait, up to the cap
	f(outcome{status: 503, retryAfter: 3 * time.Second}, 0, 0, waiting, 3*time.Second)
	f(outcome{status: 503, retryAfter: 500 * ms}, 0, 0, waiting, time.Second)
	f(outcome{status: 503, retryAfter: time.Hour}, 0, 0, waiting, 4*time.Second)
	f(outcome{status: 503, retryAfter: time.Hour}, 2, 100*ms, waiting, 4100*ms)
	f(outcome{status: 503, retryAfter: time.Second}, 3, 0, parked, 0)
}

func TestTheWaitOfEveryRetryIsWithinTheFormulasBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := retry.Policy{
			Base:     time.Duration(rapid.Int64Range(0, int64(time.Minute)).Draw(t, "base")),
			Max:      time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "max")),
			Jitter:   time.Duration(rapid.Int64Range(0, int64(time.Second)).Draw(t, "jitter")),
			Attempts: rapid.IntRange(0, 20).Draw(t, "attempts"),
		}
		r := rules{policy: p}
		r.success.bits[3] = 1 << (201 & 63)
		o := outcome{status: rapid.IntRange(200, 599).Draw(t, "status"), retryAfter: time.Duration(rapid.Int64Range(0, int64(2*time.Hour)).Draw(t, "retry-after"))}
		n := rapid.IntRange(0, 30).Draw(t, "n")
		jitter := time.Duration(rapid.Int64Range(0, int64(p.Jitter)).Draw(t, "r"))
		next, d := r.judge(&o, n, jitter)
		switch next {
		case delivered:
			if o.status != 201 {
				t.Fatalf("%d is delivered", o.status)
			}
		case parked:
			if p.Attempts == 0 || n+1 < p.Attempts {
				t.Fatalf("parked after attempt %d of %d", n+1, p.Attempts)
			}
		case waiting:
			if d < p.Wait(n, 0) || d > p.Max+p.Jitter {
				t.Fatalf("%+v waits %v after attempt %d", p, d, n)
			}
		case sending, rejected, dropped:
			t.Fatalf("state %v", next)
		}
	})
}

func TestUnanimityIsTheSame4xxOfEveryFirstAttempt(t *testing.T) {
	f := func(want int, firsts ...int) { // -1: not ended; 0: no answer
		t.Helper()
		ds := make([]delivery, len(firsts))
		for i, s := range firsts {
			ds[i].firstEnded, ds[i].firstStatus = s >= 0, max(s, 0)
			ds[i].state = waiting
		}
		if got := unanimity(ds, 0); got != want {
			t.Errorf("%v: %d, want %d", firsts, got, want)
		}
	}
	f(400, 400, 400, 400)
	f(499, 499, 499)
	f(404, 404)
	// not all
	f(0, 400, 400, 201)
	f(0, 400, 400, -1)
	f(0, -1, 400, 400)
	f(0, 400, 0, 400)
	f(0, 0, 0, 0)
	// not the same
	f(0, 400, 404, 400)
	// these ask for it to be sent again
	f(0, 408, 408, 408)
	f(0, 425, 425, 425)
	f(0, 429, 429, 429)
	// the backend's fault
	f(0, 500, 500, 500)
	f(0, 301, 301, 301)

	// one has taken it since: the request is not at fault
	taken := []delivery{
		{state: delivered, firstEnded: true, firstStatus: 404},
		{state: waiting, firstEnded: true, firstStatus: 404},
	}
	if got := unanimity(taken, 0); got != 0 {
		t.Errorf("delivered to one: %d", got)
	}
}

func TestRetryAfterIsReadAsSecondsOrADate(t *testing.T) {
	now := time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC)
	f := func(value string, want time.Duration) {
		t.Helper()
		if got := retryAfter([]byte(value), now); got != want {
			t.Errorf("%q is %v, want %v", value, got, want)
		}
	}
	f("0", 0)
	f("120", 2*time.Minute)
	f("9223372036854775807", 1<<31*time.Second) // no overflow
	f("99999999999999999999999999", 1<<31*time.Second)
	f("Thu, 29 Feb 2024 12:00:30 GMT", 30*time.Second)
	f("Thursday, 29-Feb-24 12:00:30 GMT", 30*time.Second)
	f("Thu Feb 29 12:00:30 2024", 30*time.Second)
	f("Thu, 29 Feb 2024 11:00:00 GMT", 0) // past
	f("", 0)
	f("soon", 0)
	f("-1", 0)
	f("1.5", 0)
	f("1 ", 0)
}

func TestTheVerdictFollowsFromTheDeliveries(t *testing.T) {
	f := func(want verdict, need int, states ...state) {
		t.Helper()
		ds := make([]delivery, len(states))
		for i, s := range states {
			ds[i].state, ds[i].status = s, 400
		}
		if got := decide(ds, need, 0); got != want {
			t.Errorf("%v of %v: %v, want %v", need, states, got, want)
		}
	}
	// met
	f(acknowledged, 1, delivered)
	f(acknowledged, 3, delivered, delivered, delivered)
	f(acknowledged, 1, sending, waiting, delivered)
	f(acknowledged, 2, delivered, parked, delivered)
	f(acknowledged, 1, rejected, delivered, sending)
	// still possible
	f(undecided, 3, delivered, delivered, sending)
	f(undecided, 3, delivered, delivered, waiting)
	f(undecided, 1, sending, sending, sending)
	// not possible any more, but some are not done
	f(undecided, 3, parked, sending, delivered)
	f(undecided, 2, rejected, rejected, waiting)
	f(undecided, 3, dropped, delivered, waiting)
	// not possible, all are done
	f(failed, 3, parked, delivered, delivered)
	f(failed, 1, parked, parked, parked)
	f(failed, 2, rejected, delivered, rejected)
	f(failed, 1, rejected, rejected, parked)
	f(failed, 1, rejected, rejected, dropped)
	f(failed, 1, dropped)
	// all refused alike
	f(refused, 1, rejected)
	f(refused, 3, rejected, rejected, rejected)

	ds := []delivery{{state: rejected, status: 400}, {state: rejected, status: 404}}
	if got := decide(ds, 1, 0); got != failed {
		t.Errorf("rejected with two statuses: %v", got)
	}
}

func TestAnAckIsMetByEnoughDeliveriesAndByNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ds := make([]delivery, rapid.IntRange(1, 16).Draw(t, "n"))
		done, open := 0, 0
		for i := range ds {
			ds[i].state = state(rapid.IntRange(int(sending), int(dropped)).Draw(t, "state"))
			ds[i].status = rapid.SampledFrom([]int{400, 404}).Draw(t, "status")
			if ds[i].state == delivered {
				done++
			}
			if ds[i].state.unfinished() {
				open++
			}
		}
		need := rapid.IntRange(1, len(ds)).Draw(t, "need")
		v := decide(ds, need, 0)
		if (v == acknowledged) != (done >= need) {
			t.Fatalf("%v with %d of %d delivered", v, done, need)
		}
		if (v == undecided) != (done < need && open > 0) {
			t.Fatalf("%v with %d of %d delivered and %d open", v, done, need, open)
		}
	})
}

package fanout

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/journal"
)

// Whatever happens in between, a key is one write, and who gets an answer to it gets the same one.
func TestRepeatsAreOneWriteEachUnderRandomFaults(t *testing.T) {
	for _, ack := range []string{"all", "one"} {
		t.Run(ack, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			var fs []*faults
			var fakes []*fake
			for i := range 3 {
				f := &faults{rnd: rand.New(rand.NewPCG(seed, uint64(i)))}
				fs = append(fs, f)
				fakes = append(fakes, newFake(t, fmt.Sprint(i), func(q *fakeRequest) reaction {
					do := f.react(q)
					if do.body == "" {
						do.body = fmt.Sprintf("%s: %d", q.body, q.n) // no two answers are alike
					}
					return do
				}))
			}
			need, earliest, _ := ParseAck(ack, 3)
			r := rigOf(t, func(s *setup) {
				s.fanout.Ack, s.fanout.AckEarliest, s.fanout.AckTimeout = need, earliest, 1500*time.Millisecond
				s.fanout.Policy.Attempts, s.fanout.KeepFor = 0, time.Hour
				s.backend.MaxConns, s.backend.ResponseTimeout = 16, 80*time.Millisecond
				s.backend.EjectFor = 10 * time.Millisecond
			}, fakes...)

			const keys, conns = 40, 12
			var mu sync.Mutex
			answers := map[int]clientReply{}
			note := func(k int, got clientReply) {
				mu.Lock()
				defer mu.Unlock()
				if have, ok := answers[k]; ok && !sameAnswer(have, got) {
					t.Errorf("key %d: %+v and %+v", k, have, got)
				}
				answers[k] = got
			}
			request := func(k int, rnd *rand.Rand) string {
				q := keyedPost(fmt.Sprint(k), fmt.Sprint("body ", k))
				if wish := []string{"", "", "respond-async", "wait=0", "wait=1"}[rnd.IntN(5)]; wish != "" {
					q = strings.Replace(q, "\r\n", "\r\nPrefer: "+wish+"\r\n", 1)
				}
				return q
			}
			var clients sync.WaitGroup
			for n := range conns {
				rnd := rand.New(rand.NewPCG(seed, uint64(100+n)))
				c := r.dial()
				clients.Go(func() {
					for i := range 2 * keys {
						k := i % keys
						if _, err := c.c.Write([]byte(request(k, rnd))); err != nil {
							t.Error(err)
							return
						}
						if rnd.IntN(10) == 0 { // leaves
							c.c.Close()
							c = dial(t, r.addr)
							continue
						}
						got, err := c.read("POST")
						switch {
						case err != nil:
							t.Error(err)
							return
						case got.status == 201:
							got.header.Del("Preference-Applied")
							note(k, got)
						case got.status != 202:
							t.Errorf("%+v", got)
						}
					}
				})
			}
			clients.Wait()
			for _, f := range fs {
				f.off.Store(true)
			}
			eventually(t, "all are settled", func() bool { return r.f.Snapshot().Settled == keys })
			if s := r.f.Snapshot(); s.Accepted != keys {
				t.Errorf("%d writes of %d keys", s.Accepted, keys)
			}
			c := r.dial()
			for k := range keys {
				got := c.do(keyedPost(fmt.Sprint(k), fmt.Sprint("body ", k)))
				if got.status != 201 {
					t.Errorf("in the end: %+v", got)
				}
				note(k, got)
			}
			for _, b := range fakes {
				b.mu.Lock()
				for k := range keys {
					if b.took[fmt.Sprint(k)] == 0 {
						t.Errorf("backend %s has not applied %d", b.name, k)
					}
				}
				b.mu.Unlock()
			}
			for _, b := range r.group.All() {
				if n := b.Stats().Lacks; n != 0 {
					t.Errorf("%s still lacks %d", b.Name(), n)
				}
			}
			// What somebody who has left sent at last may be served only now.
			eventually(t, "nobody waits", func() bool {
				r.f.mu.Lock()
				defer r.f.mu.Unlock()
				for w := r.f.ledger.first; w != nil; w = w.next {
					if w.refs != 1 || w.news != nil {
						return false
					}
				}
				return r.f.ledger.wanted == 0
			})
			r.f.mu.Lock()
			defer r.f.mu.Unlock()
			if l := &r.f.ledger; !journaled() && (l.writes != keys || len(l.byScope) != keys) {
				t.Errorf("%d writes and %d scopes are kept", l.writes, len(l.byScope))
			}
		})
	}
}

// slowJournal appends when it is let to, and may fail then.
type slowJournal struct {
	journal.Journal // nothing else is called
	appended        chan error
	waits           chan struct{}
}

func (j *slowJournal) State() (*journal.State, error) {
	return &journal.State{Backends: []journal.Backend{{}}}, nil
}

func (j *slowJournal) Append(*journal.Entry) error {
	j.waits <- struct{}{}
	return <-j.appended
}

func (j *slowJournal) Update(*journal.Update) error { return nil }

func (j *slowJournal) Scoped(journal.Scope) (uint64, error) { return 0, journal.ErrNotFound }

func (j *slowJournal) Expire(int64) (int64, error) { return 0, nil }

func TestNobodyIsToldAnythingBeforeTheWriteIsInTheJournal(t *testing.T) {
	for name, fails := range map[string]error{"kept": nil, "failed": journal.ErrUncertain, "full": journal.ErrFull} {
		t.Run(name, func(t *testing.T) {
			a := newFake(t, "a", nil)
			j := &slowJournal{appended: make(chan error), waits: make(chan struct{})}
			r := rigOf(t, func(s *setup) { s.fanout.Journal = j }, a)
			q := keyedPost("k", "x")
			wants := map[*client]int{}
			send := func(q string, want int) *client {
				c := r.dial()
				_ = c.c.SetDeadline(time.Now().Add(30 * time.Second))
				c.send(q)
				wants[c] = want
				return c
			}
			send(q, 201)
			<-j.waits
			send(q, 201)
			send(keyedPost("k", "x", "Prefer: respond-async"), 202)
			send(keyedPost("k", "x", "Prefer: wait=0"), 202)
			leaves := r.dial()
			leaves.send(q)
			waiting := func(n int) {
				t.Helper()
				eventually(t, "the repeats wait", func() bool {
					r.f.mu.Lock()
					defer r.f.mu.Unlock()
					for _, w := range r.f.ledger.byScope {
						return w.refs == 1+n && w.news != nil
					}
					return false
				})
			}
			waiting(4)
			leaves.c.Close()
			waiting(3)
			refusedWith(t, r, r.dial().do(keyedPost("k", "y")), 422, "http_request_denied", "key_reused")
			if n := len(a.requests()); n != 0 {
				t.Errorf("forwarded %d times", n)
			}
			select {
			case j.appended <- fails:
			case <-time.After(10 * time.Second):
				t.Fatal("nobody appends")
			}
			for c, want := range wants {
				got, err := c.read("POST")
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case fails == nil:
					// who asks for 202 may find the answer there already
					if got.status != want && !(want == 202 && got.status == 201) {
						t.Errorf("%+v, want %d", got, want)
					}
				case errors.Is(fails, journal.ErrFull):
					refusedWith(t, r, got, 503, "proxy_internal_error", "journal_full")
				default:
					refusedWith(t, r, got, 503, "proxy_internal_error", "journal")
				}
			}
			r.f.mu.Lock()
			n, wanted := len(r.f.ledger.byScope), r.f.ledger.wanted
			r.f.mu.Unlock()
			if fails != nil && n != 0 || wanted != 0 {
				t.Errorf("%d scopes, %d wait", n, wanted)
			}
			if fails == nil {
				return
			}
			// The key is free again.
			c := r.dial()
			c.send(keyedPost("k", "another"))
			<-j.waits
			j.appended <- nil
			if got, err := c.read("POST"); err != nil || got.status != 201 {
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
}

// Nobody can be told anything yet, and a stop is no reason to ask again and again.
func TestAtAStopRepeatsOfWhatIsBeingAppendedLookOnce(t *testing.T) {
	a := newFake(t, "a", nil)
	j := &slowJournal{appended: make(chan error), waits: make(chan struct{})}
	r := rigOf(t, func(s *setup) { s.fanout.Journal = j }, a)
	t.Cleanup(func() { close(j.appended) }) // before the rig's end, which waits for it
	clients := []*client{r.dial(), r.dial()}
	clients[0].send(keyedPost("k", "x"))
	<-j.waits
	clients[1].send(keyedPost("k", "x"))
	watched := func() *write { // who looks makes it so
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		return r.f.waiters.first
	}
	unwatch := func() {
		r.f.mu.Lock()
		defer r.f.mu.Unlock()
		r.f.waiters.remove(r.f.waiters.first)
	}
	eventually(t, "the repeat waits", func() bool { return watched() != nil })
	unwatch()
	r.f.end()
	eventually(t, "it has looked", func() bool { return watched() != nil })
	unwatch()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 20 {
		if <-tick.C; watched() != nil {
			t.Error("it has looked again, though there is no news")
			break
		}
	}
	j.appended <- nil
	for i, c := range clients {
		if got, err := c.read("POST"); err != nil || got.status != 201 && got.status != 202 {
			t.Errorf("client %d: %+v, %v", i, got, err)
		}
	}
}

func TestAtAStopRepeatsAreToldWhatTheFirstIs(t *testing.T) {
	f := func(t *testing.T, r *rig, stop func(*rig)) {
		t.Helper()
		want := 502
		if r.f.o.Journal != nil {
			want = 202
		}
		var clients []*client
		for range 3 {
			c := r.dial()
			c.send(keyedPost("k", "x"))
			clients = append(clients, c)
		}
		following(r, 2, true)
		stop(r)
		for i, c := range clients {
			if got, err := c.read("POST"); err != nil || got.status != want {
				t.Errorf("client %d is not told %d: %+v, %v", i, want, got, err)
			}
		}
	}
	never := make(chan struct{})
	a := newFake(t, "a", hangUntil(never))
	for name, stop := range map[string]func(*rig){
		"alone":           func(r *rig) { r.f.end() },
		"after the front": func(r *rig) { r.front.Dismiss(); r.f.end() },
	} {
		t.Run(name+", in memory", func(t *testing.T) { f(t, rigOf(t, nil, a), stop) })
		t.Run(name+", with a journal", func(t *testing.T) { f(t, newStored(t, a).start(nil), stop) })
	}
}

func TestARepeatWhoseClientLeavesDuringAStopIsNotWaitedFor(t *testing.T) {
	a := newFake(t, "a", nil)
	j := &slowJournal{appended: make(chan error), waits: make(chan struct{})}
	r := rigOf(t, func(s *setup) { s.fanout.Journal = j }, a)
	t.Cleanup(func() { close(j.appended) }) // before the rig's end, which waits for it
	first, leaves, stays := r.dial(), r.dial(), r.dial()
	first.send(keyedPost("k", "x"))
	<-j.waits
	leaves.send(keyedPost("k", "x"))
	stays.send(keyedPost("k", "x"))
	wait := func(n int) {
		t.Helper()
		eventually(t, fmt.Sprintf("%d repeats wait", n), func() bool {
			r.f.mu.Lock()
			defer r.f.mu.Unlock()
			return r.f.ledger.wanted == n
		})
	}
	wait(2)
	r.front.Dismiss()
	r.f.end()
	leaves.c.Close()
	wait(1)
	j.appended <- nil
	for _, c := range []*client{first, stays} {
		if got, err := c.read("POST"); err != nil || got.status != 201 && got.status != 202 {
			t.Errorf("%+v, %v", got, err)
		}
	}
}

package main

import (
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// recording is everything that was seen, in the order of time. It is safe for concurrent use.
type recording struct {
	begun time.Time

	mu      sync.Mutex
	ended   time.Time // of the traffic
	reads   kind
	writes  kind
	samples []sample
	frozen  []span
	names   []string // of the backends
}

// span is a piece of the time, from the beginning.
type span struct{ from, to time.Duration }

// kind is the requests of one kind.
type kind struct {
	all  []request
	good map[int]int    // those as they should be, by status
	bad  map[string]int // the others, by what was wrong
}

// request is one that ended.
type request struct {
	at      time.Duration // its beginning
	latency time.Duration
	bad     bool
}

func newRecording(names []string) *recording {
	return &recording{
		begun: time.Now(), names: names,
		reads:  kind{good: map[int]int{}, bad: map[string]int{}},
		writes: kind{good: map[int]int{}, bad: map[string]int{}},
	}
}

// read records a read: it should be 200.
func (r *recording) read(result *vegeta.Result) {
	r.add(&r.reads, result, result.Code == http.StatusOK)
}

// write records a write: 201 says that enough backends have it, 202 that it is being delivered.
func (r *recording) write(result *vegeta.Result) {
	r.add(&r.writes, result, result.Code == http.StatusCreated || result.Code == http.StatusAccepted)
}

func (r *recording) add(k *kind, result *vegeta.Result, good bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k.all = append(k.all, request{at: result.Timestamp.Sub(r.begun), latency: result.Latency, bad: !good})
	if good {
		k.good[int(result.Code)]++
		return
	}
	k.bad[reason(result)]++
}

// reason says in few words what was wrong.
func reason(result *vegeta.Result) string {
	if result.Code != 0 {
		return "status " + strconv.Itoa(int(result.Code))
	}
	for _, c := range []struct{ sign, word string }{
		{"refused", "connection refused"},
		{"reset", "connection reset"},
		{"Timeout", "timeout"},
		{"deadline", "timeout"},
		{"EOF", "connection closed"},
	} {
		if strings.Contains(result.Error, c.sign) {
			return c.word
		}
	}
	return "no answer"
}

// sampled records one look at Tutti.
func (r *recording) sampled(s sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.at = time.Since(r.begun)
	r.samples = append(r.samples, s)
}

// froze records when a backend hung.
func (r *recording) froze(from, to time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frozen = append(r.frozen, span{from.Sub(r.begun), to.Sub(r.begun)})
}

// driven records the end of the traffic.
func (r *recording) driven(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = at
}

// requests is how many there were.
func (k *kind) requests() int { return len(k.all) }

// fine is how many of them were as they should be.
func (k *kind) fine() int {
	n := 0
	for _, c := range k.good {
		n += c
	}
	return n
}

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// shelf is a backend that keeps a number for each key. The leader answers writes at once; the others
// do not before the client was told, and then late, wrongly, twice or not at all.
type shelf struct {
	all    *shelves
	leads  atomic.Bool
	server *httptest.Server

	mu     sync.Mutex
	values map[string]int
	told   map[string]int // the last number of a key for which it answered 201
}

// shelves are the backends, and what clients were told.
type shelves struct {
	dice *dice
	each []*shelf

	mu   sync.Mutex
	told map[string]int
	more chan struct{} // closed when somebody is told something
}

func newShelves(t *testing.T) *shelves {
	t.Helper()
	s := &shelves{dice: newDice(t), told: make(map[string]int), more: make(chan struct{})}
	for range 3 {
		b := &shelf{all: s, values: make(map[string]int), told: make(map[string]int)}
		b.server = httptest.NewServer(b)
		t.Cleanup(b.server.Close)
		s.each = append(s.each, b)
	}
	return s
}

// tell notes that a client was told that the write of a number to a key was accepted.
func (s *shelves) tell(key string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.told[key] = n
	close(s.more)
	s.more = make(chan struct{})
}

// wasTold waits until that is so, unless r's client leaves before.
func (s *shelves) wasTold(r *http.Request, key string, n int) {
	for {
		s.mu.Lock()
		told, more := s.told[key], s.more
		s.mu.Unlock()
		if told >= n {
			return
		}
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
}

// uneven tells whether a backend lacks a write a client was told of.
func (s *shelves) uneven() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.each {
		if b.lacks(s.told) {
			return true
		}
	}
	return false
}

func (b *shelf) lacks(told map[string]int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, n := range told {
		if b.told[key] < n {
			return true
		}
	}
	return false
}

// ServeHTTP implements http.Handler.
func (b *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	key := r.Header.Get("X-Key")
	if r.Method == http.MethodGet {
		b.mu.Lock()
		defer b.mu.Unlock()
		_, _ = fmt.Fprint(w, b.values[key])
		return
	}
	n, _ := strconv.Atoi(string(body))
	if !b.leads.Load() {
		b.all.wasTold(r, key, n)
		b.misbehave(w, r, key, n)
		return
	}
	<-time.After(time.Duration(b.all.dice.n(1000)) * time.Microsecond)
	b.keep(key, n)
	b.created(w, key, n)
}

// misbehave answers at last, or does not.
func (b *shelf) misbehave(w http.ResponseWriter, r *http.Request, key string, n int) {
	dice := b.all.dice
	<-time.After(time.Duration(dice.n(4)*dice.n(2000)) * time.Microsecond)
	switch dice.n(24) {
	case 0:
		w.WriteHeader(http.StatusInternalServerError)
	case 1:
		b.keep(key, n)
		w.WriteHeader(http.StatusServiceUnavailable)
	case 2:
		b.keep(key, n)
		panic(http.ErrAbortHandler)
	case 3:
		if dice.n(8) == 0 { // Tutti gives up, and it applies it nevertheless
			<-r.Context().Done()
			b.keep(key, n)
			return
		}
		panic(http.ErrAbortHandler)
	default:
		b.keep(key, n)
		b.created(w, key, n)
	}
}

func (b *shelf) keep(key string, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.values[key] = max(b.values[key], n)
}

func (b *shelf) created(w http.ResponseWriter, key string, n int) {
	b.mu.Lock()
	b.told[key] = max(b.told[key], n)
	b.mu.Unlock()
	w.WriteHeader(http.StatusCreated)
}

// owner writes to a key that nobody else writes to, and reads it at once.
type owner struct {
	shelves *shelves
	conn    *harness.Conn
	key     string
	n       int

	reads, uneven, stale *atomic.Int64
}

func (o *owner) turn() error {
	o.n++
	field := "X-Key: " + o.key
	a, err := o.ask("POST", harness.Request("POST", "/kv", strconv.Itoa(o.n), field))
	if err != nil {
		return err
	}
	if a.Status != 201 {
		return fmt.Errorf("the write of %d to %s got %s%s", o.n, o.key, a.Raw, a.Body)
	}
	// Here all the others lack it: they wait for what follows. So does this, some of the time.
	before := o.shelves.dice.n(2) == 0
	if !before {
		o.shelves.tell(o.key, o.n)
	}
	if before || o.shelves.uneven() {
		o.uneven.Add(1)
	}
	a, err = o.ask("GET", harness.Request("GET", "/login", "", field))
	if err != nil {
		return err
	}
	o.reads.Add(1)
	if a.Body != strconv.Itoa(o.n) {
		o.stale.Add(1)
	}
	if before {
		o.shelves.tell(o.key, o.n)
	}
	return nil
}

func (o *owner) ask(method, request string) (*harness.Answer, error) {
	if err := o.conn.TrySend(request); err != nil {
		return nil, err
	}
	return o.conn.TryAnswer(method)
}

// One backend always lacks nothing, and is another in each phase; so whatever is read has to be the
// reader's own last write.
func TestAReaderNeverSeesWhatIsOlderThanItsOwnWrite(t *testing.T) {
	t.Parallel()
	const phases, owners = 6, 24
	turns := short(3000, 52_000) / phases / owners
	s := newShelves(t)
	var addrs []string
	for _, b := range s.each {
		addrs = append(addrs, b.server.Listener.Addr().String())
	}
	p := start(t, "--backend="+strings.Join(addrs, ","), "--ack=one", "--order-by=header:X-Key", "--backend-timeout=1s",
		"--retry-base=5ms", "--retry-jitter=5ms", "--retry-max-backoff=40ms", "--retry-attempts=0", "--eject-for=20ms")
	var reads, uneven, stale atomic.Int64
	os := make([]*owner, owners)
	for i := range os {
		os[i] = &owner{
			shelves: s, conn: harness.Dial(t, p.Listen), key: fmt.Sprint("key-", i),
			reads: &reads, uneven: &uneven, stale: &stale,
		}
	}
	for phase := range phases {
		for i, b := range s.each {
			b.leads.Store(i == phase%len(s.each))
		}
		crowd(owners, func(i int) {
			for range turns {
				if err := os[i].turn(); err != nil {
					t.Error(err)
					return
				}
			}
		})
		harness.EventuallyWithin(t, 10*harness.Limit, "everything settles", func() bool {
			return p.Metrics().Must(t, "tutti_writes_pending") == 0
		})
	}
	t.Logf("%d reads after as many writes, %d of them while some backends lacked an acknowledged write: %d older than the reader's own write",
		reads.Load(), uneven.Load(), stale.Load())
	if stale.Load() > 0 {
		t.Error("reads are stale")
	}
	if uneven.Load() < reads.Load()/5 {
		t.Error("that is no test")
	}
}

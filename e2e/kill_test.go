package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// short is n, or with TUTTI_SOAK long.
func short(n, long int) int {
	if os.Getenv("TUTTI_SOAK") != "" {
		return long
	}
	return n
}

// fate is what a client knows of a write.
type fate uint8

const (
	unknown  fate = iota // it got no answer, or one that leaves it open
	answered             // 2xx
	denied               // refused before anything was kept
)

// killing is a journal whose program is killed again and again under load.
type killing struct {
	recorders []*recorder
	dir       string
	dice      *dice
	ready     time.Duration // how long a start takes

	mu    sync.Mutex
	fates map[string]fate // by body

	answers, scrapes atomic.Int64
	accepted, full   atomic.Int64 // of the answers: 2xx, 503
	kills, early     int
	longest          int // body
}

const (
	killClients = 16
	killKeys    = 24
	killMaxSize = 32 << 10
)

func newKilling(t *testing.T) *killing {
	t.Helper()
	k := &killing{dir: t.TempDir() + "/journal", dice: newDice(t), fates: make(map[string]fate), longest: 300}
	k.recorders = []*recorder{
		newRecorder(t),
		newMoodyRecorder(t, mood{refuses: 20}),
		newMoodyRecorder(t, mood{hangs: 3, late: 250 * time.Millisecond}),
	}
	return k
}

// flags are those of a program whose clients are told what ack says.
func (k *killing) flags(ack string) []string {
	return []string{
		recorderFlag(k.recorders), "--journal=" + k.dir, "--order-by=header:X-Order", "--ack=" + ack,
		"--backend-timeout=150ms", "--retry-base=10ms", "--retry-jitter=5ms", "--retry-max-backoff=100ms",
		"--retry-attempts=0", "--eject-for=50ms", fmt.Sprintf("--max-write-size=%d", killMaxSize),
	}
}

// round starts the program, loads it, and kills it after some answers.
func (k *killing) round(t *testing.T, n int) {
	flags := k.flags([]string{"all", "quorum", "one", "2"}[n%4])
	switch k.dice.n(8) {
	case 0:
		flags = append(flags, "--ack-timeout=40ms")
	case 1:
		flags = append(flags, "--journal-max-size=1") // it takes nothing new
	}
	begun := time.Now()
	p := start(t, flags...)
	t.Cleanup(func() { explain(t, p) })
	k.ready = time.Since(begun)
	wait := background(killClients, func(i int) {
		for j := 0; k.write(t, p, fmt.Sprintf("w-%d-%d-%d", n, i, j)); j++ {
		}
	})
	scraped := background(1, func(int) { k.scrape(t, p) })
	until := k.answers.Load() + int64(1+k.dice.n(600))
	harness.Eventually(t, "some more answers", func() bool { return k.answers.Load() >= until || p.Ended() })
	if p.Ended() {
		t.Errorf("the program ended by itself:\n%s", p.Stderr())
	}
	p.Kill()
	wait()
	scraped()
	k.kills++
}

// interrupt kills a start, at any moment of it.
func (k *killing) interrupt(t *testing.T) {
	p := program.Spawn(t, nil, append(k.flags("one"), "--listen="+harness.FreeAddr(t), "--admin-listen=")...)
	<-time.After(time.Duration(k.dice.n(int(k.ready) + 1)))
	p.Kill()
	k.kills++
	k.early++
}

// scrape looks at the sum until the program is gone.
func (k *killing) scrape(t *testing.T, p *harness.Process) {
	for {
		m, err := p.Scrape()
		if err != nil {
			return
		}
		if err := balanced(m); err != nil {
			t.Error(err)
		}
		k.scrapes.Add(1)
	}
}

// write sends one write and notes what became of it. It returns false when the program is gone.
func (k *killing) write(t *testing.T, p *harness.Process, name string) bool {
	c, err := harness.TryDial(t, p.Listen)
	if err != nil {
		return false
	}
	defer c.Close()
	var fields []string
	if d := k.dice.n(10); d > 0 {
		fields = append(fields, fmt.Sprintf("X-Order: %d", k.dice.n(killKeys)))
	}
	switch k.dice.n(10) {
	case 0, 1:
		fields = append(fields, fmt.Sprintf("Idempotency-Key: %q", name))
	case 2:
		fields = append(fields, "Prefer: respond-async")
	}
	body, cut := name+strings.Repeat(".", k.dice.n(k.longest)), false
	switch k.dice.n(30) {
	case 0:
		body += strings.Repeat("!", killMaxSize)
	case 1:
		cut = true
	}
	request := post("/write", body, fields...)
	if cut {
		k.note(body, denied)
		return c.TrySend(request[:len(request)-1]) == nil
	}
	k.note(body, unknown)
	if half := len(request) - len(body)/2; k.dice.n(4) == 0 {
		_ = c.TrySend(request[:half]) // what fails here fails below, too
		request = request[half:]
	}
	_ = c.TrySend(request) // it may have been answered before it was sent whole
	a, err := c.TryAnswer("POST")
	if err != nil {
		return strings.HasSuffix(body, "!") // that answer may be lost
	}
	k.note(body, k.fateOf(t, a))
	k.answers.Add(1)
	return true
}

func (k *killing) note(body string, f fate) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fates[body] = f
}

func (k *killing) fateOf(t *testing.T, a *harness.Answer) fate {
	switch a.Status {
	case 201, 202:
		k.accepted.Add(1)
		return answered
	case 413:
		return denied
	case 503:
		k.full.Add(1)
		if strings.Contains(a.Body, "nothing was forwarded") && !strings.Contains(a.Body, "after a crash") {
			return denied
		}
		return unknown
	}
	t.Errorf("a client got %s%s", a.Raw, a.Body)
	return unknown
}

// settle starts the program once more and has it deliver everything.
func (k *killing) settle(t *testing.T) {
	p := start(t, k.flags("all")...)
	t.Cleanup(func() { explain(t, p) })
	harness.EventuallyWithin(t, 10*harness.Limit, "everything settles", func() bool {
		m := p.Metrics()
		if err := balanced(m); err != nil {
			t.Fatal(err)
		}
		return m["tutti_writes_pending"] == 0
	})
	if n := p.Metrics().Must(t, "tutti_writes_parked"); n != 0 {
		t.Errorf("%v writes are parked", n)
	}
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// copies are what is known of one backend's applications.
type copies struct {
	all   map[string]receipt // the first of each body
	twice int
}

// applications reads what a recorder applied: a write is the same write each time, and those of
// one key are applied in the order they were accepted.
func (k *killing) applications(t *testing.T, r *recorder, reordered *int) copies {
	c := copies{all: make(map[string]receipt)}
	last := make(map[string]uint64)
	r.receipts(t, func(got *receipt) {
		switch first, again := c.all[got.body]; {
		case got.what != applied:
		case again:
			if c.twice++; first.sequence != got.sequence || first.key != got.key || first.order != got.order {
				t.Errorf("%.200v came again as %.200v", first, *got)
			}
		default:
			c.all[got.body] = *got
			if got.order != "" && got.sequence <= last[got.order] {
				*reordered++
				t.Errorf("%.200v was applied after sequence %d", *got, last[got.order])
			}
			last[got.order] = max(last[got.order], got.sequence)
		}
	})
	return c
}

// lost counts what was answered and a backend has not got.
func (k *killing) lost(t *testing.T, backend int, c copies) (n int) {
	for body, f := range k.fates {
		if _, there := c.all[body]; f == answered && !there {
			n++
			t.Errorf("%.200s was answered, and backend %d has not got it", body, backend)
		}
	}
	return n
}

// judge compares what the backends have with what clients were told, and returns how many repeats
// were delivered.
func (k *killing) judge(t *testing.T) (repeats int) {
	reordered := 0
	sequences := make(map[uint64]string)
	first := k.applications(t, k.recorders[0], &reordered)
	repeats += first.twice
	for body, got := range first.all {
		if other, taken := sequences[got.sequence]; taken {
			t.Errorf("%q and %q have the sequence %d", body, other, got.sequence)
		}
		sequences[got.sequence] = body
		if f, sent := k.fates[body]; !sent || f == denied {
			t.Errorf("%.200v was applied; sent: %v, refused: %v", got, sent, f == denied)
		}
	}
	lost := k.lost(t, 1, first)
	for i, r := range k.recorders[1:] {
		c := k.applications(t, r, &reordered)
		repeats += c.twice
		lost += k.lost(t, i+2, c)
		for body, got := range c.all {
			if want, ok := first.all[body]; !ok || want != got {
				t.Errorf("backend %d has %.200v, backend 1 %.200v", i+2, got, want)
			}
		}
		if len(c.all) != len(first.all) {
			t.Errorf("backend %d has %d writes, backend 1 %d", i+2, len(c.all), len(first.all))
		}
	}
	tally := map[fate]int{}
	for _, f := range k.fates {
		tally[f]++
	}
	t.Logf("%d writes at each backend: %d were answered 2xx; %d sent without an answer, %d refused; %d kills, %d of them in a start; "+
		"%d scrapes; repeats delivered %d, lost %d, reordered %d",
		len(first.all), tally[answered], tally[unknown], tally[denied], k.kills, k.early, k.scrapes.Load(), repeats, lost, reordered)
	return repeats
}

func TestKilledAgainAndAgainItLosesNothingAndKeepsTheOrder(t *testing.T) {
	t.Parallel()
	k := newKilling(t)
	for n, kills := 0, short(6, 200); k.kills < kills && !t.Failed(); n++ {
		t.Run(fmt.Sprint("round ", n), func(t *testing.T) {
			k.round(t, n)
			if n%3 == 2 {
				k.interrupt(t)
			}
		})
	}
	k.settle(t)
	if k.judge(t) == 0 || k.accepted.Load() == 0 || k.answers.Load() == k.accepted.Load() {
		t.Error("nothing was repeated, answered or refused: that is no test")
	}
}

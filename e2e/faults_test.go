package e2e

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// ownWords are SPEC §5's words by status, for what a backend's fault may be answered with.
var ownWords = map[int]string{
	502: "connection_refused connection_terminated http_protocol_error destination_unavailable",
	503: "destination_unavailable connection_limit_reached proxy_internal_error",
	504: "connection_timeout http_response_timeout",
}

// outcomes counts how requests ended.
type outcomes struct {
	mu sync.Mutex
	n  map[string]int
}

func (o *outcomes) add(what string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.n == nil {
		o.n = make(map[string]int)
	}
	o.n[what]++
}

func (o *outcomes) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprint(o.n)
}

// judge says how a request to a faulty backend ended, and whether it may end so.
func judge(method, target string, a *harness.Answer, err error) (what string, cut bool, wrong error) {
	whole := page(target)
	ps, own := strings.CutPrefix(header(a, "Proxy-Status"), "tutti; error=")
	switch {
	case a == nil || a.Head == nil || a.Status == 0:
		return "", false, fmt.Errorf("no answer: %w", err)
	case strings.Contains(a.Raw+a.Body, "EVIL"):
		return "", false, fmt.Errorf("garbage was passed on: %s%s", a.Raw, a.Body)
	case err != nil && (errors.Is(err, io.ErrUnexpectedEOF) || strings.Contains(err.Error(), "reset")) &&
		a.Status == 200 && method == "GET" && strings.HasPrefix(whole, a.Body):
		return "cut", true, nil
	case err != nil:
		return "", false, fmt.Errorf("neither whole nor an honest cut: %w: %s%.100q", err, a.Raw, a.Body)
	case own && a.Status == okStatus(method) && method == "POST":
		return "201 without its body", false, nil // the status counted, the body was not to be had
	case own:
		for word := range strings.FieldsSeq(ownWords[a.Status]) {
			if ps == word {
				return fmt.Sprint(a.Status, " ", word), false, nil
			}
		}
		return "", false, fmt.Errorf("status %d with %q", a.Status, ps)
	case a.Status == 500 && method == "GET" && a.Body == "broken\n":
		return "500", false, nil // the backend's own
	case a.Status == 202 && method == "POST":
		return "202", false, nil
	case a.Status == okStatus(method) && a.Body == whole:
		return fmt.Sprint(a.Status), false, nil
	}
	return "", false, fmt.Errorf("got %s%.100q", a.Raw, a.Body)
}

func header(a *harness.Answer, name string) string {
	if a == nil || a.Head == nil {
		return ""
	}
	return a.Get(name)
}

// asks sends reads, every fourth client writes, until stop is closed. A connection whose answer
// ended well is kept.
func asks(t *testing.T, addr string, client int, stop <-chan struct{}, o *outcomes) {
	var c *harness.Conn
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	for n := 0; ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		if c == nil {
			var err error
			if c, err = harness.TryDial(t, addr); err != nil {
				t.Errorf("cannot connect: %v", err)
				return
			}
		}
		target := fmt.Sprintf("/login?%d.%d", client, n)
		request, method := get(target), "GET"
		if client%4 == 0 {
			target = fmt.Sprintf("/register?%d.%d", client, n)
			request, method = post(target, "username=x"), "POST"
		}
		if err := c.TrySend(request); err != nil {
			t.Errorf("%s: cannot send: %v", target, err)
			return
		}
		a, err := c.TryAnswer(method)
		what, cut, wrong := judge(method, target, a, err)
		if wrong != nil {
			t.Errorf("%s %s: %v", method, target, wrong)
			return
		}
		o.add(method + " " + what)
		if cut || a.Closes() {
			c.Close()
			c = nil
		}
	}
}

// rages lets the sick backends change between listening with faults and refusing, until stop.
func rages(t *testing.T, d *dice, sick []*faulty, stop <-chan struct{}) {
	for {
		for _, b := range sick {
			b.sick.Store(true)
			down := d.n(3) == 0
			if down {
				b.refuse()
			}
			timer := time.NewTimer(time.Duration(50+d.n(300)) * time.Millisecond)
			select {
			case <-timer.C:
			case <-stop:
			}
			timer.Stop()
			if down {
				b.listen(t)
			}
		}
		select {
		case <-stop:
			for _, b := range sick {
				b.sick.Store(false)
			}
			return
		default:
		}
	}
}

// footprint is what must not grow.
type footprint struct {
	goroutines, descriptors int
	memory                  int64
}

// quiet waits until no client is left and every write is settled, then looks.
func quiet(t *testing.T, p *harness.Process) footprint {
	t.Helper()
	harness.EventuallyWithin(t, 3*harness.Limit, "all is settled and everybody gone", func() bool {
		m := p.Metrics()
		return m.Must(t, "tutti_writes_pending") == 0 && m.Must(t, "tutti_client_connections") == 0
	})
	return footprint{int(p.Metrics().Must(t, "go_goroutines")), p.Descriptors(), p.RSS()}
}

// load runs clients against p until d is over; meanwhile may be nil.
func load(t *testing.T, p *harness.Process, clients int, d time.Duration, o *outcomes, meanwhile func(stop <-chan struct{})) {
	t.Helper()
	stop := make(chan struct{})
	wait := background(clients, func(i int) { asks(t, p.Listen, i, stop, o) })
	timer := time.AfterFunc(d, func() { close(stop) })
	defer timer.Stop()
	if meanwhile != nil {
		meanwhile(stop)
	}
	wait()
}

// evenly waits until reads succeed, and are shared exactly, again: backends that share a machine
// with others may still be slow.
func evenly(t *testing.T, p *harness.Process, all []*faulty) {
	t.Helper()
	harness.Eventually(t, "reads are shared exactly", func() bool {
		before := make([]int64, len(all))
		for i, b := range all {
			before[i] = b.reads.Load()
		}
		c := harness.Dial(t, p.Listen)
		defer c.Close()
		for range 10 * len(all) {
			if c.Do("GET", get("/login")).Status != 200 {
				return false
			}
		}
		for i, b := range all {
			if b.reads.Load()-before[i] != 10 {
				return false
			}
		}
		return true
	})
}

// underFaults loads the program for d while two of four backends fail in every way.
func underFaults(t *testing.T, d time.Duration) {
	t.Helper()
	harness.PlainOnly(t)
	dice := newDice(t)
	all := make([]*faulty, 4)
	addrs := make([]string, len(all))
	for i := range all {
		all[i] = newFaulty(t, dice)
		addrs[i] = all[i].addr
	}
	p := start(t, "--backend="+strings.Join(addrs, ","), "--backend-timeout=300ms", "--stream-timeout=5s",
		"--eject-for=100ms", "--ack-timeout=1s", "--retry-base=5ms", "--retry-jitter=5ms", "--retry-max-backoff=100ms",
		"--retry-attempts=0", "--idempotency-window=1s", "--idle-conn-timeout=2s", "--log-level=error")
	var o outcomes
	load(t, p, 32, max(time.Second, d/20), &o, nil)
	calm := quiet(t, p)
	steady := [2]int64{all[0].reads.Load(), all[2].reads.Load()}
	// Twice, so that what the first storm needed at its peak is not taken for growth.
	var storms [2]footprint
	for i := range storms {
		load(t, p, 32, d/2, &o, func(stop <-chan struct{}) { rages(t, dice, []*faulty{all[1], all[3]}, stop) })
		storms[i] = quiet(t, p)
	}
	t.Logf("%v", &o)
	first, second := all[0].reads.Load()-steady[0], all[2].reads.Load()-steady[1]
	t.Logf("reads at the two healthy ones: %d and %d", first, second)
	if !fair(first, second) {
		t.Error("the reads were not shared among the live")
	}
	evenly(t, p, all)
	t.Logf("calm %+v, after the first storm %+v, after the second %+v", calm, storms[0], storms[1])
	settles(t, p, storms[0], calm)
	if grown := storms[1].memory - storms[0].memory; !raced && grown > 48<<20 {
		t.Errorf("memory grew by %d MB", grown>>20)
	}
}

// fair tells whether neither is more than a half above the other; of few requests it tells nothing.
func fair(a, b int64) bool { return a+b < 400 || 2*max(a, b) <= 3*min(a, b) }

// settles waits until goroutines and descriptors are what they were, but for the connections to
// the backends that the last requests left.
func settles(t *testing.T, p *harness.Process, peak, calm footprint) {
	t.Helper()
	var seen atomic.Pointer[footprint]
	harness.Eventually(t, fmt.Sprintf("no more than %+v (or after the first storm %+v)", calm, peak), func() bool {
		now := footprint{int(p.Metrics().Must(t, "go_goroutines")), p.Descriptors(), p.RSS()}
		seen.Store(&now)
		return now.goroutines <= calm.goroutines+10 && now.descriptors <= calm.descriptors+10
	})
	t.Logf("in the end %+v", *seen.Load())
}

func TestUnderRandomFaultsEveryRequestEndsAsItMay(t *testing.T) {
	t.Parallel()
	underFaults(t, 5*time.Second)
}

func TestSoakRandomFaultsUnderLoad(t *testing.T) { underFaults(t, 3*soak(t)) }

package sim

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// replica is one of the backends: it applies writes, drops repeats by their Idempotency-Key and,
// if there is an order, what is older than the last it applied of its key. World.mu guards it.
type replica struct {
	w     *world
	index int
	name  string

	epoch int           // of its process: what another one began is not gone on with
	conns map[*end]bool // true: a write is being done on it
	dials int

	seen     map[string]bool
	order    map[string][]int  // ops by ordering key, as they were first applied
	last     map[string]uint64 // sequence
	value    map[int]int       // op, by user
	sent     map[string]uint64 // the highest sequence sent, by ordering key
	failures int               // in connecting, and of connections

	serving sync.WaitGroup
}

func newReplica(w *world, i int) *replica {
	return &replica{
		w: w, index: i, name: "r" + strconv.Itoa(i) + ":80", conns: map[*end]bool{},
		seen: map[string]bool{}, order: map[string][]int{}, last: map[string]uint64{}, value: map[int]int{}, sent: map[string]uint64{},
	}
}

// dial is backend.Dial.
func (p *process) dial(ctx context.Context, name string) (net.Conn, error) {
	w := p.w
	i, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(name, "r"), ":80"))
	if err != nil {
		return nil, err
	}
	r := w.replicas[i]
	w.mu.Lock()
	r.dials++
	n := r.dials
	w.mu.Unlock()
	w.pause(ctx, diceFor(w.p.seed, 'd', i, n).between(20*time.Microsecond, 2*time.Millisecond))
	switch k, bad := w.weather(i); {
	case bad && k == stormAway:
		w.h.note("replica %d is away", i)
		<-ctx.Done()
	case bad && k == stormDown:
		w.failed(r)
		w.h.note("replica %d refuses a connection", i)
		return nil, syscall.ECONNREFUSED
	}
	if ctx.Err() != nil {
		w.failed(r)
		return nil, ctx.Err()
	}
	near, far := newPipe(address(0, 50000), address(100+i, 80))
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.dead.Load() {
		return nil, syscall.ECONNABORTED
	}
	p.ends = append(p.ends, near)
	r.conns[far] = false
	r.bounds()
	r.serving.Go(func() { r.serve(far) })
	return &tap{end: near, r: r, p: p}, nil
}

// bounds checks that there are not more connections than there may be. World.mu is held.
func (r *replica) bounds() {
	all, writing := 0, 0
	for c, busy := range r.conns {
		if c.peer.isClosed() {
			continue
		}
		all++
		if busy {
			writing++
		}
	}
	most := r.w.p.backend.MaxConns
	if r.w.p.backend.Checks.Path != "" {
		all-- // it has its own, at most
	}
	if all > most || writing > max(1, most/2) {
		r.w.h.wrong("replica %d has %d connections, %d of them for writes, at most %d may be", r.index, all, writing, most)
	}
}

// idle notes that the write on c is done.
func (r *replica) idle(c *end) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	if _, there := r.conns[c]; there {
		r.conns[c] = false
	}
}

// down is its process killed: connections are reset, nothing it has begun goes on.
func (r *replica) down() {
	r.w.mu.Lock()
	r.epoch++
	var all []*end
	for c := range r.conns {
		all = append(all, c)
	}
	r.failures++
	r.w.mu.Unlock()
	for _, c := range all {
		_ = c.SetLinger(0)
		c.Close()
	}
}

func (r *replica) serve(c *end) {
	defer func() {
		c.Close()
		r.w.mu.Lock()
		delete(r.conns, c)
		r.w.mu.Unlock()
	}()
	b := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(b)
		if err != nil {
			return
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return
		}
		var goOn bool
		switch {
		case req.URL.Path == "/health":
			goOn = r.check(c)
		case req.Method == "GET":
			goOn = r.read(c, req)
		default:
			goOn = r.write(c, req, body)
		}
		if !goOn {
			return
		}
	}
}

// check answers a health check.
func (r *replica) check(c *end) bool {
	switch k, bad := r.w.weather(r.index); {
	case bad && (k == stormSilent || k == stormSlow):
		r.hang(c)
		return false
	case bad && k == stormErrors:
		return say(c, 500, "no", "")
	}
	return say(c, 200, "ok", "")
}

// read answers with the last write of the user.
func (r *replica) read(c *end, req *http.Request) bool {
	w := r.w
	op, _ := strconv.Atoi(req.URL.Query().Get("op"))
	user, _ := strconv.Atoi(strings.TrimPrefix(req.URL.Path, "/v/"))
	d := diceFor(w.p.seed, 'r', r.index, op)
	w.pause(context.Background(), d.between(20*time.Microsecond, 3*time.Millisecond))
	k, bad := w.weather(r.index)
	switch {
	case bad && k == stormSilent:
		r.hang(c)
		return false
	case bad && k == stormErrors:
		return say(c, 500, "no", "")
	case bad && k == stormSlow:
		w.pause(context.Background(), d.between(time.Second, 4*time.Second))
	case !w.calm.Load() && d.chance(0.03):
		w.failed(r)
		_ = c.SetLinger(0)
		return false
	}
	w.mu.Lock()
	value := r.value[user]
	w.mu.Unlock()
	return say(c, 200, "value="+strconv.Itoa(value), "")
}

// write does what the seed says about a write that has arrived.
func (r *replica) write(c *end, req *http.Request, body []byte) bool {
	w := r.w
	op, _ := strconv.Atoi(req.URL.Query().Get("op"))
	w.mu.Lock()
	rec := w.writes[op]
	if rec == nil {
		w.mu.Unlock()
		w.h.wrong("replica %d gets %s %s, which nobody sent", r.index, req.Method, req.URL)
		return false
	}
	epoch := r.epoch
	r.conns[c] = true
	r.bounds()
	defer r.idle(c)
	rec.at[r.index].arrived++
	n := rec.at[r.index].arrived
	w.mu.Unlock()
	rec.compare(w, r.index, req, body)

	d := diceFor(w.p.seed, 'w', r.index, op, n)
	w.pause(context.Background(), d.between(20*time.Microsecond, 3*time.Millisecond))
	f := r.faultFor(d, rec, n)
	w.h.note("replica %d has op %d for the %d. time: %v", r.index, op, n, f)
	return r.react(c, d, rec, epoch, f)
}

// faultFor draws what happens to the n-th time a write is here.
func (r *replica) faultFor(d dice, rec *record, n int) fault {
	f := fault(d.weighted(r.w.p.faults[:]))
	switch k, bad := r.w.weather(r.index); {
	case bad && k == stormSilent:
		return one(d, faultSilent, faultDoneSilent, faultLate)
	case bad && k == stormErrors:
		return faultError
	case bad && k == stormSlow:
		return faultSlow
	case rec.poison && n == 1:
		return faultMissing
	case r.w.calm.Load():
		return faultNone
	}
	return f
}

func (r *replica) react(c *end, d dice, rec *record, epoch int, f fault) bool {
	w := r.w
	done := "done on " + strconv.Itoa(r.index)
	apply := func() { r.apply(rec, epoch) }
	switch f {
	case faultNone:
		apply()
		return r.deliver(c, rec, done, "")
	case faultError:
		return say(c, 500, "no", "")
	case faultBusy:
		return say(c, 503, "busy", "Retry-After: "+strconv.Itoa(d.number(0, 3))+"\r\n")
	case faultMissing:
		w.refuses(r, rec)
		return say(c, 404, "no such thing", "")
	case faultStrange:
		apply()
		return say(c, one(d, 200, 204), "", "")
	case faultReset, faultDoneReset:
		if f == faultDoneReset {
			apply()
		}
		_ = c.SetLinger(0)
	case faultHangUp:
	case faultDoneHangUp:
		apply()
	case faultDoneCut:
		apply()
		w.success(r, rec, c)
		_, _ = io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Length: 100\r\n\r\nhalf of it")
		if d.chance(0.5) {
			_ = c.SetLinger(0)
		}
	case faultDoneCutHead:
		apply()
		_, _ = io.WriteString(c, "HTTP/1.1 201 Created\r\nContent-Le")
	case faultSilent, faultDoneSilent, faultLate:
		r.silent(c, d, rec, epoch, f)
	case faultSlow:
		return r.slow(c, d, rec, epoch, done)
	case faultGarbage:
		_, _ = io.WriteString(c, "what?\r\n\r\n")
	case faultLast, faultStale, faultTired, faultInterim, faultChunks, faultLong, numFaults:
		return r.oddly(c, d, rec, epoch, f)
	}
	return false
}

// oddly answers well, in an odd way.
func (r *replica) oddly(c *end, d dice, rec *record, epoch int, f fault) bool {
	done := "done on " + strconv.Itoa(r.index)
	if f == faultTired {
		say(c, 408, "", "Connection: close\r\n")
		return false
	}
	r.apply(rec, epoch)
	if f == faultLast {
		r.deliver(c, rec, done, "Connection: close\r\n")
		return false
	}
	if f == faultLong {
		return r.deliver(c, rec, done+strings.Repeat(".", int(r.w.p.maxWrite)+1), "")
	}
	if f == faultInterim {
		_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
	}
	if f == faultChunks {
		return r.inChunks(c, d, rec)
	}
	if f == faultStale {
		r.deliver(c, rec, done, "")
	}
	r.w.pause(context.Background(), d.between(1, 20*time.Millisecond))
	return f != faultStale && r.deliver(c, rec, done, "")
}

// inChunks answers in two, with a pause.
func (r *replica) inChunks(c *end, d dice, rec *record) bool {
	r.w.success(r, rec, c)
	_, _ = io.WriteString(c, "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndone\r\n")
	r.w.pause(context.Background(), d.between(1, 200*time.Millisecond))
	_, err := fmt.Fprintf(c, "5\r\n on %d\r\n0\r\n\r\n", r.index)
	return err == nil
}

// silent never answers; what it does, it does at once, or when nobody waits any more.
func (r *replica) silent(c *end, d dice, rec *record, epoch int, f fault) {
	if f == faultDoneSilent {
		r.apply(rec, epoch)
	}
	if f == faultLate {
		timeout := r.w.p.backend.ResponseTimeout
		r.serving.Go(func() {
			r.w.pause(context.Background(), d.between(timeout/2, 3*timeout))
			r.apply(rec, epoch)
		})
	}
	r.hang(c)
}

// slow does it at once or later, and answers just in time, or just not.
func (r *replica) slow(c *end, d dice, rec *record, epoch int, done string) bool {
	timeout := r.w.p.backend.ResponseTimeout
	first, then := d.between(0, timeout), d.between(0, timeout/2)
	r.w.pause(context.Background(), first)
	r.apply(rec, epoch)
	r.w.pause(context.Background(), then)
	return r.deliver(c, rec, done, "")
}

// hang waits for the other side to give up.
func (r *replica) hang(c *end) {
	var b [512]byte
	for {
		if _, err := c.Read(b[:]); err != nil {
			return
		}
	}
}

// deliver is the answer that counts.
func (r *replica) deliver(c *end, rec *record, body, fields string) bool {
	r.w.success(r, rec, c)
	return say(c, 201, body, fields)
}

// apply does what the write asks for, once.
func (r *replica) apply(rec *record, epoch int) {
	w := r.w
	w.mu.Lock()
	defer w.mu.Unlock()
	s := &rec.at[r.index]
	if r.epoch != epoch || r.seen[rec.idem] {
		return
	}
	r.seen[rec.idem] = true
	key, ordered := rec.order, w.p.orderBy != ""
	if ordered && rec.seq < r.last[key] {
		s.stale = true
		w.h.note("replica %d drops op %d, older than what it has", r.index, rec.op)
		return
	}
	r.last[key] = rec.seq
	r.order[key] = append(r.order[key], rec.op)
	r.value[rec.user] = rec.op
	s.applied = true
}

func say(c *end, status int, body, fields string) bool {
	length := "Content-Length: " + strconv.Itoa(len(body)) + "\r\n"
	if status == 204 {
		length = ""
	}
	_, err := io.WriteString(c, "HTTP/1.1 "+strconv.Itoa(status)+" "+http.StatusText(status)+"\r\n"+fields+length+"\r\n"+body)
	return err == nil && !strings.Contains(fields, "close")
}

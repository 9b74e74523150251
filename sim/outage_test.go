package sim

import "time"

// outage is an end of the process, and how long until the next one is started.
type outage struct {
	kind  outageKind
	after time.Duration // since the process was started: then it is due, or
	event int           // at the so many-th thing that happens after that
	down  time.Duration
	keeps int // of a hundred things that were done and not synced, how many of the first are left
}

type outageKind uint8

const (
	outageKill  outageKind = iota // everything that was done is on disk
	outagePower                   // what was not synced is lost, or some of it
	outageStop                    // it is asked to stop
	numOutages
)

func (k outageKind) String() string {
	return [...]string{"killed", "without power", "asked to stop"}[k]
}

// interval is a time in which no answer may come.
type interval struct{ from, to time.Duration }

// interrupt ends the process and starts it again as planned. When it returns there is one.
func (w *world) interrupt() {
	for _, o := range w.p.outages {
		p := w.process.Load()
		p.doom(o)
		w.end(p, <-p.doomed)
		time.Sleep(o.down)
		for err := w.start(); err != nil; err = w.start() {
			w.h.note("cannot start: %v", err)
			if len(w.p.diskFaults) == 0 {
				w.h.wrong("cannot start again: %v", err)
				return
			}
			time.Sleep(time.Second)
		}
		w.h.note("started again")
		w.mu.Lock()
		w.downs[len(w.downs)-1].to = w.h.now()
		w.mu.Unlock()
	}
}

// end ends p, which is gone already unless it is asked to stop.
func (w *world) end(p *process, o outage) {
	if o.kind != outageStop {
		p.reap()
		return
	}
	w.ends()
	w.h.note("the process is %v", o.kind)
	given, total := p.stop(w.p.stopTime)
	w.process.Store(nil)
	if len(given) > 0 || total > 0 {
		w.h.wrong("%d writes are given up though there is a journal", total)
	}
	w.store.Crash(nil) // whatever was not made durable by then never is
	if len(w.p.diskFaults) > 0 || w.p.maxDisk > 0 {
		w.forgets()
	}
}

// forgets notes that what was not noted is sent again, the first of a key first.
func (w *world) forgets() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.replicas {
		clear(r.sent)
	}
}

// ends notes that from now on the process may not answer. What of the replicas' answers it has not
// noted will be sent again.
func (w *world) ends() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.downs = append(w.downs, interval{from: w.h.now(), to: forever})
}

const forever = time.Duration(1<<63 - 1)

// disturbed tells whether a process ended, or was not there, after at.
func (w *world) disturbed(at time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped || w.endedSince(at)
}

func (w *world) endedSince(at time.Duration) bool {
	n := len(w.downs)
	return n > 0 && w.downs[n-1].to >= at
}

// doom has o befall p: when its time has come, and so many more things have happened then.
func (p *process) doom(o outage) {
	time.AfterFunc(o.after, func() {
		if o.kind == outageStop || o.event == 0 {
			p.fall(o)
			return
		}
		p.fate.Store(&o)
	})
	// Should too little happen.
	time.AfterFunc(o.after+5*time.Second, func() { p.fall(o) })
}

// happens counts what happens once p is doomed, and is where it then ends.
func (p *process) happens() {
	o := p.fate.Load()
	if o != nil && p.events.Add(1) == int64(o.event) {
		p.fall(*o)
	}
}

// fall ends p at this very moment, or has it asked to stop.
func (p *process) fall(o outage) {
	if !p.fallen.CompareAndSwap(false, true) {
		return
	}
	if o.kind != outageStop {
		p.cut(o)
	}
	p.doomed <- o
}

// cut ends p's doings: nothing of it reaches anybody from here on, nor its disk.
func (p *process) cut(o outage) {
	w := p.w
	p.dead.Store(true)
	w.process.Store(nil)
	w.ends()
	w.h.note("the process is %v", o.kind)
	p.ln.cut()
	w.mu.Lock()
	ends := p.ends
	w.mu.Unlock()
	w.forgets()
	for _, e := range ends {
		e.Close()
	}
	w.store.Crash(func(n int) int {
		if o.kind == outageKill {
			return n
		}
		return n * o.keeps / 100
	})
}

// reap has what is left of p end.
func (p *process) reap() {
	p.group.HangUp()
	_ = p.front.Close()
	p.fanout.Close()
	p.serving.Wait()
	p.group.Close()
}

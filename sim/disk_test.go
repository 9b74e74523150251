package sim

import (
	"errors"
	"time"

	"tutti/journal"
	"tutti/journal/memory"
)

// disk is a process's journal over the world's store: slow, and the power may fail before and
// after everything it does.
type disk struct {
	journal.Journal
	p *process
}

// openDisk opens the store for p.
func (p *process) openDisk() (journal.Journal, error) {
	var names []string
	for _, r := range p.w.replicas {
		names = append(names, r.name)
	}
	j, err := p.w.store.Open(memory.Options{Backends: names})
	if err != nil {
		return nil, err
	}
	return &disk{j, p}, nil
}

// Append implements journal.Journal.
func (d *disk) Append(e *journal.Entry) error {
	op := number(e.Target, "op=")
	d.wait(0)
	err := d.Journal.Append(e)
	d.p.w.appended(op, e.Seq, err)
	d.wait(1)
	return err
}

// Update implements journal.Journal.
func (d *disk) Update(u *journal.Update) error {
	d.wait(0)
	err := d.Journal.Update(u)
	d.wait(1)
	return err
}

// wait takes as long as the disk does, and is where the power may fail.
func (d *disk) wait(half int) {
	w := d.p.w
	d.p.happens()
	n := d.p.waits.Add(1)
	roll := diceFor(w.p.seed, 'j', half, int(d.p.number), int(n))
	long := 2 * time.Millisecond
	if !w.calm.Load() && roll.chance(w.p.diskStalls) {
		long = time.Second
	}
	time.Sleep(roll.between(10*time.Microsecond, long))
	d.p.happens()
}

// appended notes what the journal said about a write.
func (w *world) appended(op int, seq uint64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	rec := w.writes[op]
	if rec == nil {
		w.h.wrong("the journal is given op %d, which nobody sent", op)
		return
	}
	rec.stored = err == nil
	rec.uncertain = errors.Is(err, journal.ErrUncertain)
	if err == nil {
		w.h.note("op %d (sequence …%d) is on disk", op, seq%1000000)
	} else {
		w.h.note("op %d (sequence …%d) is not on disk: %v", op, seq%1000000, err)
	}
}

// diskFault is a time in which the journal fails.
type diskFault struct {
	from, to time.Duration
	err      error
}

// spoil has the disk fail as planned.
func (w *world) spoil() {
	for _, f := range w.p.diskFaults {
		time.Sleep(f.from - w.h.now())
		w.h.note("the disk fails: %v", f.err)
		w.store.Fail(f.err)
		time.Sleep(f.to - w.h.now())
		w.h.note("the disk is well again")
		w.store.Fail(nil)
	}
}

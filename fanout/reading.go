package fanout

// reading is a write that is being read from the journal, without the lock: what is read is out of
// date if it was in memory meanwhile, where it may have changed.
type reading struct {
	readers   int
	dismissed int // how often it has left memory since the first of them began
}

// beginRead notes that seq, which is not in memory, is about to be read. endRead gets what it returns.
func (l *ledger) beginRead(seq uint64) (since int) {
	r := l.reading[seq]
	r.readers++
	l.reading[seq] = r
	return r.dismissed
}

// endRead tells whether what was read is what there is, unless the write is in memory by now.
func (l *ledger) endRead(seq uint64, since int) (fresh bool) {
	r := l.reading[seq]
	fresh = r.dismissed == since
	if r.readers--; r.readers == 0 {
		delete(l.reading, seq)
	} else {
		l.reading[seq] = r
	}
	return fresh
}

// outdate notes that seq leaves memory.
func (l *ledger) outdate(seq uint64) {
	if r, ok := l.reading[seq]; ok {
		r.dismissed++
		l.reading[seq] = r
	}
}

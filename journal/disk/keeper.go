package disk

import "time"

// keep is the goroutine that looks after the store: its size, what is dead in it, and its failure.
func (j *Journal) keep() {
	ticker := time.NewTicker(full)
	defer ticker.Stop()
	tidied := time.Now()
	down := j.store.fence.down
	for {
		select {
		case <-j.stop:
			return
		case <-down:
			s := j.recover()
			if s == nil {
				return
			}
			down = s.fence.down
			continue
		case <-ticker.C:
		}
		j.look()
		if time.Since(tidied) >= tidyEvery {
			j.tidyRest()
			tidied = time.Now()
		}
	}
}

// tidyEvery is how often blocks that nobody touches are looked at.
const tidyEvery = time.Second

// look notes how far the store went, and how much space there is. If there is none, what was removed
// is to give its own back.
func (j *Journal) look() {
	j.life.RLock()
	defer j.life.RUnlock()
	if j.store == nil {
		return
	}
	e, m, reached := j.dir.evidence, *j.store.log.Load(), j.store.synced.Load()
	if !j.room.due() {
		if m != e.mark {
			e.note(m, reached)
		}
		return
	}
	e.note(m, reached)
	j.room.set(j.store.size())
	if j.room.none() {
		j.store.flush()
	}
}

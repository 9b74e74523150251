package disk

import (
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// room is whether there is any for another entry. It asks the file system now and then, and
// reckons in between.
type room struct {
	fs  vfs.FS
	dir string
	max int64 // what the journal may take
	min int64 // what it leaves free

	mu    sync.Mutex
	used  int64 // when last asked
	free  int64
	asked time.Time
	since int64 // what was written since
}

// often is how often the file system is asked, full how often when there is no room.
const (
	often = 250 * time.Millisecond
	full  = 50 * time.Millisecond
)

// init finds how large the journal may become.
func (r *room) init(d *directory) {
	r.fs, r.dir, r.min = d.fs, d.o.Dir, d.o.MinFree
	r.max = d.o.MaxSize
	used := d.size()
	r.set(used)
	if r.max == 0 {
		r.max = used + r.free/10*8
	}
	d.room = r.max
}

// ask asks how much is free; a file system that does not know has enough.
func (r *room) ask() (free int64, known bool) {
	u, err := r.fs.GetDiskUsage(r.dir)
	if err != nil || u.AvailBytes > 1<<60 {
		return 1 << 60, false
	}
	return int64(u.AvailBytes), true
}

// take takes room for an entry of that size, if there is any.
func (r *room) take(size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.fits(int64(size)) {
		return false
	}
	r.since += int64(size)
	return true
}

// fits is pessimistic: what was written may not have come to the file system yet, and will be
// written twice.
func (r *room) fits(size int64) bool {
	return r.used+r.since+size <= r.max && r.free-2*(r.since+size) >= r.min
}

// due tells whether the file system is to be asked again.
func (r *room) due() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	passed := time.Since(r.asked)
	return passed >= often || passed >= full && !r.fits(0)
}

// set notes what the journal takes now.
func (r *room) set(used int64) {
	free, _ := r.ask()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.used, r.free, r.asked, r.since = used, free, time.Now(), 0
}

// none tells whether an entry was or would be refused.
func (r *room) none() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.fits(0)
}

func (r *room) size() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used + r.since
}

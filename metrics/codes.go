package metrics

import (
	"strconv"
	"sync/atomic"

	vm "github.com/VictoriaMetrics/metrics"
)

const (
	minStatus = 100
	maxStatus = 999
)

// codes is a counter per status. Those named to init exist from the start; another is made
// when it is first counted (a lock and allocations once), so that a backend can make at most
// 900 of them.
type codes struct {
	set    *vm.Set
	prefix string // `name{label="v",code="`
	byCode [maxStatus - minStatus + 1]atomic.Pointer[vm.Counter]
}

// init makes the counters of family name; labels is empty or ends in a comma.
func (c *codes) init(set *vm.Set, name, labels string, known ...int) {
	c.set = set
	c.prefix = name + "{" + labels + `code="`
	for _, status := range known {
		c.byCode[status-minStatus].Store(c.counter(strconv.Itoa(status)))
	}
}

// inc counts status. One that HTTP cannot express is counted as code="other".
func (c *codes) inc(status int) {
	if status < minStatus || status > maxStatus {
		c.counter("other").Inc()
		return
	}
	p := &c.byCode[status-minStatus]
	n := p.Load()
	if n == nil {
		n = c.counter(strconv.Itoa(status))
		p.Store(n) // two who race store the same one
	}
	n.Inc()
}

// between is how many had a status from first to last.
func (c *codes) between(first, last int) uint64 {
	var sum uint64
	for i := first - minStatus; i <= last-minStatus; i++ {
		if n := c.byCode[i].Load(); n != nil {
			sum += n.Get()
		}
	}
	return sum
}

func (c *codes) counter(code string) *vm.Counter {
	return c.set.GetOrCreateCounter(c.prefix + code + `"}`)
}

package backend

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Checks are active health checks, the same for every backend. Without a Path there are none.
type Checks struct {
	Path       string        // of a GET, a query may follow
	Interval   time.Duration // between the beginnings of two, or less by up to a tenth; 5 s
	Timeout    time.Duration // from its beginning to the answer's head; 2 s
	Rise, Fall int           // consecutive ones that pass, fail until the backend is healthy, unhealthy; 2, 3
}

// withDefaults is as Options.withDefaults.
func (c Checks) withDefaults() (Checks, error) {
	if c.Interval < 0 || c.Timeout < 0 || c.Rise < 0 || c.Fall < 0 {
		return c, errors.New("backend: something of Checks is negative")
	}
	if c.Interval == 0 {
		c.Interval = 5 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 2 * time.Second
	}
	if c.Rise == 0 {
		c.Rise = 2
	}
	if c.Fall == 0 {
		c.Fall = 3
	}
	unfit := func(r rune) bool { return r <= ' ' || r >= 0x7f || r == '#' }
	if c.Path != "" && (c.Path[0] != '/' || strings.IndexFunc(c.Path, unfit) >= 0) {
		return c, fmt.Errorf("backend: %q is no path to check", c.Path)
	}
	return c, nil
}

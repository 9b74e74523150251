package harness

import (
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
)

// Ports are taken below the kernel's ephemeral range, so that neither a connection on its way
// out nor a dial that meets itself can hold the port of a server that is down for a while.
const (
	firstPort = 11000
	portSpan  = 20000
)

// nextPort is per process and starts anywhere: test binaries run beside each other.
var nextPort = newPortCounter()

func newPortCounter() *atomic.Uint32 {
	c := new(atomic.Uint32)
	c.Store(rand.Uint32N(portSpan))
	return c
}

// Ports returns the first of n consecutive ports that are free on 127.0.0.1.
func Ports(t testing.TB, n int) int {
	t.Helper()
	for range 200 {
		end := nextPort.Add(uint32(n))
		first := firstPort + int((end-uint32(n))%portSpan)
		if first+n <= firstPort+portSpan && allFree(first, n) {
			return first
		}
	}
	t.Fatalf("cannot find %d free ports", n)
	return 0
}

// allFree keeps others from forking meanwhile: until its exec a child would hold the port, too.
func allFree(first, n int) bool {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	for port := first; port < first+n; port++ {
		ln, err := net.Listen("tcp", LocalAddr(port))
		if err != nil {
			return false
		}
		_ = ln.Close()
	}
	return true
}

// FreeAddr returns an address on 127.0.0.1 nobody listens on.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return LocalAddr(Ports(t, 1))
}

// LocalAddr is 127.0.0.1:port.
func LocalAddr(port int) string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

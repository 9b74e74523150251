package harness

import (
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// Ports are taken below the kernel's ephemeral range, so that neither a connection on its way
// out nor a dial that meets itself can hold the port of a server that is down for a while.
const (
	lowest = 11000
	share  = 2000 // of one test binary: they run beside each other
	shares = 10
)

// portShare is the ports from first on; nobody else has them while claim is open.
type portShare struct {
	first int
	claim net.Listener
}

// ourPorts is this process's share; nextPort counts what was taken of it.
var (
	ourPorts = sync.OnceValue(newShare)
	nextPort atomic.Uint32
)

// newShare takes a share that no other process has, if this system can tell, or any.
func newShare() portShare {
	begin := rand.IntN(shares)
	if runtime.GOOS != "linux" {
		return portShare{first: lowest + begin*share}
	}
	for i := range shares {
		n := (begin + i) % shares
		// An abstract name: it is in no file system, and taken as long as this process lives.
		if ln, err := net.Listen("unix", "@tutti-test-ports-"+strconv.Itoa(n)); err == nil {
			return portShare{first: lowest + n*share, claim: ln}
		}
	}
	return portShare{first: lowest + begin*share}
}

// Ports returns the first of n consecutive ports that are free on 127.0.0.1.
func Ports(t testing.TB, n int) int {
	t.Helper()
	for range 200 {
		at := int((nextPort.Add(uint32(n)) - uint32(n)) % share)
		if first := ourPorts().first + at; at+n <= share && allFree(first, n) {
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

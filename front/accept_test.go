package front

import (
	"errors"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// failing is a listener whose first accepts fail.
type failing struct {
	net.Listener
	mu   sync.Mutex
	errs []error
}

func (l *failing) Accept() (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.errs) > 0 {
		err := l.errs[0]
		l.errs = l.errs[1:]
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", err)}
	}
	return l.Listener.Accept()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func TestAcceptingSurvivesWhatPasses(t *testing.T) {
	f := start(t, echo)
	ln := listen(t)
	done := make(chan error, 1)
	go func() {
		done <- f.Serve(&failing{Listener: ln, errs: []error{syscall.EMFILE, syscall.ENFILE, syscall.ECONNABORTED}})
	}()
	f.addr = ln.Addr().String()
	c := f.dial(t)
	c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(200, "GET /a  ")
	_ = f.Close()
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if n := strings.Count(f.log.String(), "cannot accept"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, f.log)
	}
	if !strings.Contains(f.log.String(), "again") {
		t.Errorf("its end was not logged:\n%s", f.log)
	}
}

func TestServeReturnsWhatDoesNotPass(t *testing.T) {
	f := start(t, echo)
	err := f.Serve(&failing{Listener: listen(t), errs: []error{syscall.EINVAL}})
	if !errors.Is(err, syscall.EINVAL) {
		t.Errorf("Serve: %v", err)
	}
}

func TestPastMaxClientsNobodyIsAccepted(t *testing.T) {
	plainOnly(t)
	f := start(t, echo, func(o *Options) { o.MaxClients = 2 })
	a, b, waiting := f.dial(t), f.dial(t), f.dial(t)
	waiting.send("GET /w HTTP/1.1\r\nHost: x\r\n\r\n")
	for range 10 {
		for _, c := range []*client{a, b} {
			c.send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
			c.expect(200, "GET /a  ")
		}
	}
	if st := f.Stats(); st.Active != 2 || st.Accepted != 2 {
		t.Errorf("%+v", st)
	}
	_ = a.Close()
	waiting.expect(200, "GET /w  ")
	if st := f.Stats(); st.Accepted != 3 {
		t.Errorf("%+v", st)
	}
}

func TestAcceptedConnectionsHaveKeepAliveAndNoDelay(t *testing.T) {
	f := start(t, func(x *Exchange) {
		_ = x.c.rc.Control(func(fd uintptr) {
			for _, o := range []struct {
				name       string
				level, opt int
			}{{"SO_KEEPALIVE", syscall.SOL_SOCKET, syscall.SO_KEEPALIVE}, {"TCP_NODELAY", syscall.IPPROTO_TCP, syscall.TCP_NODELAY}} {
				if v, err := syscall.GetsockoptInt(int(fd), o.level, o.opt); v == 0 || err != nil {
					t.Errorf("%s is %d, %v", o.name, v, err)
				}
			}
		})
		reply(x, "")
	})
	lc := net.ListenConfig{KeepAlive: -1} // as bare as can be
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = f.Serve(ln) }()
	f.addr = ln.Addr().String()
	c := f.dial(t)
	c.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	c.expect(200, "")
}

func TestOptionsAreChecked(t *testing.T) {
	ok := Options{Handler: &handle{}, MaxHeader: 1, ClientTimeout: 1, IdleTimeout: 1}
	for name, change := range map[string]func(o *Options){
		"handler":   func(o *Options) { o.Handler = nil },
		"header":    func(o *Options) { o.MaxHeader = 0 },
		"client":    func(o *Options) { o.ClientTimeout = 0 },
		"idle":      func(o *Options) { o.IdleTimeout = -1 },
		"of client": func(o *Options) { o.MaxClients = -1 },
	} {
		o := ok
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(ok); err != nil {
		t.Error(err)
	}
}

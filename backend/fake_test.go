package backend

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tutti/secure"
	"tutti/secure/securetest"
	"tutti/wire"
)

// fault is one way for a backend to behave toward one request.
type fault interface {
	// serve answers a request whose head was read and tells whether the connection goes on.
	serve(x *served) bool
}

// served is one request at a fake backend.
type served struct {
	conn net.Conn
	r    *bufio.Reader
	req  *http.Request
	stop <-chan struct{} // closed when the fake ends
}

// body reads what is left of the request.
func (x *served) body() bool {
	_, err := io.Copy(io.Discard, x.req.Body)
	return err == nil
}

func (x *served) write(s string) bool {
	_, err := io.WriteString(x.conn, s)
	return err == nil
}

// reset closes the connection hard.
func (x *served) reset() {
	switch c := x.conn.(type) {
	case *secure.Conn:
		c.Reset()
	case *net.TCPConn:
		_ = c.SetLinger(0)
	}
}

// says answers with these bytes and keeps the connection.
type says string

func (f says) serve(x *served) bool { return x.body() && x.write(string(f)) }

// saysThenCloses is a kept connection that is closed without a word, or the end of a body.
type saysThenCloses string

func (f saysThenCloses) serve(x *served) bool {
	x.body()
	x.write(string(f))
	return false
}

// saysInBytes writes one byte at a time.
type saysInBytes string

func (f saysInBytes) serve(x *served) bool {
	if !x.body() {
		return false
	}
	for i := range len(f) {
		if !x.write(string(f[i : i+1])) {
			return false
		}
	}
	return true
}

// saysEarly answers without reading the body, and never reads it.
type saysEarly string

func (f saysEarly) serve(x *served) bool {
	x.write(string(f))
	<-x.stop
	return false
}

// saysEarlyAndResets answers without reading the body and resets, as most servers do.
type saysEarlyAndResets string

func (f saysEarlyAndResets) serve(x *served) bool {
	x.write(string(f))
	return false // closing with unread bytes resets
}

// saysEarlyAndCutsHard answers without reading the body, then resets for certain.
type saysEarlyAndCutsHard string

func (f saysEarlyAndCutsHard) serve(x *served) bool {
	x.write(string(f))
	x.reset()
	return false
}

// saysThenResets sends a part and cuts it off hard.
type saysThenResets string

func (f saysThenResets) serve(x *served) bool {
	x.body()
	x.write(string(f))
	x.reset()
	return false
}

// saysThenHangs sends a part and no more.
type saysThenHangs string

func (f saysThenHangs) serve(x *served) bool {
	x.body()
	x.write(string(f))
	<-x.stop
	return false
}

// saysWhen sends its parts each time it is told to.
type saysWhen struct {
	parts []string
	next  chan struct{}
}

func (f saysWhen) serve(x *served) bool {
	x.body()
	for _, p := range f.parts {
		select {
		case <-f.next:
		case <-x.stop:
			return false
		}
		if !x.write(p) {
			return false
		}
	}
	return true
}

// hangs never answers.
const hangs = saysThenHangs("")

// resets cuts the connection hard instead of answering.
const resets = saysThenResets("")

// closes ends the connection instead of answering.
const closes = saysThenCloses("")

// saysEndlessly repeats itself until nobody listens.
type saysEndlessly struct{ first, again string }

func (f saysEndlessly) serve(x *served) bool {
	x.body()
	for ok := x.write(f.first); ok; {
		ok = x.write(f.again)
	}
	return false
}

// ok is an ordinary answer.
const ok = says("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")

// fake is a backend on loopback that follows a script: the n-th request it gets meets the
// n-th fault, those after the last one meet that again.
type fake struct {
	ln       *net.TCPListener
	server   *tls.Config // nil: plain
	client   *tls.Config // what a backend needs to talk to it
	script   []fault
	requests atomic.Int64
	accepted atomic.Int64

	stop chan struct{}
	all  sync.WaitGroup
	mu   sync.Mutex
	open map[net.Conn]bool
}

// With TUTTI_TLS set it speaks TLS, and newBackend to it, so that every test can be run over it.
func newFake(t testing.TB, script ...fault) *fake {
	t.Helper()
	f := newPlainFake(t, script...)
	if os.Getenv("TUTTI_TLS") == "" {
		return f
	}
	a := securetest.New(t)
	f.secured(t, a.Issue("127.0.0.1").Server(), secure.ClientConfig("127.0.0.1", a.Roots()))
	return f
}

// newPlainFake is newFake without TLS.
func newPlainFake(t testing.TB, script ...fault) *fake {
	t.Helper()
	return newFakeAt(t, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, script...)
}

// newFakeAt is newFake at an address of one that has ended, say.
func newFakeAt(t testing.TB, addr *net.TCPAddr, script ...fault) *fake {
	t.Helper()
	ln, err := net.ListenTCP("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{ln: ln, script: script, stop: make(chan struct{}), open: map[net.Conn]bool{}}
	f.all.Go(f.accept)
	t.Cleanup(f.close)
	return f
}

// newSecureFake is newFake over TLS, as this server; client is for those who talk to it, nil: nobody.
func newSecureFake(t testing.TB, server, client *tls.Config, script ...fault) *fake {
	t.Helper()
	f := newPlainFake(t, script...)
	f.secured(t, server, client)
	return f
}

// speaksTLS are the clients' configurations of the fakes that speak TLS, by their names.
var speaksTLS sync.Map

func (f *fake) secured(t testing.TB, server, client *tls.Config) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.server, f.client = server, client
	if client != nil {
		speaksTLS.Store(f.name(), client)
		t.Cleanup(func() { speaksTLS.Delete(f.name()) })
	}
}

// wrap puts TLS on a connection if f speaks it.
func (f *fake) wrap(c net.Conn) net.Conn {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.server != nil {
		c = secure.Server(c, f.server)
	}
	f.open[c] = true
	return c
}

func (f *fake) name() string { return f.ln.Addr().String() }

func (f *fake) close() {
	select {
	case <-f.stop:
		return
	default:
	}
	close(f.stop)
	_ = f.ln.Close()
	f.closeAll()
	f.all.Wait()
}

// closeAll closes the connections it has now.
func (f *fake) closeAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.open {
		_ = c.Close()
	}
}

// say sends unasked bytes on every connection.
func (f *fake) say(s string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.open {
		_, _ = io.WriteString(c, s)
	}
}

func (f *fake) conns() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.open)
}

func (f *fake) accept() {
	for {
		tc, err := f.ln.AcceptTCP()
		if err != nil {
			return
		}
		f.accepted.Add(1)
		c := f.wrap(tc)
		f.all.Go(func() {
			f.serve(c)
			_ = c.Close() // before it is forgotten: tests await that, and then rely on the close
			f.mu.Lock()
			delete(f.open, c)
			f.mu.Unlock()
		})
	}
}

func (f *fake) serve(c net.Conn) {
	r := bufio.NewReader(c)
	for {
		req, err := http.ReadRequest(r)
		if err != nil {
			return
		}
		n := int(f.requests.Add(1)) - 1
		x := &served{conn: c, r: r, req: req, stop: f.stop}
		if !f.script[min(n, len(f.script)-1)].serve(x) {
			return
		}
	}
}

// newBackend is a group of one.
func newBackend(t testing.TB, name string, change func(*Options)) *Backend {
	t.Helper()
	o := Options{
		DialTimeout:     10 * time.Second,
		ResponseTimeout: 10 * time.Second,
		StreamTimeout:   10 * time.Second,
		EjectAfter:      1000,
	}
	if c, ok := speaksTLS.Load(name); ok {
		o.TLS = c.(*tls.Config)
	}
	if change != nil {
		change(&o)
	}
	b, err := New(name, 0, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(NewGroup([]*Backend{b}).Close)
	return b
}

const (
	get  = "GET / HTTP/1.1\r\nHost: test\r\n\r\n"
	head = "HEAD / HTTP/1.1\r\nHost: test\r\n\r\n"
	post = "POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 4\r\n\r\nbody"
)

// do makes one exchange, whole, and returns its answer.
func do(b *Backend, req string) (status int, body string, err error) {
	var resp wire.Response
	c, err := b.Exchange(ForRead, time.Second, []byte(req), req == head, true, nil, &resp)
	if err != nil {
		return 0, "", err
	}
	body, err = readBody(c)
	if err != nil {
		c.Close()
	} else {
		c.Release()
	}
	return resp.Status, body, err
}

// readBody reads to the end; err is nil if that is a true one.
func readBody(c *Conn) (string, error) {
	var all []byte
	for {
		p, err := c.NextBody()
		all = append(all, p...)
		if err == io.EOF {
			return string(all), nil
		}
		if err != nil {
			return string(all), err
		}
	}
}

// acquired claims a connection that a test works on by hand.
func acquired(t testing.TB, b *Backend) *Conn {
	t.Helper()
	c, err := b.Acquire(ForRead, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// until polls until what is waited for holds.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
		<-tick.C
	}
}

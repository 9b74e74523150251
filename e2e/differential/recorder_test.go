package differential

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// recorder is a server that keeps what every connection brings and answers once on each: as soon
// as a strict parser has a whole request, or when nothing more comes.
type recorder struct {
	ln   net.Listener
	open sync.WaitGroup

	mu    sync.Mutex
	quiet time.Duration
	got   []string
	conns int // not yet ended
}

const answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

func newRecorder(t *testing.T) *recorder {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &recorder{ln: ln}
	r.open.Go(r.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		r.open.Wait()
	})
	return r
}

func (r *recorder) addr() string { return r.ln.Addr().String() }

func (r *recorder) accept() {
	for {
		c, err := r.ln.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		r.conns++
		quiet := r.quiet
		r.mu.Unlock()
		r.open.Go(func() {
			got := record(c, quiet)
			_ = c.Close()
			r.mu.Lock()
			defer r.mu.Unlock()
			r.conns--
			if got != "" {
				r.got = append(r.got, got)
			}
		})
	}
}

func record(c net.Conn, quiet time.Duration) string {
	var got []byte
	buf := make([]byte, 64<<10)
	for {
		_ = c.SetReadDeadline(time.Now().Add(quiet))
		n, err := c.Read(buf)
		got = append(got, buf[:n]...)
		if err != nil || read(string(got)).whole {
			break
		}
	}
	_, _ = io.WriteString(c, answer)
	// Whatever comes behind the request would be another one to somebody.
	_ = c.SetReadDeadline(time.Now().Add(quiet))
	rest, _ := io.ReadAll(io.LimitReader(c, 1<<20))
	return string(append(got, rest...))
}

// begin forgets what was recorded.
func (r *recorder) begin(quiet time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.quiet, r.got = quiet, nil
}

// take waits until no connection is open and returns what each has brought.
func (r *recorder) take() []string {
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); {
		r.mu.Lock()
		got, conns := r.got, r.conns
		r.mu.Unlock()
		if conns == 0 {
			return got
		}
		<-time.After(2 * time.Millisecond)
	}
	return []string{"a connection that does not end"}
}

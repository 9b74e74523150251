package backend

import (
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tutti/wire"
)

// saysItsPath answers with the request's path, in one of several ways, and misbehaves at times.
type saysItsPath struct {
	mu sync.Mutex
	r  *rand.Rand
}

func (f *saysItsPath) serve(x *served) bool {
	f.mu.Lock()
	way, delay := f.r.IntN(12), time.Duration(f.r.IntN(300))*time.Microsecond
	f.mu.Unlock()
	if !x.body() {
		return false
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	<-timer.C
	p := x.req.URL.Path
	const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	length := fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(p))
	switch way {
	case 0:
		return closes.serve(x)
	case 1:
		return resets.serve(x)
	case 2: // closes without a word
		x.write(length + p)
		return false
	case 3: // sends an answer nobody asked for right behind
		x.write(length + p + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nunaske")
		return false
	case 4: // and after a while, as some do when they close
		x.write(length + p)
		timer.Reset(delay)
		<-timer.C
		x.write("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
		return false
	case 5: // is cut off
		x.write(length + p[:len(p)/2])
		return false
	case 6, 7:
		return x.write(chunked+fmt.Sprintf("%x\r\n", len(p))+p[:1]) && x.write(p[1:]+"\r\n0\r\n\r\n")
	case 8:
		x.write("HTTP/1.1 200 OK\r\n\r\n" + p)
		return false
	case 9:
		return x.write("HTTP/1.1 103 Early Hints\r\n\r\n") && x.write(length) && x.write(p)
	default:
		return x.write(length + p)
	}
}

func TestNoAnswerGoesToAnotherRequest(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	f := newFake(t, &saysItsPath{r: rand.New(rand.NewPCG(seed, 0))})
	b := newBackend(t, f.name(), func(o *Options) { o.MaxConns = 6; o.EjectAfter = 1 << 30 })
	var all sync.WaitGroup
	var good, unasked atomic.Int64
	for w := range 8 {
		r := rand.New(rand.NewPCG(seed, uint64(w)+1))
		all.Go(func() {
			var resp wire.Response
			for i := range 150 {
				path := fmt.Sprintf("/%d/%d", w, i)
				body, err := oneOfMany(b, r, path, &resp)
				switch {
				case err != nil:
				case resp.Status == 408: // it came between the look and the request: nobody can tell
					unasked.Add(1)
				case body != path:
					t.Errorf("%s got %q", path, body)
				default:
					good.Add(1)
				}
			}
		})
	}
	all.Wait()
	s := b.Stats()
	t.Logf("%d good, %d unasked, %+v", good.Load(), unasked.Load(), s)
	if good.Load() < 300 || s.Active != 0 || s.Idle > 6 {
		t.Errorf("%d good, %+v", good.Load(), s)
	}
}

// oneOfMany makes one exchange, which is abandoned or interrupted at times.
func oneOfMany(b *Backend, r *rand.Rand, path string, resp *wire.Response) (string, error) {
	req := []byte("GET " + path + " HTTP/1.1\r\nHost: t\r\n\r\n")
	c, err := b.Acquire(Use(r.IntN(2)), 5*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Release()
	if what, after := r.IntN(8), time.Duration(r.IntN(400))*time.Microsecond; what < 2 {
		cut := []func(){c.Abandon, c.Interrupt}[what]
		done := make(chan struct{})
		timer := time.AfterFunc(after, func() { cut(); close(done) })
		defer func() {
			if !timer.Stop() {
				<-done
			}
		}()
	}
	err = c.SendReceive(req, false, resp)
	for err == ErrInterrupted || err == nil && resp.Status < 200 {
		err = c.Receive(false, resp)
	}
	var body []byte
	for err == nil || err == ErrInterrupted {
		var p []byte
		p, err = c.NextBody()
		body = append(body, p...)
	}
	if err == io.EOF {
		err = nil
	}
	return string(body), err
}

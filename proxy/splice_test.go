package proxy

import (
	"bufio"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"tutti/backend"
)

// numbers has no two blocks alike.
func numbers(size int) string {
	var b strings.Builder
	for b.Len() < size {
		b.WriteString(strconv.Itoa(b.Len()))
		b.WriteByte(' ')
	}
	return b.String()[:size]
}

const getIt = "GET /login HTTP/1.1\r\nHost: a\r\n\r\n"

func TestLongAnswersPassWholeOfAnySizeAndPace(t *testing.T) {
	body := numbers(2 << 20)
	// the path says how long the answer is and in what pieces it comes, some of them after a pause
	s := func(c net.Conn, r *bufio.Reader) {
		for {
			h, err := readHead(r)
			if err != nil {
				return
			}
			f := strings.Split(h[:strings.Index(h, " HTTP")], "/")
			size, _ := strconv.Atoi(f[1])
			piece, _ := strconv.Atoi(f[2])
			_, err = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(size)+"\r\n\r\n")
			for at := 0; at < size && err == nil; at += piece {
				if at/piece%8 == 7 {
					<-time.After(time.Duration(rand.IntN(int(3 * time.Millisecond))))
				}
				_, err = io.WriteString(c, body[at:min(at+piece, size)])
			}
		}
	}
	addr := balance(t, nil, newFake(t, s), newFake(t, s))
	var all sync.WaitGroup
	for range 6 {
		c, r := dial(t, addr)
		_ = c.SetDeadline(time.Now().Add(6 * patience))
		all.Go(func() {
			for i := range 12 {
				size := []int{len(body) - rand.IntN(100_000), 20_000 + rand.IntN(300_000)}[i%2]
				piece := []int{size, 100_000, 7777}[rand.IntN(3)]
				if _, err := io.WriteString(c, "GET /"+strconv.Itoa(size)+"/"+strconv.Itoa(piece)+" HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
					t.Error(err)
					return
				}
				h, err := readHead(r)
				if err != nil || !strings.HasPrefix(h, "HTTP/1.1 200") {
					t.Errorf("%v %q", err, h)
					return
				}
				got := make([]byte, size)
				for at := 0; at < size; {
					n, err := r.Read(got[at:])
					if at += n; err != nil {
						t.Errorf("%v after %d of %d in pieces of %d", err, at, size, piece)
						return
					}
					if rand.IntN(50) == 0 {
						<-time.After(time.Duration(rand.IntN(int(3 * time.Millisecond))))
					}
				}
				if string(got) != body[:size] {
					t.Errorf("%d bytes in pieces of %d came otherwise", size, piece)
					return
				}
			}
		})
	}
	all.Wait()
}

func TestALongAnswerThatTheBackendCutsIsFollowedByNothing(t *testing.T) {
	half := numbers(300_000)
	for name, end := range map[string]func(c net.Conn){
		"closes": func(net.Conn) {},
		"resets": func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0) },
		"hangs":  func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			read := make(chan bool)
			f := newFake(t, func(c net.Conn, r *bufio.Reader) {
				if _, err := readHead(r); err == nil {
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n"+half)
					<-read
					end(c)
				}
			})
			addr := balance(t, func(o *backend.Options, _ *Options) { o.StreamTimeout = 300 * time.Millisecond }, f)
			c, r := dial(t, addr)
			send(t, c, getIt+getIt) // the second must not be answered behind a cut
			h := head(t, r)
			_, err := io.CopyN(io.Discard, r, 100_000)
			close(read)
			rest, e := io.ReadAll(r)
			if err != nil || !strings.HasPrefix(h, "HTTP/1.1 200") || !errors.Is(e, syscall.ECONNRESET) {
				t.Errorf("%q: %v, %v", h, err, e)
			}
			if got := string(rest); !strings.HasPrefix(half[100_000:], got) {
				t.Errorf("it ends with %q", got[max(0, len(got)-200):])
			}
		})
	}
}

func TestAClientThatLeavesALongAnswerEndsIt(t *testing.T) {
	for name, leave := range map[string]func(c *net.TCPConn){
		"closes":                 func(c *net.TCPConn) { _ = c.Close() },
		"resets":                 func(c *net.TCPConn) { _, _ = c.SetLinger(0), c.Close() },
		"closes half":            func(c *net.TCPConn) { _ = c.CloseWrite(); _, _ = io.Copy(io.Discard, c) },
		"while it is waited for": func(c *net.TCPConn) { _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			ended := make(chan error, 1)
			f := newFake(t, func(c net.Conn, r *bufio.Reader) {
				if _, err := readHead(r); err != nil {
					return
				}
				block := numbers(200_000)
				_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n"+block)
				if name == "while it is waited for" {
					_, err = c.Read(make([]byte, 1))
				}
				for err == nil {
					_, err = io.WriteString(c, block)
				}
				ended <- err
			})
			addr := balance(t, nil, f)
			c, r := dial(t, addr)
			send(t, c, getIt)
			head(t, r)
			if _, err := io.CopyN(io.Discard, r, 150_000); err != nil {
				t.Fatal(err)
			}
			leave(c.(*net.TCPConn))
			select {
			case err := <-ended:
				if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
					t.Errorf("the backend saw %v", err)
				}
			case <-time.After(patience):
				t.Error("the backend sends for ever")
			}
		})
	}
}

// The answer begins while the request still comes: the one goes through pipes, the other is copied.
func TestALongAnswerPassesWhileTheRequestComes(t *testing.T) {
	body := numbers(1 << 20)
	got := make(chan string, 1)
	f := newFake(t, func(c net.Conn, r *bufio.Reader) {
		h, err := readHead(r)
		if err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"+body[:500_000])
		got <- string(readBody(r, h))
		_, _ = io.WriteString(c, body[500_000:])
	})
	addr := balance(t, nil, f)
	c, r := dial(t, addr)
	send(t, c, "POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n"+body[:300_000])
	head(t, r)
	first := make([]byte, 400_000)
	if _, err := io.ReadFull(r, first); err != nil {
		t.Fatal(err)
	}
	send(t, c, body[300_000:])
	rest := make([]byte, len(body)-len(first))
	if _, err := io.ReadFull(r, rest); err != nil || string(first)+string(rest) != body {
		t.Errorf("the answer came otherwise: %v", err)
	}
	if up := <-got; up != body {
		t.Errorf("the request came otherwise: %d bytes", len(up))
	}
}

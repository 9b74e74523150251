//go:build !race && linux && (amd64 || arm64) && !tutti_plain

package backend

import (
	"testing"

	"tutti/metrics"
	"tutti/wire"
)

// held is a Holder.
type held struct{ c interface{ Abandon() } }

func (h *held) Hold(c interface{ Abandon() }) { h.c = c }

func TestAnExchangeAllocatesNothing(t *testing.T) {
	for name, answer := range map[string]string{
		"a length":      string(ok),
		"chunks":        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
		"no body":       "HTTP/1.1 204 No Content\r\n\r\n",
		"several parts": "HTTP/1.1 103 Early Hints\r\n\r\n" + string(ok),
	} {
		t.Run(name, func(t *testing.T) {
			f := echo(t, answer)
			set := metrics.New([]string{f})
			b, err := New(f, 0, Options{}, set.Backend(0))
			if err != nil {
				t.Fatal(err)
			}
			g := NewGroup([]*Backend{b})
			defer g.Close()
			var resp wire.Response
			req := []byte(get)
			var h held
			exchange := func() {
				c, err := g.Pick(0).Exchange(ForRead, 0, req, false, true, &h, &resp)
				if err != nil {
					t.Fatal(err)
				}
				for {
					if _, err := c.NextBody(); err != nil {
						break
					}
				}
				h.Hold(nil)
				c.Release()
			}
			exchange()
			if n := testing.AllocsPerRun(500, exchange); n != 0 {
				t.Errorf("%v allocations", n)
			}
			later := muchLater()
			write := func() {
				c := b.Idle(ForWrite)
				if err := c.Send(req); err != nil {
					t.Fatal(err)
				}
				c.Await(later, later)
				for {
					if err := c.Receive(false, &resp); err != nil {
						t.Fatal(err)
					}
					if resp.Status >= 200 {
						break
					}
				}
				for {
					if _, err := c.NextBody(); err != nil {
						break
					}
				}
				c.Release()
			}
			if n := testing.AllocsPerRun(500, write); n != 0 {
				t.Errorf("by hand: %v allocations", n)
			}
		})
	}
}

func TestALongBodyAllocatesNothing(t *testing.T) {
	f := echo(t, withLength(longBody(300<<10)))
	b, err := New(f, 0, Options{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	g := NewGroup([]*Backend{b})
	defer g.Close()
	var resp wire.Response
	req := []byte(get)
	s := newSink(t)
	s.all.Grow(100 << 20)
	exchange := func() {
		c, err := b.Exchange(ForRead, 0, req, false, true, nil, &resp)
		if err != nil {
			t.Fatal(err)
		}
		if piped, err := s.read(c); err != nil || piped == 0 {
			t.Fatal(piped, err)
		}
		c.Release()
	}
	exchange()
	if n := testing.AllocsPerRun(200, exchange); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

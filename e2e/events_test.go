package e2e

import (
	"fmt"
	"testing"
	"time"

	"tutti/e2e/harness"
)

func TestServerSentEventsArriveOneByOne(t *testing.T) {
	t.Parallel()
	const events = 40
	next, sent := make(chan string), make(chan time.Time)
	b := harness.NewBackend(t, func(c *harness.Call) {
		c.Close()
		err := c.Write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
		for event := range next {
			now := time.Now()
			if err == nil {
				err = c.Write(fmt.Sprintf("%x\r\n%s\r\n", len(event), event))
			}
			select {
			case sent <- now:
			case <-c.Quit():
				return
			}
		}
		_ = c.Write("0\r\n\r\n")
	})
	p := start(t, harness.BackendFlag(b))
	c := harness.Dial(t, p.Listen)
	c.Send(get("/login", "Accept: text/event-stream"))
	wantStatus(t, c.Head("GET"), 200)
	var delays latencies
	for i := range events {
		event := fmt.Sprintf("id: %d\ndata: x\n\n", i)
		next <- event // the one before has arrived
		at := <-sent
		frame := fmt.Sprintf("%x\r\n%s\r\n", len(event), event)
		if got := c.ReadString(len(frame)); got != frame {
			t.Fatalf("event %d came as %q", i, got)
		}
		d := time.Since(at)
		delays.add(d)
		t.Logf("event %d: %v", i, d)
	}
	close(next)
	if got := c.ReadString(5); got != "0\r\n\r\n" {
		t.Errorf("the end came as %q", got)
	}
	t.Logf("from sent to read: %v", &delays)
}

package e2e

import (
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// A backend that dies within its answer: the client sees the cut, and nothing behind it that
// could be taken for another answer.
func TestABackendThatDiesMidAnswerIsFollowedByNothing(t *testing.T) {
	t.Parallel()
	body := strings.Repeat("b", 70000)
	heads := map[string]string{
		"length":  "Content-Length: 200000\r\n\r\n" + body,
		"chunked": "Transfer-Encoding: chunked\r\n\r\n11170\r\n" + body + "\r\nffff\r\nb",
		"close":   "\r\n" + body,
	}
	for framing, rest := range heads {
		for end, script := range map[string]func(c *harness.Call){"FIN": (*harness.Call).Close, "reset": (*harness.Call).Reset} {
			if framing == "close" && end == "FIN" {
				continue // which is how such an answer ends well
			}
			t.Run(framing+", "+end, func(t *testing.T) {
				read := make(chan struct{})
				b := harness.NewBackend(t, func(c *harness.Call) {
					_ = c.Write("HTTP/1.1 200 OK\r\n" + rest)
					select {
					case <-read:
					case <-c.Quit():
					}
					script(c)
				})
				p := start(t, harness.BackendFlag(b))
				c := harness.Dial(t, p.Listen)
				c.Send(get("/login") + get("/login")) // the second must not be answered behind a cut
				head := c.ReadUntil("\r\n\r\n")
				if !strings.HasPrefix(head, "HTTP/1.1 200 ") {
					t.Fatalf("got %q", head)
				}
				c.ReadUntil("bbbb")
				close(read)
				got, reset := c.Rest()
				if strings.Contains(got, "HTTP/1") || strings.Contains(got, "problem") {
					t.Errorf("behind the cut there is %q", got[max(0, len(got)-300):])
				}
				chunked := strings.Contains(head, "chunked")
				if chunked && strings.HasSuffix(got, "0\r\n\r\n") || framing == "close" && !chunked && !reset {
					t.Error("the answer looks whole")
				}
			})
		}
	}
}

package e2e

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// Long answers arrive as they were sent and are counted to the byte; neither those that were taken nor those
// whose clients left in the middle leave a descriptor behind.
func TestLongAnswersAreWholeAndLeaveNothingBehind(t *testing.T) {
	t.Parallel()
	const size, clients, rounds = 3<<20 + 7, 16, 6
	var long strings.Builder
	for long.Len() < size {
		long.WriteString(strconv.Itoa(long.Len()))
		long.WriteByte('.')
	}
	body := long.String()[:size]
	sum := sha256.Sum256([]byte(body))
	answer := "HTTP/1.1 200 OK\r\nContent-Length: " + strconv.Itoa(size) + "\r\n\r\n" + body
	b := harness.NewBackend(t, func(c *harness.Call) {
		if c.Target != "/login?left" {
			_ = c.Write(answer)
			return
		}
		err := c.Write("HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n")
		for err == nil {
			err = c.Write(body)
		}
	})
	file := filepath.Join(t.TempDir(), "access.log")
	p := start(t, harness.BackendFlag(b), "--access-log="+file, "--eject-after=1000")
	whole := func(int) {
		c := harness.Dial(t, p.Listen)
		defer c.Close()
		if a := c.Do("GET", get("/login?whole")); a.Status != 200 || sha256.Sum256([]byte(a.Body)) != sum {
			t.Errorf("status %d, %d bytes", a.Status, len(a.Body))
		}
	}
	gone := func() {
		t.Helper()
		harness.Eventually(t, "the clients are gone", func() bool {
			return p.Metrics().Must(t, "tutti_client_connections") == 0
		})
	}
	background(clients, whole)()
	gone()
	before := p.Descriptors()
	for range rounds {
		background(clients, func(i int) {
			if i%2 == 0 {
				whole(i)
				return
			}
			c := harness.Dial(t, p.Listen)
			c.Send(get("/login?left"))
			if c.Head("GET").Status != 200 {
				t.Error("not answered")
			}
			c.ReadString(size / 2)
			c.Reset()
		})()
		gone()
	}
	harness.Eventually(t, "no more descriptors than before", func() bool { return p.Descriptors() <= before })
	if up := p.Metrics().Must(t, "tutti_backend_up", "backend", b.Addr); up != 1 {
		t.Error("clients that left took the backend down")
	}
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	lines, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	said := ` /login?whole HTTP/1.1" 200 ` + strconv.Itoa(size) + " "
	if n, want := strings.Count(string(lines), said), clients+rounds*clients/2; n != want {
		t.Errorf("%d lines say %q, not %d", n, said, want)
	}
}

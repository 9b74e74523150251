package browser

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"tutti/e2e/harness"
)

// someTrouble is the program with a backend for each kind of it: one well, one slow, one down and owed,
// one with parked writes, one drained.
func someTrouble(t *testing.T) *rig {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	takes := func(most time.Duration, s harness.Script) harness.Script {
		return func(c *harness.Call) { harness.After(time.Duration(random.Int64N(int64(most))), s)(c) }
	}
	ok := harness.By(map[string]harness.Script{"POST": harness.Says(201, "w")}, harness.Says(200, "r"))
	picky := func(c *harness.Call) {
		if c.Method == "POST" && c.Target != "/register" {
			harness.Says(500, "no")(c)
			return
		}
		ok(c)
	}
	backends := harness.Backends(t, 5, takes(4*time.Millisecond, ok))
	backends[1].Script(takes(60*time.Millisecond, ok))
	backends[3].Script(takes(6*time.Millisecond, picky))
	r := start(t, backends, "--ack=one", "--retry-attempts=3", "--retry-base=100ms", "--retry-max-backoff=200ms", "--eject-for=5m")
	if got := r.Change("POST", "/-/backends/"+backends[4].Addr+"/drain"); got.Status != 200 {
		t.Fatal(got)
	}
	for i := range 4 {
		r.ask("POST", []string{"/register/very/long/path/that/does/not/fit?with=a&query=string", "/x", "/password", "/y"}[i], "x")
	}
	r.traffic(8*time.Millisecond, 3)
	harness.Eventually(t, "writes are parked", func() bool { return r.Metrics().Must(t, "tutti_writes_parked") >= 4 })
	return r
}

func TestThePageIsFineAtEveryWidthAndInBothThemes(t *testing.T) {
	t.Parallel()
	r := someTrouble(t)
	b := newTab(t)
	b.open(r.page())
	b.until("every backend is shown", `document.querySelectorAll("#backend-rows tr").length === 5`)
	wait := 2 * time.Second
	dir := os.Getenv("TUTTI_SHOTS")
	if dir != "" {
		wait = 40 * time.Second
	}
	<-time.After(wait)
	r.backends[2].Stop()
	if dir != "" {
		<-time.After(wait / 2)
	}
	b.until("one is down", `document.querySelectorAll("#backend-rows .pill[data-level=bad]").length === 1`)
	for _, width := range []int64{375, 768, 1280, 1600} {
		for _, theme := range []string{"light", "dark"} {
			b.look(width, 1000, theme)
			for _, state := range []string{"pending", "parked"} {
				b.click(fmt.Sprintf(`#write-states label:has([value=%s])`, state))
				b.until("writes are shown", `document.querySelectorAll("#write-table tbody").length > 0`)
				if over := eval[float64](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
					t.Errorf("at %d px the page is %v px too wide", width, over)
				}
				if dir != "" {
					shoot(b, filepath.Join(dir, fmt.Sprintf("%d-%s-%s.png", width, theme, state)))
				}
			}
		}
	}
}

func shoot(b *tab, file string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

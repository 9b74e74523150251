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
	takes := func(most time.Duration, s harness.Script) harness.Script {
		return func(c *harness.Call) { harness.After(rand.N(most), s)(c) }
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

// pictures is where they are kept, for somebody to look at; empty: nowhere.
func pictures() string { return os.Getenv("TUTTI_SHOTS") }

// inEveryLook does something at each of these widths and in both themes, checks that nothing is too wide
// and that everything can be read, and takes a picture.
func inEveryLook(b *tab, name string, widths []int64, f func()) {
	b.t.Helper()
	for _, width := range widths {
		for _, theme := range []string{"light", "dark"} {
			b.look(width, 1000, theme)
			f()
			where := fmt.Sprintf("%s-%d-%s", name, width, theme)
			if over := eval[float64](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
				b.t.Errorf("%s: %v px too wide", where, over)
			}
			for _, text := range eval[[]string](b, faint) {
				b.t.Errorf("%s: too faint: %s", where, text)
			}
			if dir := pictures(); dir != "" {
				shoot(b, filepath.Join(dir, where+".png"))
			}
		}
	}
}

var everyWidth = []int64{375, 768, 1280, 1600}

func TestThePageIsFineAtEveryWidthAndInBothThemes(t *testing.T) {
	t.Parallel()
	r := someTrouble(t)
	b := newTab(t)
	b.open(r.page())
	b.until("every backend is shown", `document.querySelectorAll("#backend-rows tr").length === 5`)
	if pictures() != "" {
		<-time.After(40 * time.Second) // so that the charts have something
	}
	r.backends[2].Stop()
	b.until("one is down", `document.querySelectorAll("#backend-rows .pill[data-level=bad]").length === 1`)
	if pictures() != "" {
		<-time.After(20 * time.Second)
	}
	for _, state := range []string{"pending", "parked"} {
		inEveryLook(b, state, everyWidth, func() {
			b.click(fmt.Sprintf(`#write-states label:has([value=%s])`, state))
			b.until("writes are shown", `document.querySelectorAll("#write-table tbody").length > 0`)
		})
	}
}

func TestTheOtherStatesOfThePageAreFine(t *testing.T) {
	t.Parallel()
	narrowAndWide := []int64{375, 1600}
	r := poisoned(t)
	r.traffic(20*time.Millisecond, 0) // reads alone: writes would be parked, too
	b := newTab(t, "net::ERR_")
	b.open(r.page())
	b.click(dropWrite)
	b.until("it is asked", `document.getElementById("confirm").open`)
	inEveryLook(b, "asked", narrowAndWide, func() {})
	b.click("#confirm-yes")
	b.until("all is well", `document.getElementById("verdict").dataset.level === "good"`)
	inEveryLook(b, "well", narrowAndWide, func() {})
	r.Kill()
	b.until("it is not reachable", `!document.getElementById("unreachable").hidden`)
	inEveryLook(b, "lost", narrowAndWide, func() {})
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

package browser

import (
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// Sixteen backends that are down and owed very many writes: all it shows is a page of them. With
// TUTTI_SOAK set there are 100,000.
func TestManyPendingWritesOnSixteenBackendsKeepThePageQuick(t *testing.T) {
	t.Parallel()
	pending := 10_000
	if os.Getenv("TUTTI_SOAK") != "" {
		pending = 100_000
	}
	backends := replicas(t, 16)
	for _, b := range backends {
		b.Stop()
	}
	r := start(t, backends, "--ack=one", "--ack-timeout=1ms", "--retry-base=1h", "--retry-max-backoff=1h", "--max-pending-bytes=1GiB")
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for range pending / 8 {
				if got := r.ask("POST", "/register", "username=x"); got != 202 {
					t.Errorf("a write answers %d", got)
					return
				}
			}
		})
	}
	clients.Wait()
	if s := statusOf(r).Writes; s.Pending != pending {
		t.Fatalf("%+v", s)
	}
	b := newTab(t)
	b.open(r.page())
	b.until("all backends are shown", `document.querySelectorAll("#backend-rows tr").length === 16`)
	b.until("a page of writes is shown", `document.querySelectorAll("#write-table tbody").length === 25`)
	b.until("the rest is counted", `document.getElementById("count-pending").textContent.replaceAll(",", "") === "`+strconv.Itoa(pending)+`"`)
	first := eval[string](b, `document.querySelector("#write-table tbody").dataset.id`)
	b.click("#write-next")
	b.until("the next page is another", `document.querySelectorAll("#write-table tbody").length === 25 && document.querySelector("#write-table tbody").dataset.id !== "`+first+`" && document.getElementById("write-range").textContent === "26 to 50"`)
	b.click("#write-table tbody button[aria-expanded]")
	b.until("a write is unfolded", `document.querySelector("#write-table tbody").rows.length === 17`)
	b.click("#write-first")
	b.until("the first page is back", `document.querySelector("#write-table tbody").dataset.id === "`+first+`"`)
	if n := eval[int](b, `document.querySelectorAll("*").length`); n > 5000 {
		t.Errorf("the page has %d elements", n)
	}
	for _, path := range []string{"-/status", "-/status?history_after=0", "-/writes?state=pending&limit=25", "-/writes?state=parked&limit=25"} {
		least := harness.Limit
		size := 0
		for range 5 {
			begun := time.Now()
			size = len(r.Get("/" + path).Body)
			least = min(least, time.Since(begun))
		}
		t.Logf("%s: %v, %d bytes", path, least, size)
		if size > 200_000 {
			t.Errorf("%s is of %d bytes", path, size)
		}
	}
	t.Logf("a round of the page's own: %.1f ms", eval[float64](b, `(async () => {
		const begun = performance.now();
		await (await fetch("-/status?history_after=" + (Date.now() - 1500))).json();
		await (await fetch("-/writes?state=pending&limit=25")).json();
		return performance.now() - begun;
	})()`))
}

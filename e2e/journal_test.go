package e2e

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// journaled are a test's journal and the flags for it.
func journaled(t *testing.T, backends ...*harness.Backend) (dir string, flags []string) {
	t.Helper()
	dir = t.TempDir() + "/journal"
	return dir, []string{
		"--journal=" + dir, harness.BackendFlag(backends...), "--retry-base=20ms", "--retry-max-backoff=200ms", "--retry-jitter=5ms",
	}
}

// wantNoStart fails the test unless the program ends at its start with one line that has all words.
func wantNoStart(t *testing.T, words []string, flags ...string) string {
	t.Helper()
	got := program.Run(t, nil, append([]string{"--listen=" + harness.FreeAddr(t), "--admin-listen="}, flags...)...)
	lines := strings.Split(strings.TrimSuffix(got.Stderr, "\n"), "\n")
	last := lines[len(lines)-1]
	if got.Code != 1 || len(lines) != 1 {
		t.Errorf("exit code %d and %d lines on standard error:\n%s", got.Code, len(lines), got.Stderr)
	}
	for _, word := range words {
		if !strings.Contains(last, word) {
			t.Errorf("%q is not said: %s", word, last)
		}
	}
	return last
}

func settled(t *testing.T, p *harness.Process, writes float64) {
	t.Helper()
	harness.Eventually(t, "everything settles", func() bool {
		m := p.Metrics()
		if err := balanced(m); err != nil {
			t.Fatal(err)
		}
		return m["tutti_writes_settled_total"] == writes && m["tutti_writes_pending"] == 0
	})
}

func TestAJournalIsOneProcessesAlone(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	dir, flags := journaled(t, b)
	p := start(t, flags...)
	wantNoStart(t, []string{"journal", dir, "in use"}, flags...)
	wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	start(t, flags...)
}

func TestAJournalOthersMayEnterIsRefused(t *testing.T) {
	t.Parallel()
	dir, flags := journaled(t, harness.NewBackend(t, harness.Says(201, "ok")))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o755, 0o710, 0o707} {
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		wantNoStart(t, []string{dir, "0700"}, flags...)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := start(t, flags...)
	wantStatus(t, harness.Once(t, p.Listen, register("secret")), 201)
	wantPrivate(t, dir)
}

// wantPrivate fails the test if others could read what is in dir.
func wantPrivate(t *testing.T, dir string) {
	t.Helper()
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir + "/db")
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Size() > 0 && info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v", e.Name(), info.Mode())
		}
	}
}

func TestAJournalThatCannotBeOpenedIsSaidInALine(t *testing.T) {
	t.Parallel()
	dir, flags := journaled(t, harness.NewBackend(t, harness.Says(201, "ok")))
	if err := os.WriteFile(dir, []byte("not a directory"), 0o600); err != nil {
		t.Fatal(err)
	}
	wantNoStart(t, []string{"journal", dir}, flags...)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/holiday.jpg", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantNoStart(t, []string{"journal", dir, "holiday.jpg"}, flags...)
}

func TestABackendThatIsGoneAndOwedKeepsTheProgramFromStarting(t *testing.T) {
	t.Parallel()
	const writes = 7
	stays, gone := harness.NewBackend(t, harness.Says(201, "ok")), harness.NewBackend(t, harness.Says(201, "ok"))
	_, flags := journaled(t, stays, gone)
	p := start(t, append(flags, "--ack=one")...)
	gone.Stop()
	for range writes {
		wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
	}
	p.Kill()
	flags[1] = harness.BackendFlag(stays)
	line := wantNoStart(t, []string{fmt.Sprint(writes, " writes"), gone.Addr}, flags...)
	at := strings.LastIndex(line, "--forget=")
	if at < 0 {
		t.Fatalf("how to go on is not said: %s", line)
	}
	forget := strings.Fields(line[at:])[0]
	if _, name, _ := strings.Cut(forget, "="); !strings.HasSuffix(name, gone.Addr) {
		t.Errorf("%s is named, not %s", name, gone.Addr)
	}
	p = start(t, append(flags, forget)...)
	harness.Eventually(t, "what was owed is dropped", func() bool {
		m := p.Metrics() // the other may get again what was not noted before the kill
		return m["tutti_writes_pending"] == 0 && m["tutti_writes_parked"] == 0
	})
	wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
	p.Kill()
	start(t, flags...) // forgotten once and for all
	if got := program.Run(t, nil, append(flags, strings.Replace(flags[1], "--backend=", "--forget=", 1))...); got.Code != 2 || !strings.Contains(got.Stderr, "--forget") {
		t.Errorf("forgetting a current backend: exit code %d, %s", got.Code, got.Stderr)
	}
}

func TestWithoutOwedWritesABackendMayGo(t *testing.T) {
	t.Parallel()
	stays, gone := harness.NewBackend(t, harness.Says(201, "ok")), harness.NewBackend(t, harness.Says(201, "ok"))
	_, flags := journaled(t, stays, gone)
	p := start(t, flags...)
	wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
	settled(t, p, 1)
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	flags[1] = harness.BackendFlag(stays)
	p = start(t, flags...)
	wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
}

func TestABackendThatIsNewToTheHistoryIsHeldUntilItIsResumed(t *testing.T) {
	t.Parallel()
	backends := harness.Backends(t, 3, harness.Says(201, "ok"))
	fresh := backends[2]
	_, flags := journaled(t, backends[:2]...)
	flags = append(flags, "--order-by=path")
	p := start(t, flags...)
	wantStatus(t, harness.Once(t, p.Listen, register("before")), 201)
	settled(t, p, 1)
	p.Stop()
	flags[1] = harness.BackendFlag(backends[2], backends[0], backends[1]) // in any order
	p = start(t, flags...)
	if log := p.Stderr(); !strings.Contains(log, fresh.Addr) || !strings.Contains(log, "held") || !strings.Contains(log, "resume") {
		t.Errorf("what to do is not said:\n%s", log)
	}
	for i := range 3 {
		wantStatus(t, harness.Once(t, p.Listen, register(fmt.Sprint("meanwhile-", i))), 201)
		wantStatus(t, harness.Once(t, p.Listen, get("/login")), 201)
	}
	p.Kill()
	p = start(t, flags...)
	if owed := p.Metrics().Must(t, "tutti_owed_writes", "backend", fresh.Addr); owed != 3 {
		t.Errorf("%v writes are owed", owed)
	}
	if n := fresh.Count(); n != 0 {
		t.Errorf("it got %d requests", n)
	}
	if r := p.Get("/-/status"); !strings.Contains(r.Body, `"state":"held"`) {
		t.Errorf("/-/status: %s", r.Body)
	}
	change(t, p, fresh, "resume")
	harness.Eventually(t, "it has them", func() bool { return p.Metrics()["tutti_writes_pending"] == 0 })
	for i, c := range fresh.Whole() {
		if want := fmt.Sprintf("username=meanwhile-%d&password=example", i); c.Body() != want {
			t.Errorf("request %d is %q", i, c.Body())
		}
	}
	p.Stop()
	p = start(t, flags...)
	wantStatus(t, harness.Once(t, p.Listen, register("after")), 201)
	if n := fresh.Count(); n != 4 {
		t.Errorf("it got %d requests", n)
	}
}

func TestAStopLeavesWhatIsOwedToTheNextStart(t *testing.T) {
	t.Parallel()
	up, down := harness.NewBackend(t, harness.Says(201, "ok")), harness.NewBackend(t, harness.Says(201, "ok"))
	_, flags := journaled(t, up, down)
	down.Stop()
	p := start(t, append(flags, "--ack=one", "--shutdown-timeout=1h")...)
	for range 5 {
		wantStatus(t, harness.Once(t, p.Listen, register("x")), 201)
	}
	if code := p.Stop(); code != 0 { // and not an hour later
		t.Errorf("exit code %d", code)
	}
	if strings.Contains(p.Stderr(), "abandoned") {
		t.Errorf("something is abandoned:\n%s", p.Stderr())
	}
	p = start(t, flags...)
	if m := p.Metrics(); m["tutti_writes_accepted_total"] != 5 || m["tutti_writes_pending"] != 5 {
		t.Errorf("%v accepted, %v pending", m["tutti_writes_accepted_total"], m["tutti_writes_pending"])
	}
	down.Start()
	settled(t, p, 5)
	if n := down.Count(); n != 5 {
		t.Errorf("%d were delivered", n)
	}
}

func TestClientsThatWaitAtAStopAreTold202WithAJournal(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Hangs)
	_, flags := journaled(t, b)
	p := start(t, append(flags, "--shutdown-timeout=300ms")...)
	c := harness.Dial(t, p.Listen)
	c.Send(register("x"))
	b.WaitCall(1)
	if code := p.Stop(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	a := c.Answer("POST")
	wantStatus(t, a, 202)
	b.Script(harness.Says(201, "ok"))
	p = start(t, flags...)
	settled(t, p, 1)
	if w := p.WritePage(strings.TrimPrefix(a.Get("Location"), "/-/writes/")); w.State != "settled" || w.Durable == nil || !*w.Durable {
		t.Errorf("its page says %+v", w)
	}
}

func TestPagesSurviveRestarts(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "done"))
	_, flags := journaled(t, b, harness.NewBackend(t, harness.Says(201, "ok")))
	b.Stop()
	p := start(t, flags...)
	ids := make(map[string]string) // by its key
	for _, key := range []string{"", "k"} {
		fields := []string{"Prefer: respond-async"}
		if key != "" {
			fields = append(fields, "Idempotency-Key: "+key)
		}
		a := harness.Once(t, p.Listen, post("/register", "x", fields...))
		wantStatus(t, a, 202)
		ids[key] = strings.TrimPrefix(a.Get("Location"), "/-/writes/")
	}
	for _, state := range []string{"pending", "settled", "settled"} {
		harness.Eventually(t, "the pages say "+state, func() bool {
			for _, id := range ids {
				if w := p.WritePage(id); w.State != state || len(w.Backends) != 2 || w.Backends[1].State != "delivered" {
					return false
				}
			}
			return true
		})
		for _, id := range ids {
			if w := p.WritePage(id); w.ID != id || w.Durable == nil || !*w.Durable {
				t.Errorf("%s: %+v", state, w)
			}
		}
		if state == "pending" {
			p.Kill()
			b.Start()
		} else {
			p.Stop()
		}
		p = start(t, flags...)
	}
	before := b.Count()
	a := harness.Once(t, p.Listen, post("/register", "x", "Idempotency-Key: k"))
	if wantStatus(t, a, 201); a.Body != "done" || b.Count() != before {
		t.Errorf("the repeat is told %q, the backend got %d requests for it", a.Body, b.Count()-before)
	}
}

func TestAttemptsAndParkedWritesSurviveKills(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(500, "no"))
	_, flags := journaled(t, b, harness.NewBackend(t, harness.Says(201, "ok")))
	flags = append(flags, "--retry-attempts=3")
	p := start(t, flags...)
	wantStatus(t, harness.Once(t, p.Listen, register("x")), 502)
	harness.Eventually(t, "the parking is on disk", func() bool {
		p.Kill()
		p = start(t, flags...)
		m := p.Metrics()
		return m["tutti_writes_parked"] == 1 && m["tutti_writes_accepted_total"] == 1
	})
	sent := b.Count()
	list := p.Writes("state=parked")
	if len(list) != 1 || list[0].Backends[0].State != "parked" || list[0].Backends[0].Attempts != 3 || list[0].Backends[0].Status != 500 ||
		list[0].Backends[1].State != "delivered" {
		t.Fatalf("listed: %+v", list)
	}
	b.Script(harness.Says(201, "ok"))
	if r := p.Change("POST", "/-/writes/"+list[0].ID+"/retry"); r.Status/100 != 2 {
		t.Errorf("retry answers %d: %s", r.Status, r.Body)
	}
	settled(t, p, 1)
	if n := b.Count(); n != sent+1 {
		t.Errorf("after its retry the backend got %d requests", n-sent)
	}
}

func TestAJournalThatIsAsLargeAsItMayBeRefusesAndGoesOnWhenItHasSpace(t *testing.T) {
	t.Parallel()
	b := harness.NewBackend(t, harness.Says(201, "ok"))
	_, flags := journaled(t, b, harness.NewBackend(t, harness.Says(201, "ok")))
	b.Stop()
	p := start(t, append(flags, "--ack=one", "--journal-max-size=16MiB")...)
	c := harness.Dial(t, p.Listen)
	random := make([]byte, 192<<10) // what can be compressed takes less
	_, _ = rand.Read(random)
	body := base64.StdEncoding.EncodeToString(random)
	accepted := 0.0
	var refusal *harness.Answer
	harness.Eventually(t, "it is full", func() bool {
		if refusal = c.Do("POST", post("/register", body)); refusal.Status == 201 {
			accepted++
			return false
		}
		return true
	})
	wantProblem(t, refusal, 503, "proxy_internal_error")
	if refusal.Get("Retry-After") == "" || accepted < 8 {
		t.Errorf("after %v writes: %s", accepted, refusal.Raw)
	}
	if n := p.Metrics().Must(t, "tutti_refused_writes_total", "reason", "journal_full"); n == 0 {
		t.Error("the refusal is not counted")
	}
	b.Start()
	harness.Eventually(t, "it takes writes again", func() bool {
		return c.Do("POST", post("/register", body)).Status == 201
	})
	settled(t, p, accepted+1)
	if n := b.Count(); n != int(accepted)+1 {
		t.Errorf("%d of %v writes were delivered", n, accepted+1)
	}
}

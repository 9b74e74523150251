package fanout

import (
	"strings"
	"testing"
	"time"

	"tutti/wire"
)

func TestPreferIsReadAsRFC7240Says(t *testing.T) {
	f := func(lines string, wait int64, async bool) {
		t.Helper()
		var r wire.Request
		if err := r.Parse([]byte("POST / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n")); err != nil {
			t.Fatal(err)
		}
		if gotWait, gotAsync := readPrefer(&r); gotWait != wait || gotAsync != async {
			t.Errorf("%q: wait %d, respond-async %v", lines, gotWait, gotAsync)
		}
	}
	f("", -1, false)
	f("Prefer: respond-async\r\n", -1, true)
	f("Prefer: Respond-ASYNC\r\n", -1, true)
	f("Prefer: wait=5\r\n", 5, false)
	f("Prefer: WAIT = 5\r\n", 5, false)
	f("Prefer: wait=\"5\"\r\n", 5, false)
	f("Prefer: wait=0\r\n", 0, false)
	f("Prefer: respond-async, wait=10\r\n", 10, true)
	f("Prefer: respond-async\r\nPrefer: wait=10\r\n", 10, true)
	f("Prefer: wait=10; x=\"a,b\", respond-async;foo\r\n", 10, true)
	f("Prefer: a=\"x, wait=3, \\\" y\", wait=4\r\n", 4, false)
	f("Prefer: ,, ,wait=7,\r\n", 7, false)
	f("Prefer: respond-async=\"\"\r\n", -1, true)
	// the first of several counts
	f("Prefer: wait=1, wait=2\r\n", 1, false)
	f("Prefer: wait=x, wait=2\r\n", -1, false)
	// more than can be: as long as may be
	f("Prefer: wait=99999999999999999999999\r\n", maxWait, false)
	f("Prefer: wait=2147483649\r\n", maxWait, false)
	// ignored
	f("Prefer: wait\r\n", -1, false)
	f("Prefer: wait=\r\n", -1, false)
	f("Prefer: wait=-5\r\n", -1, false)
	f("Prefer: wait=5s\r\n", -1, false)
	f("Prefer: wait=\"5\r\n", -1, false)
	f("Prefer: respond-async=yes\r\n", -1, false)
	f("Prefer: handling=lenient, return=minimal\r\n", -1, false)
	f("Prefer: \"respond-async\"\r\n", -1, false)
	f("Prefer: \"respond-async, wait=5\r\n", -1, false)
	f("X-Prefer: respond-async\r\n", -1, false)
	f("Prefer:\r\n", -1, false)
}

// preferring is a write with this Prefer.
func preferring(prefer, body string) string {
	return strings.Replace(post("/w", body), "\r\n\r\n", "\r\nPrefer: "+prefer+"\r\n\r\n", 1)
}

func TestRespondAsyncIs202AtOnceAndTheWriteGoesOn(t *testing.T) {
	release := make(chan struct{})
	a, b := newFake(t, "a", hangUntil(release)), newFake(t, "b", hangUntil(release))
	r := rigOf(t, nil, a, b)
	c := r.dial()
	got := c.do(preferring("respond-async", "x"))
	if got.status != 202 || got.header.Get("Preference-Applied") != "respond-async" {
		t.Fatalf("%+v", got)
	}
	for _, b := range []*fake{a, b} {
		eventually(t, "it is sent", func() bool { return len(b.requests()) == 1 })
		if q := b.requests()[0]; q.Header.Get("Prefer") != "respond-async" { // nothing says that it is removed
			t.Errorf("%s got %v", b.name, q.Header)
		}
	}
	if p := pageOf(t, c, got.header.Get("Location")); p.State != "pending" {
		t.Errorf("%+v", p)
	}
	close(release)
	r.settled(1)
	if p := pageOf(t, c, got.header.Get("Location")); p.State != "settled" {
		t.Errorf("%+v", p)
	}
	// With backends that answer at once it is 202 all the same.
	for range 20 {
		if got := c.do(preferring("respond-async", "x")); got.status != 202 {
			t.Errorf("%+v", got)
		}
	}
	if got := c.do(post("/w", "x")); got.status != 201 || got.header.Get("Preference-Applied") != "" {
		t.Errorf("without a preference: %+v", got)
	}
	r.settled(22)
}

func TestPreferWaitReplacesAckTimeoutButIsNeverLonger(t *testing.T) {
	never := make(chan struct{})
	f := func(prefer string, ackTimeout, atLeast time.Duration, applied string) {
		t.Helper()
		t.Run(prefer, func(t *testing.T) {
			t.Parallel()
			a, b := newFake(t, "a", nil), newFake(t, "b", hangUntil(never))
			r := rigOf(t, func(s *setup) { s.fanout.AckTimeout = ackTimeout }, a, b)
			start := time.Now()
			got := r.dial().do(preferring(prefer, "x"))
			if took := time.Since(start); took < atLeast {
				t.Errorf("answered after %v", took)
			}
			if got.status != 202 || got.header.Get("Preference-Applied") != applied {
				t.Errorf("%+v", got)
			}
		})
	}
	const long = 10 * time.Minute // longer than a test may take
	f("wait=1", long, time.Second, "wait=1")
	f("wait=0", long, 0, "wait=0")
	f("respond-async, wait=1", long, time.Second, "respond-async, wait=1")
	f("wait=60", 1200*time.Millisecond, 1200*time.Millisecond, "wait=1")
	f("wait=61", 100*time.Millisecond, 100*time.Millisecond, "")
	f("wait=-1", 100*time.Millisecond, 100*time.Millisecond, "")
	f("respond-async", long, 0, "respond-async")
}

func TestPreferenceAppliedStandsOnAnswersInTime(t *testing.T) {
	a, b := newFake(t, "a", nil), newFake(t, "b", nil)
	r := rigOf(t, func(s *setup) { s.fanout.Policy.Attempts = 1 }, a, b)
	c := r.dial()
	f := func(prefer string, status int, applied string) {
		t.Helper()
		got := c.do(preferring(prefer, "x"))
		if got.status != status || strings.Join(got.header["Preference-Applied"], "; ") != applied {
			t.Errorf("%s: %+v", prefer, got)
		}
	}
	f("wait=5", 201, "wait=5")
	f("wait=5, respond-async", 201, "wait=5")
	f("return=minimal", 201, "")
	a.behave(func(*fakeRequest) reaction {
		return reaction{raw: "HTTP/1.1 201 Created\r\nPreference-Applied: return=minimal\r\nContent-Length: 0\r\n\r\n"}
	})
	f("wait=5, return=minimal", 201, "return=minimal; wait=5")
	a.behave(func(*fakeRequest) reaction {
		return reaction{raw: "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nshort", close: true}
	})
	b.behave(func(*fakeRequest) reaction {
		return reaction{raw: "HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nshort", close: true}
	})
	f("wait=5", 201, "wait=5") // of which only the status is known
	a.behave(script(201))
	b.behave(script(500))
	f("wait=5", 502, "wait=5")
}

package fanout

import (
	"testing"
)

func TestAWriteReachesEveryBackendAndTheFirstOnesAnswerComesBack(t *testing.T) {
	a, b, c := newFake(t, "a", nil), newFake(t, "b", nil), newFake(t, "c", nil)
	r := rigOf(t, nil, a, b, c)
	client := r.dial()
	for i := range 5 {
		got := client.do(post("/register?x=%20y", "username=schef"))
		if got.status != 201 || got.body != "done on a" || got.header.Get("X-From") != "a" {
			t.Fatalf("write %d: %+v", i, got)
		}
	}
	for _, f := range []*fake{a, b, c} {
		reqs := f.requests()
		if len(reqs) != 5 {
			t.Fatalf("%s got %d writes", f.name, len(reqs))
		}
		for i, q := range reqs {
			if q.Method != "POST" || q.RequestURI != "/register?x=%20y" || q.Host != "replicas.test" || q.body != "username=schef" {
				t.Errorf("%s got %+v", f.name, q)
			}
			if q.key() != a.requests()[i].key() || len(q.key()) != 34 {
				t.Errorf("%s: Idempotency-Key %q, a has %q", f.name, q.key(), a.requests()[i].key())
			}
		}
	}
	r.settled(5)
}

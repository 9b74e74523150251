package main

import (
	"testing"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// good is an outcome in which all is well; each case breaks one thing of it.
func good() outcome {
	r := newRecording([]string{"server1", "server2"})
	for range 3 {
		r.read(&vegeta.Result{Code: 200})
		r.write(&vegeta.Result{Code: 201})
	}
	last := sample{accepted: 3, settled: 3, backends: make([]backendSample, 2)}
	r.sampled(last)
	return outcome{
		recording: r, last: last, settled: settling{ok: true},
		states: []state{{Writes: 3, Users: 1, Digest: "abc"}, {Writes: 3, Users: 1, Digest: "abc"}},
	}
}

func TestTheVerdictFindsEachThingThatIsBad(t *testing.T) {
	t.Parallel()
	if v := judge(good()); !v.Good() || len(v.Checks) != 7 {
		t.Fatalf("all is well: %+v", v.Checks)
	}
	for want, spoil := range map[string]func(o *outcome){
		"Every write is on every backend":     func(o *outcome) { o.states[1].Writes = 2 },
		"All backends agree":                  func(o *outcome) { o.states[1].Digest = "abd" },
		"Every write was answered 201 or 202": func(o *outcome) { o.recording.write(&vegeta.Result{Code: 502}) },
		"Every read was answered 200":         func(o *outcome) { o.recording.read(&vegeta.Result{Error: "EOF"}) },
		"Nothing is owed or parked":           func(o *outcome) { o.settled = settling{took: time.Minute} },
		"accepted = settled + pending + parked, always": func(o *outcome) {
			o.recording.sampled(sample{accepted: 2, settled: 1, backends: make([]backendSample, 2)})
		},
		"Tutti ended cleanly": func(o *outcome) { o.code = 1 },
	} {
		o := good()
		spoil(&o)
		v := judge(o)
		for _, c := range v.Checks {
			if c.Good == (c.What == want) {
				t.Errorf("%s is bad: it says %v of %s", want, c.Good, c.What)
			}
		}
	}
	o := good() // a write the client was told of, but nobody has
	o.recording.write(&vegeta.Result{Code: 201})
	if judge(o).Good() {
		t.Error("a lost write is not found")
	}
}

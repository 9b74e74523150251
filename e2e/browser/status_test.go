package browser

import (
	"encoding/json"
	"io"
)

// status is what these tests need of /-/status.
type status struct {
	Writes struct {
		Accepted, Settled, Pending, Parked int
	}
	Backends []struct {
		Name, State string
		Up          bool
		Owed        int
	}
}

// statusOf asks for the status.
func statusOf(r *rig) status {
	r.t.Helper()
	resp, err := r.client.Get(r.page() + "-/status")
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	var s status
	if err := json.Unmarshal(text, &s); err != nil {
		r.t.Fatalf("%v: %s", err, text)
	}
	return s
}

package admin

import (
	"time"

	"github.com/valyala/fasthttp"

	"tutti/metrics"
)

// status is the JSON of /-/status.
type status struct {
	Version       string          `json:"version"`
	Started       time.Time       `json:"started"`
	UptimeSeconds int64           `json:"uptime_seconds"`
	Listen        string          `json:"listen"`
	Ready         bool            `json:"ready"`
	Stopping      bool            `json:"stopping"`
	Clients       clientStatus    `json:"clients"`
	Writes        writesStatus    `json:"writes"`
	Backends      []backendStatus `json:"backends"`
}

type clientStatus struct {
	Active   int    `json:"active"` // the sum of the next three
	Reading  int    `json:"reading"`
	Writing  int    `json:"writing"`
	Waiting  int    `json:"waiting"`
	Requests uint64 `json:"requests"`
}

// writesStatus: accepted = settled + pending + parked.
type writesStatus struct {
	Accepted     uint64 `json:"accepted"`
	Settled      uint64 `json:"settled"`
	Pending      uint64 `json:"pending"`
	Parked       uint64 `json:"parked"`
	PendingBytes int64  `json:"pending_bytes"`
}

type backendStatus struct {
	Name              string           `json:"name"`
	State             string           `json:"state"` // "live", "ejected", "unhealthy" or "drained"
	Since             time.Time        `json:"since"`
	Up                bool             `json:"up"` // neither ejected nor unhealthy, its last connection worked: writes are tried at once
	Connections       connectionStatus `json:"connections"`
	Owed              int              `json:"owed"` // deliveries
	OldestOwedSeconds float64          `json:"oldest_owed_seconds"`
	Parked            int              `json:"parked"` // deliveries
	Lacks             int              `json:"lacks"`  // answered writes it has not got
}

type connectionStatus struct {
	Idle    int `json:"idle"`
	Active  int `json:"active"`
	Waiting int `json:"waiting"` // for one of them to be free
}

func (s *Server) status(ctx *fasthttp.RequestCtx, _ string) {
	front, writes := s.o.Front(), s.o.Writes.Snapshot()
	st := status{
		Version:       s.o.Version,
		Started:       s.o.Started.UTC().Round(time.Millisecond),
		UptimeSeconds: int64(time.Since(s.o.Started).Seconds()),
		Listen:        s.o.Listen,
		Ready:         s.unready() == "",
		Stopping:      s.o.Stopping(),
		Clients: clientStatus{
			Active: front.Active, Reading: front.Reading, Writing: front.Writing,
			Waiting: front.Waiting, Requests: front.Requests,
		},
		Writes: writesStatus{
			Accepted: writes.Accepted, Settled: writes.Settled, Pending: writes.Pending,
			Parked: writes.Parked, PendingBytes: writes.PendingBytes,
		},
		Backends: make([]backendStatus, len(s.o.Backends)),
	}
	for i, b := range s.o.Backends {
		st.Backends[i] = describe(b, owedTo(writes, i))
	}
	replyJSON(ctx, st)
}

// owedTo is what the i-th backend is owed.
func owedTo(w metrics.Writes, i int) metrics.BackendWrites {
	if i < len(w.Backends) {
		return w.Backends[i]
	}
	return metrics.BackendWrites{}
}

func describe(b Backend, owed metrics.BackendWrites) backendStatus {
	state, since := b.State()
	st := b.Stats()
	return backendStatus{
		Name:              b.Name(),
		State:             state.String(),
		Since:             time.Unix(0, since).UTC().Round(time.Millisecond),
		Up:                b.Up(),
		Connections:       connectionStatus{Idle: st.Idle, Active: st.Active, Waiting: st.Waiting},
		Owed:              owed.Owed,
		OldestOwedSeconds: owed.OldestSeconds,
		Parked:            owed.Parked,
		Lacks:             st.Lacks,
	}
}

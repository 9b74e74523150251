package admin

import (
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"tutti/backend"
	"tutti/metrics"
)

// status is the JSON of /-/status.
type status struct {
	Version       string          `json:"version"`
	Started       time.Time       `json:"started"`
	Now           time.Time       `json:"now"`
	UptimeSeconds int64           `json:"uptime_seconds"`
	Listen        string          `json:"listen"`
	Ready         bool            `json:"ready"`
	Stopping      bool            `json:"stopping"`
	Changes       string          `json:"changes"` // what may change something: "open", "token" or "refused"
	Clients       clientStatus    `json:"clients"`
	Writes        writesStatus    `json:"writes"`
	Backends      []backendStatus `json:"backends"`
	History       *history        `json:"history,omitempty"` // if it was asked for
}

type clientStatus struct {
	Active   int     `json:"active"` // the sum of the next three
	Reading  int     `json:"reading"`
	Writing  int     `json:"writing"`
	Waiting  int     `json:"waiting"`
	Requests uint64  `json:"requests"`
	Rate     measure `json:"rate"` // requests per second, in the last 10 s
}

// writesStatus: accepted = settled + pending + parked.
type writesStatus struct {
	Accepted     uint64  `json:"accepted"`
	Settled      uint64  `json:"settled"`
	Pending      uint64  `json:"pending"`
	Parked       uint64  `json:"parked"`
	PendingBytes int64   `json:"pending_bytes"`
	Rate         measure `json:"rate"` // accepted per second, in the last 10 s
}

type backendStatus struct {
	Name              string           `json:"name"`
	State             string           `json:"state"`                // "live", "ejected", "unhealthy", "drained" or "held"
	Since             time.Time        `json:"since"`                // the last change of state or up
	Up                bool             `json:"up"`                   // neither ejected nor unhealthy, its last connection worked: writes are tried at once, if it is not held
	DownSince         *time.Time       `json:"down_since,omitempty"` // up turned false, and it has not yet answered since
	Why               string           `json:"why,omitempty"`        // that is so: a word of Proxy-Status, or what a check found
	Connections       connectionStatus `json:"connections"`
	Recent            recent           `json:"recent"`
	Total             totals           `json:"total"`
	Owed              int              `json:"owed"` // deliveries
	OldestOwedSeconds float64          `json:"oldest_owed_seconds"`
	Parked            int              `json:"parked"`  // deliveries
	Lacks             int              `json:"lacks"`   // answered writes it has not got
	Actions           []string         `json:"actions"` // what POST /-/backends/{name}/{action} would change
}

type connectionStatus struct {
	Idle    int `json:"idle"`
	Active  int `json:"active"`
	Waiting int `json:"waiting"` // for one of them to be free
}

// totals are since the start.
type totals struct {
	Reads        uint64 `json:"reads"`         // it was chosen for
	Answered     uint64 `json:"answered"`      // exchanges, with any status
	ServerErrors uint64 `json:"server_errors"` // of those with 5xx
	Unanswered   uint64 `json:"unanswered"`    // exchanges
}

func (s *Server) status(ctx *fasthttp.RequestCtx, _ string) {
	q, p := query(ctx, "history_after")
	if p != nil {
		refuse(ctx, p)
		return
	}
	st := s.current()
	if text, ok := q["history_after"]; ok && text != "" {
		after, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			refuse(ctx, bad("history_after must be a time in Unix milliseconds, as history.times has it; 0: all there is."))
			return
		}
		st.History = s.sampler.since(after)
	}
	replyJSON(ctx, st)
}

// current is the status now.
func (s *Server) current() *status {
	front, writes, recent := s.o.Front(), s.o.Writes.Snapshot(), s.sampler.latest()
	st := &status{
		Version:       s.o.Version,
		Started:       s.o.Started.UTC().Round(time.Millisecond),
		Now:           time.Now().UTC().Round(time.Millisecond),
		UptimeSeconds: int64(time.Since(s.o.Started).Seconds()),
		Listen:        s.o.Listen,
		Ready:         s.unready() == "",
		Stopping:      s.o.Stopping(),
		Changes:       s.guard.changes(),
		Clients: clientStatus{
			Active: front.Active, Reading: front.Reading, Writing: front.Writing,
			Waiting: front.Waiting, Requests: front.Requests, Rate: recent.requests,
		},
		Writes: writesStatus{
			Accepted: writes.Accepted, Settled: writes.Settled, Pending: writes.Pending,
			Parked: writes.Parked, PendingBytes: writes.PendingBytes, Rate: recent.accepted,
		},
		Backends: make([]backendStatus, len(s.o.Backends)),
	}
	for i, b := range s.o.Backends {
		st.Backends[i] = describe(b, owedTo(writes, i), recent.backends[i])
	}
	return st
}

// owedTo is what the i-th backend is owed.
func owedTo(w metrics.Writes, i int) metrics.BackendWrites {
	if i < len(w.Backends) {
		return w.Backends[i]
	}
	return metrics.BackendWrites{}
}

func describe(b Backend, owed metrics.BackendWrites, recent recent) backendStatus {
	state, since := b.State()
	st := b.Stats()
	d := backendStatus{
		Name:              b.Name(),
		State:             state.String(),
		Since:             moment(since),
		Up:                b.Up(),
		Connections:       connectionStatus{Idle: st.Idle, Active: st.Active, Waiting: st.Waiting},
		Recent:            recent,
		Owed:              owed.Owed,
		OldestOwedSeconds: owed.OldestSeconds,
		Parked:            owed.Parked,
		Lacks:             st.Lacks,
		Actions:           actions(state, owed),
	}
	if down, why := b.Down(); down != 0 {
		at := moment(down)
		d.DownSince, d.Why = &at, why
	}
	var counted metrics.Exchanges
	b.Metrics().Look(&counted)
	d.Total = totals{
		Reads: st.Reads, Answered: counted.Answered, ServerErrors: counted.ServerErrors, Unanswered: counted.Unanswered,
	}
	return d
}

// moment is a time as the pages have it.
func moment(unixNanos int64) time.Time { return time.Unix(0, unixNanos).UTC().Round(time.Millisecond) }

// actions are what an operator can do to a backend in a state that makes a difference.
func actions(s backend.State, owed metrics.BackendWrites) []string {
	all := modes(s)
	if owed.Parked > 0 || owed.OldestSeconds >= 1 { // more than what is on its way
		all = append(all, "forget")
	}
	return all
}

// modes are those of the actions that change what it is sent.
func modes(s backend.State) []string {
	switch s {
	case backend.Held:
		return []string{"resume", "drain"}
	case backend.Drained:
		return []string{"resume", "hold"}
	case backend.Ejected:
		return []string{"resume", "drain", "hold"}
	case backend.Live, backend.Unhealthy:
	}
	return []string{"drain", "hold"}
}

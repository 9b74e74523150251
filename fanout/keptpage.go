package fanout

import "time"

// keptPage is a View as the journal keeps it: backends by name, whatever their order will be.
type keptPage struct {
	ID       string         `json:"id"`
	State    string         `json:"state"`
	Accepted time.Time      `json:"accepted"`
	Method   string         `json:"method"`
	Path     string         `json:"path"`
	Sequence uint64         `json:"sequence"`
	Backends []keptDelivery `json:"backends"`
}

type keptDelivery struct {
	Backend  string `json:"backend"`
	State    string `json:"state"`
	Attempts int    `json:"attempts,omitempty"`
	Status   int    `json:"status,omitempty"`
	Error    string `json:"error,omitempty"`
}

func keptPageOf(v *View) *keptPage {
	p := &keptPage{
		ID: v.ID, State: v.State, Accepted: v.Accepted, Method: v.Method, Path: v.Path, Sequence: v.Sequence,
	}
	for _, b := range v.Backends {
		p.Backends = append(p.Backends, keptDelivery{
			Backend: b.Backend.Name, State: b.State, Attempts: b.Attempts, Status: b.Status, Error: b.Error,
		})
	}
	return p
}

func (p *keptPage) view() View {
	v := View{
		ID: p.ID, State: p.State, Durable: true, Accepted: p.Accepted, Method: p.Method, Path: p.Path, Sequence: p.Sequence,
		Backends: make([]DeliveryView, len(p.Backends)),
	}
	for i, b := range p.Backends {
		v.Backends[i] = DeliveryView{
			Backend: Ref{Name: b.Backend}, State: b.State, Attempts: b.Attempts, Status: b.Status, Error: b.Error,
		}
	}
	return v
}

// public leaves out what is nobody's business on --listen: names, and what the request was.
// Backends that are not there any more have no position.
func (f *Fanout) public(v View) View {
	v.Method, v.Path, v.Sequence = "", "", 0
	for i := range v.Backends {
		b := &v.Backends[i]
		for _, t := range f.deliverers {
			if t.b.Name() == b.Backend.Name {
				b.Backend.Position = t.index + 1
			}
		}
		b.Backend.Name = ""
	}
	return v
}

package metrics

import (
	"bytes"
	"io"
	"strconv"

	vm "github.com/VictoriaMetrics/metrics"
)

// ContentType is that of what WritePrometheus writes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// WritePrometheus writes one scrape, Go's and the process's series included, with one Write.
// It may be called concurrently: scrapes are made one after the other, but a slow w holds up
// nobody else. A nil *Set writes nothing.
func (s *Set) WritePrometheus(w io.Writer) {
	if s == nil {
		return
	}
	_, _ = w.Write(s.collect()) // a scraper that left is nobody's error
}

func (s *Set) collect() []byte {
	s.scrape.Lock()
	defer s.scrape.Unlock()
	s.out.Reset()
	s.vm.WritePrometheus(&s.out)
	p := printer{&s.out}
	l := s.look()
	s.printAttempts(p, l)
	s.printGauges(p, l)
	s.printWrites(p, l)
	vm.WriteProcessMetrics(&s.out)
	vm.WriteFDMetrics(&s.out)
	return withHelp(s.out.Bytes(), s.help)
}

func (s *Set) printAttempts(p printer, l look) {
	var delivered, failed uint64
	p.family("target_domain_success_counter_total", "counter")
	for i, b := range s.backends {
		p.sample("target_domain_success_counter_total", "domain", b.label, l.backends[i].delivered)
		delivered += l.backends[i].delivered
	}
	p.family("target_domain_failed_counter_total", "counter")
	for i, b := range s.backends {
		p.sample("target_domain_failed_counter_total", "domain", b.label, l.backends[i].failed)
		failed += l.backends[i].failed
	}
	p.plain("Total_domains_success_counter_total", "counter", delivered)
	p.plain("Total_domains_failed_counter_total", "counter", failed)
}

func (s *Set) printGauges(p printer, l look) {
	p.family("tutti_requests_in_flight", "gauge")
	for _, r := range []*Route{s.balance, s.fanout} {
		p.sample("tutti_requests_in_flight", "route", r.name, count(r.inFlight.Load()))
	}
	p.plain("tutti_client_connections", "gauge", count(l.clients))
	p.plain("tutti_access_log_dropped_total", "counter", l.dropped)
	p.family("tutti_backend_up", "gauge")
	for i, b := range s.backends {
		var up uint64
		if l.backends[i].up {
			up = 1
		}
		p.sample("tutti_backend_up", "backend", b.label, up)
	}
	p.family("tutti_backend_connections", "gauge")
	for i, b := range s.backends {
		at := l.backends[i]
		p.sample("tutti_backend_connections", "backend", b.label+`",state="idle`, count(at.idle))
		p.sample("tutti_backend_connections", "backend", b.label+`",state="active`, count(at.active))
	}
}

func (s *Set) printWrites(p printer, l look) {
	p.plain("tutti_writes_accepted_total", "counter", l.writes.Accepted)
	p.plain("tutti_writes_settled_total", "counter", l.writes.Settled)
	p.plain("tutti_unkeyed_writes_total", "counter", l.writes.Unkeyed)
	p.plain("tutti_writes_pending", "gauge", l.writes.Pending)
	p.plain("tutti_writes_parked", "gauge", l.writes.Parked)
	p.plain("tutti_writes_pending_bytes", "gauge", count(l.writes.PendingBytes))
	p.plain("tutti_journal_bytes", "gauge", count(l.journal))
	p.family("tutti_owed_writes", "gauge")
	for i, b := range s.backends {
		p.sample("tutti_owed_writes", "backend", b.label, count(l.backends[i].writes.Owed))
	}
	p.family("tutti_oldest_owed_seconds", "gauge")
	for i, b := range s.backends {
		p.float("tutti_oldest_owed_seconds", "backend", b.label, l.backends[i].writes.OldestSeconds)
	}
	p.family("tutti_parked_writes", "gauge")
	for i, b := range s.backends {
		p.sample("tutti_parked_writes", "backend", b.label, count(l.backends[i].writes.Parked))
	}
}

// count is a gauge's number; one read in the middle of a change may be below zero for a moment.
func count[T int | int64](n T) uint64 { return uint64(max(n, 0)) }

// printer writes series the library's set does not hold.
type printer struct{ out *bytes.Buffer }

// family begins the series of one name.
func (p printer) family(name, kind string) { vm.WriteMetadataIfNeeded(p.out, name, kind) }

func (p printer) plain(name, kind string, v uint64) {
	p.family(name, kind)
	p.out.WriteString(name)
	p.value(v)
}

func (p printer) sample(name, label, value string, v uint64) {
	p.labelled(name, label, value)
	p.value(v)
}

func (p printer) float(name, label, value string, v float64) {
	p.labelled(name, label, value)
	p.out.WriteByte(' ')
	p.out.Write(strconv.AppendFloat(p.out.AvailableBuffer(), v, 'g', -1, 64))
	p.out.WriteByte('\n')
}

func (p printer) labelled(name, label, value string) {
	p.out.WriteString(name)
	p.out.WriteByte('{')
	p.out.WriteString(label)
	p.out.WriteString(`="`)
	p.out.WriteString(value)
	p.out.WriteString(`"}`)
}

func (p printer) value(v uint64) {
	p.out.WriteByte(' ')
	p.out.Write(strconv.AppendUint(p.out.AvailableBuffer(), v, 10))
	p.out.WriteByte('\n')
}

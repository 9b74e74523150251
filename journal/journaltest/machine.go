package journaltest

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"tutti/journal"
)

// machine drives an engine and the model in step.
type machine struct {
	*store
	names  []string
	now    *model
	past   []*model // what a crash may leave, now the last; the first was synced
	wrote  bool
	used   map[uint64]bool
	last   uint64
	secret [16]byte
}

// pool are the sequences of the property's runs: at the edges of blocks and far apart.
var pool = func() (seqs []uint64) {
	const edge = base/journal.BlockSize*journal.BlockSize + journal.BlockSize
	for i := range uint64(12) {
		seqs = append(seqs, edge-6+i, edge+1<<32+i*1000)
	}
	return append(seqs, 1, 2, 3, 1<<63+5)
}()

func testModel(t *testing.T, made func(*testing.T) Engine) {
	rapid.Check(t, func(r *rapid.T) {
		m := &machine{
			store: &store{TB: r, t: t, Engine: made(t)},
			now:   newModel(), used: map[uint64]bool{},
		}
		m.past = []*model{m.now.clone()}
		m.openWith(nil, []string{"a", "b"})
		m.secret = m.state.Secret
		defer func() {
			if m.j != nil {
				_ = m.j.Close()
			}
		}()
		actions := map[string]func(*rapid.T){
			"append": m.appends, "update": m.updates, "expire": m.expires, "reopen": m.reopen, "": m.check,
		}
		if m.Crash != nil {
			actions["crash"] = m.crash
		}
		r.Repeat(actions)
	})
}

func (m *machine) write() {
	if !m.wrote {
		m.now.register(m.names)
		m.wrote = true
	}
}

func (m *machine) synced()   { m.past = []*model{m.now.clone()} }
func (m *machine) unsynced() { m.past = append(m.past, m.now.clone()) }

func (m *machine) appends(r *rapid.T) {
	var free []uint64
	for _, seq := range pool {
		if !m.used[seq] {
			free = append(free, seq)
		}
	}
	if len(free) == 0 {
		return
	}
	seqs := rapid.SliceOfNDistinct(rapid.SampledFrom(free), 1, min(3, len(free)), rapid.ID[uint64]).Draw(r, "seqs")
	// Which of two under one key is the last can't be told if they come at once.
	scoped := false
	seqs = slices.DeleteFunc(seqs, func(seq uint64) bool {
		second := scoped && entry(seq).Scope != journal.Scope{}
		scoped = scoped || entry(seq).Scope != journal.Scope{}
		return second
	})
	var running sync.WaitGroup
	for _, seq := range seqs {
		m.used[seq] = true
		m.last = max(m.last, seq)
		running.Go(func() {
			if err := m.j.Append(entry(seq)); err != nil {
				m.Errorf("append: %v", err)
			}
		})
	}
	running.Wait()
	m.write()
	for _, seq := range seqs {
		m.now.append(seq)
	}
	m.synced()
}

func (m *machine) updates(r *rapid.T) {
	u := m.drawUpdate(r)
	m.must(m.j.Update(u))
	m.write()
	m.now.update(m.names, u)
	m.unsynced()
	if u.Sync {
		m.synced()
	}
}

func (m *machine) drawUpdate(r *rapid.T) *journal.Update {
	u := &journal.Update{Sync: rapid.Bool().Draw(r, "sync")}
	seq, backend := rapid.SampledFrom(pool), rapid.IntRange(0, len(m.names)-1)
	kind := rapid.SliceOfNDistinct(rapid.IntRange(0, 5), 1, 3, rapid.ID[int]).Draw(r, "kinds")
	for _, k := range kind {
		switch k {
		case 0:
			at := seq.Draw(r, "block of")
			var b journal.Bits
			for _, s := range rapid.SliceOf(seq).Draw(r, "done") {
				if m.now.live[s] && journal.Block(s) == journal.Block(at) {
					b[s%journal.BlockSize/64] |= 1 << (s % 64)
				}
			}
			u.Done = append(u.Done, journal.DoneBlock{Backend: backend.Draw(r, "backend"), Block: journal.Block(at), Bits: b})
		case 1:
			u.Notes = append(u.Notes, journal.Noted{Backend: backend.Draw(r, "backend"), Seq: seq.Draw(r, "noted"), Note: journal.Note{
				State: journal.NoteState(rapid.IntRange(0, int(journal.NoteDropped)).Draw(r, "state")),
				Word:  rapid.SampledFrom([]string{"", "word"}).Draw(r, "word"),
			}})
		case 2:
			u.Settled = rapid.SliceOfN(seq, 1, 8).Draw(r, "settled")
		case 3:
			at := seq.Draw(r, "kept")
			u.Kept = append(u.Kept, journal.Kept{
				Seq: at, Scope: entry(at).Scope, Data: []byte{byte(at)},
				Expires: int64(rapid.IntRange(0, 5).Draw(r, "expires")),
			})
		case 4:
			u.Forget = rapid.SliceOfN(seq, 1, 4).Draw(r, "forget")
		case 5:
			u.Flags = append(u.Flags, journal.Flags{
				Backend: backend.Draw(r, "backend"),
				Drained: rapid.Bool().Draw(r, "drained"), Held: rapid.Bool().Draw(r, "held"),
			})
		}
	}
	return u
}

func (m *machine) expires(r *rapid.T) {
	now := int64(rapid.IntRange(0, 5).Draw(r, "now"))
	before := len(m.now.kept)
	m.expire(now, m.now.expire(now))
	if len(m.now.kept) < before {
		m.write()
		m.unsynced()
	}
}

// check looks at what can be seen without a restart.
func (m *machine) check(r *rapid.T) {
	for _, seq := range pool {
		var e journal.Entry
		err := m.j.Read(seq, &e)
		if !m.now.live[seq] {
			m.is(err, journal.ErrNotFound)
			continue
		}
		m.must(err)
		for i, name := range m.names {
			got, err := m.j.Note(i, seq)
			m.must(err)
			var want journal.Note
			if b := m.now.known[name]; b != nil {
				want = b.notes[seq]
			}
			if got != want {
				r.Fatalf("noted of %d at %s is %+v, want %+v", seq, name, got, want)
			}
		}
	}
	m.checkRecords(r)
}

func (m *machine) checkRecords(r *rapid.T) {
	for _, seq := range pool {
		got, err := m.j.Kept(seq)
		want, ok := m.now.kept[seq]
		if !ok {
			m.is(err, journal.ErrNotFound)
			continue
		}
		m.must(err)
		if got.Seq != seq || got.Scope != want.Scope || got.Expires != want.Expires || !bytes.Equal(got.Data, want.Data) {
			r.Fatalf("kept of %d is %+v, want %+v", seq, got, want)
		}
	}
	for i := range uint64(3) {
		m.scoped(scope(i), m.now.scoped[scope(i)])
	}
}

func (m *machine) reopen(r *rapid.T) {
	m.close()
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 3, rapid.ID[string]).Draw(r, "names")
	var forget []string
	for _, name := range []string{"a", "b", "c", "d"} {
		if !slices.Contains(names, name) && rapid.Bool().Draw(r, "forget") {
			forget = append(forget, name)
			delete(m.now.known, name)
		}
	}
	m.synced()
	m.openWith(forget, names)
}

func (m *machine) openWith(forget, names []string) {
	m.names, m.wrote = names, false
	m.openForgetting(forget, names...)
	m.look()
}

// look finds which of the possible pasts the journal holds, and goes on from there.
func (m *machine) look() {
	m.Helper()
	if m.state.Last < m.last {
		m.Fatalf("last is %d, but %d was used", m.state.Last, m.last)
	}
	if m.secret != [16]byte{} && m.state.Secret != m.secret {
		m.Fatalf("the secret is another one")
	}
	got := m.view(m.names, pool)
	for _, past := range slices.Backward(m.past) {
		if past.view(m.names) == got {
			m.now = past
			m.synced()
			return
		}
	}
	m.Fatalf("it holds\n%s\nwant\n%s\nor one of %d before", got, m.now.view(m.names), len(m.past)-1)
}

func (m *machine) crash(*rapid.T) {
	m.Crash()
	m.j = nil
	m.openWith(nil, m.names)
	// Whether the first thing written after the last Open was lost can't be seen in everything.
	m.must(m.j.Update(&journal.Update{Sync: true}))
	m.write()
	m.synced()
}

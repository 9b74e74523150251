package disk

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"tutti/journal"
)

// BenchmarkAppend is a write of half a kilobyte, durable, by so many at once: on the disk of the
// temporary directory, and in memory, which leaves out the disk and shows what the rest costs.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("disk/writers=%d", writers), func(b *testing.B) { benchmarkAppend(b, nil, writers) })
		b.Run(fmt.Sprintf("memory/writers=%d", writers), func(b *testing.B) { benchmarkAppend(b, vfs.NewMem(), writers) })
	}
}

func benchmarkAppend(b *testing.B, fs vfs.FS, writers int) {
	j := benchmarkJournal(b, fs)
	b.SetBytes(512)
	b.SetParallelism(max(1, writers/runtime.GOMAXPROCS(0)))
	if writers == 1 {
		var seq uint64
		e := benchmarkEntry()
		for b.Loop() {
			seq++
			e.Seq = seq
			if err := j.Append(e); err != nil {
				b.Fatal(err)
			}
		}
		return
	}
	var seq atomic.Uint64
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		e := benchmarkEntry()
		for p.Next() {
			e.Seq = seq.Add(1)
			if err := j.Append(e); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// BenchmarkUpdate is a note that 4,096 writes are delivered to three backends and settled, as the fan-out
// gathers them.
func BenchmarkUpdate(b *testing.B) {
	j := benchmarkJournal(b, vfs.NewMem())
	if err := j.Append(benchmarkEntry()); err != nil {
		b.Fatal(err)
	}
	u := &journal.Update{Done: make([]journal.DoneBlock, 3), Settled: make([]uint64, 4096)}
	var block uint64
	b.ReportAllocs()
	for b.Loop() {
		block++
		for i := range u.Done {
			u.Done[i] = journal.DoneBlock{Backend: i, Block: block}
			for k := range u.Done[i].Bits {
				u.Done[i].Bits[k] = ^uint64(0)
			}
		}
		for i := range u.Settled {
			u.Settled[i] = block*4096 + uint64(i)
		}
		if err := j.Update(u); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkEntry() *journal.Entry {
	return &journal.Entry{Seq: 1, Method: []byte("POST"), Target: []byte("/register"), Request: make([]byte, 450)}
}

func benchmarkJournal(b *testing.B, fs vfs.FS) journal.Journal {
	o := Options{Dir: b.TempDir() + "/journal", Backends: []string{"a", "b", "c"}, FS: fs}
	if fs != nil {
		o.Dir = "/journal"
	}
	j, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := j.Close(); err != nil {
			b.Error(err)
		}
	})
	return j
}

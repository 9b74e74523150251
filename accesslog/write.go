package accesslog

import (
	"bytes"
	"os"
	"time"
)

// write is the goroutine that writes. It waits for a line, then until a block is full but not
// long, and writes all there is.
func (l *Log) write() {
	defer close(l.done)
	defer l.closeFile()
	soon := time.NewTimer(time.Hour)
	soon.Stop()
	for {
		select {
		case <-l.some:
			soon.Reset(flushTime)
		case <-soon.C:
			l.flush(true)
		case <-l.many:
			l.flush(false)
			soon.Reset(flushTime)
		case ended := <-l.reopen:
			l.flush(true)
			ended <- l.again()
		case <-l.stop:
			l.flush(true)
			return
		}
	}
}

// flush writes what waited when it was called, without all only full blocks. More may have
// come meanwhile: it comes back to that, after what else there is to do.
func (l *Log) flush(all bool) {
	for range maxBlocks {
		b := l.queue.take(all)
		if b.lines == 0 {
			return
		}
		l.writeBlock(b)
		l.queue.give(b)
	}
	signal(l.many)
}

// writeBlock writes b. What can't be written is dropped; a line that was cut off is ended
// before the next, so that only one is spoilt.
func (l *Log) writeBlock(b block) {
	p, file := b.b, l.file.Load()
	if l.torn {
		if _, err := file.Write(newline); err != nil {
			l.drop(b.lines)
			return
		}
		l.torn = false
	}
	n, err := file.Write(p)
	if err == nil {
		return
	}
	l.torn = n > 0 && p[n-1] != '\n'
	l.drop(uint64(bytes.Count(p[n:], newline)))
}

var newline = []byte("\n")

// again opens the file by its name and goes on with it.
func (l *Log) again() error {
	if l.o.Path == "-" {
		return nil
	}
	file, err := open(l.o.Path)
	if err != nil {
		return err
	}
	_ = l.file.Swap(file).Close()
	l.torn = false
	return nil
}

func (l *Log) closeFile() {
	if file := l.file.Load(); file != os.Stdout {
		_ = file.Close()
	}
}

// warn is the goroutine that says that lines were dropped, for which the one that writes may
// have no time.
func (l *Log) warn() {
	said := uint64(0)
	for {
		select {
		case <-l.lost:
		case <-l.stop:
			return
		}
		total := l.dropped.Load()
		l.o.Log.Warn("access log: lines dropped, the file can't be written or is too slow",
			"lines", total-said, "file", l.o.Path)
		said = total
		pause := time.NewTimer(warnTime)
		select {
		case <-pause.C:
		case <-l.stop:
			pause.Stop()
			return
		}
	}
}

package accesslog

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Log is an access log that is being written.
type Log struct {
	o       Options
	queue   queue
	dropped atomic.Uint64

	some, many chan struct{} // of one each: there is a line, a block is full
	lost       chan struct{} // of one: lines were dropped
	reopen     chan chan error
	stop       chan struct{}
	running    sync.WaitGroup
	done       chan struct{} // closed when writing has ended

	file atomic.Pointer[os.File] // of the writing goroutine; Close may interrupt it
	torn bool                    // its last write ended inside a line
}

// Open opens the file and begins to write. Errors say what is wrong with the file.
func Open(o Options) (*Log, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	file, err := open(o.Path)
	if err != nil {
		return nil, err
	}
	l := &Log{
		o:    o,
		some: make(chan struct{}, 1), many: make(chan struct{}, 1), lost: make(chan struct{}, 1),
		reopen: make(chan chan error), stop: make(chan struct{}), done: make(chan struct{}),
	}
	l.file.Store(file)
	go l.write()
	l.running.Go(l.warn)
	return l, nil
}

// open opens a file to append to. A pipe that nobody reads is an error, not a wait.
func open(path string) (*os.File, error) {
	if path == "-" {
		return os.Stdout, nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY|syscall.O_NONBLOCK, 0o640)
	switch {
	case errors.Is(err, syscall.ENXIO):
		return nil, fmt.Errorf("cannot open the access log %q: nobody reads the pipe", path)
	case err != nil:
		return nil, fmt.Errorf("cannot open the access log: %w", err)
	}
	return f, nil
}

// Format is how its lines look.
func (l *Log) Format() Format { return l.o.Format }

// Add adds a line, which is copied. It never waits: a line there is no room for is dropped and
// counted.
func (l *Log) Add(line []byte) {
	switch l.queue.add(line) {
	case some:
		signal(l.some)
	case many:
		signal(l.many)
	case dropped:
		l.drop(1)
	case nothing:
	}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Dropped is how many lines were not written: the file did not keep up, or was full. A nil
// *Log dropped none.
func (l *Log) Dropped() uint64 {
	if l == nil {
		return 0
	}
	return l.dropped.Load()
}

func (l *Log) drop(lines uint64) {
	l.dropped.Add(lines)
	signal(l.lost)
}

// Reopen writes what waits and opens the file by its name again, which logrotate has moved
// away. When that can't be done the old one stays in use. For standard output it only writes.
// It waits at most two seconds for a file that takes nothing.
func (l *Log) Reopen() error {
	ended := make(chan error, 1)
	late := time.NewTimer(closeTime)
	defer late.Stop()
	select {
	case l.reopen <- ended:
	case <-l.done:
		return os.ErrClosed
	case <-late.C:
		return errStuck
	}
	select {
	case err := <-ended:
		return err
	case <-late.C:
		return errStuck
	}
}

var errStuck = errors.New("cannot open the access log again yet: the file takes nothing")

// Close writes what waits, for at most two seconds, and ends the log. Lines that come later
// are dropped.
func (l *Log) Close() error {
	l.queue.close()
	close(l.stop)
	l.running.Wait()
	late := time.NewTimer(closeTime)
	defer late.Stop()
	select {
	case <-l.done:
		return nil
	case <-late.C:
	}
	// A pipe can be interrupted, if not standard output: then the goroutine ends with the process.
	if l.o.Path != "-" && l.file.Load().SetWriteDeadline(time.Unix(1, 0)) == nil {
		<-l.done
	}
	return errors.New("cannot write the end of the access log: the file takes nothing")
}

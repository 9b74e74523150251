package main

import (
	"context"
	"os"
	"strings"
	"syscall"
	"time"
)

// flushTime is how much longer than the timeout the front may take at the drain's end, so that
// clients whose requests were given up still get their answer.
const flushTime = time.Second

// untilStopped serves until SIGTERM or SIGINT, then drains; a second one ends that at once.
// SIGHUP and SIGUSR1 never stop it. It returns the exit code.
func (s *service) untilStopped(signals <-chan os.Signal) int {
	for {
		select {
		case err := <-s.failed:
			s.log.Error("stopping", "error", err)
			s.stop(signals)
			return exitFailed
		case sig := <-signals:
			if sig == syscall.SIGHUP || sig == syscall.SIGUSR1 {
				s.reopen(sig)
				continue
			}
			s.log.Info("stopping", "signal", sig.String(), "delay", s.c.ShutdownDelay, "timeout", s.c.ShutdownTimeout)
			return s.stop(signals)
		}
	}
}

// reopen is what SIGHUP and SIGUSR1 ask for.
func (s *service) reopen(sig os.Signal) {
	s.reopenAccessLog()
	if s.pair == nil && s.access == nil {
		s.log.Info("nothing to re-open: the log is standard error", "signal", sig.String())
		return
	}
	if s.pair != nil {
		s.log.Info("reading the certificate again", "signal", sig.String())
		s.pair.Reload()
	}
}

// stop is the drain's order: not ready for the delay, then no new connections while what has
// begun is finished and what is owed is delivered, for at most the timeout.
func (s *service) stop(signals <-chan os.Signal) int {
	s.stopping.Store(true)
	s.tell("STOPPING=1")
	again, cancel := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-again.Done():
				return
			case sig := <-signals:
				if sig == syscall.SIGHUP || sig == syscall.SIGUSR1 {
					s.reopenAccessLog()
				} else {
					s.log.Warn("stopping at once", "signal", sig.String())
					cancel()
				}
			}
		}
	}()
	select {
	case <-time.After(s.c.ShutdownDelay):
	case <-again.Done():
	}
	s.drain(again)
	code := s.close()
	cancel()
	<-watched
	return code
}

// drain waits for clients and writes; what is not done when ctx or the timeout ends is cut by close.
func (s *service) drain(ctx context.Context) {
	if s.front == nil {
		return
	}
	writes, cancelWrites := context.WithTimeout(ctx, s.c.ShutdownTimeout)
	defer cancelWrites()
	clients, cancelClients := context.WithTimeout(ctx, s.c.ShutdownTimeout+flushTime)
	defer cancelClients()
	dismissed := context.AfterFunc(writes, func() {
		s.front.Dismiss() // first: what ends by the other is to know why
		s.group.HangUp()
	})
	defer dismissed()
	drained := make(chan error, 1)
	go func() { drained <- s.front.Drain(clients) }()
	err := s.fanout.Drain(writes)
	if cut := <-drained; cut != nil {
		s.log.Warn("cutting clients that are still being served", "connections", s.front.Stats().Active)
	}
	if err == nil {
		err = s.fanout.Drain(writes) // what the last clients wrote
	}
	if err != nil {
		s.log.Warn("writes are still owed", "pending", s.fanout.Snapshot().Pending)
	}
}

// close ends everything that was built and returns the exit code: writes that were only in
// memory and are given up are said, one line each, and make it 1.
func (s *service) close() int {
	s.stopping.Store(true)
	code := exitOK
	if s.group != nil {
		s.group.HangUp()
	}
	if s.front != nil {
		_ = s.front.Close()
	}
	if s.fanout != nil {
		first, total := s.fanout.Close()
		for _, w := range first {
			s.log.Error("write abandoned", "id", w.ID, "backends", strings.Join(w.Backends, ","))
		}
		if total > 0 {
			s.log.Error("writes abandoned", "number", total)
			code = exitFailed
		}
	}
	if s.journal != nil {
		if err := s.journal.Close(); err != nil {
			s.log.Error("cannot close the journal", "error", err)
			code = exitFailed
		}
	}
	if s.admin != nil {
		ctx, cancel := context.WithTimeout(context.Background(), flushTime)
		_ = s.admin.Shutdown(ctx)
		cancel()
	}
	s.serving.Wait()
	if s.pair != nil {
		s.pair.Close()
	}
	s.closeAccessLog()
	if s.group != nil {
		s.group.Close()
	}
	if s.demo != nil {
		_ = s.demo.Close()
	}
	return code
}

package secure

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Pair is a certificate with its chain and its key, in two PEM files that may change.
type Pair struct {
	certFile, keyFile string
	log               *slog.Logger
	now               atomic.Pointer[tls.Certificate]

	mu     sync.Mutex
	loaded [2]os.FileInfo // when they were last read, whether or not they were any good
	seen   [2]os.FileInfo // at the last look

	quit chan struct{}
	once sync.Once
	done sync.WaitGroup
}

// LoadPair reads the files. log is told of what is read later; nil: nobody is.
func LoadPair(certFile, keyFile string, log *slog.Logger) (*Pair, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	p := &Pair{certFile: certFile, keyFile: keyFile, log: log, quit: make(chan struct{})}
	p.loaded = p.stat()
	c, err := p.read()
	if err != nil {
		return nil, err
	}
	p.now.Store(c)
	p.warn(c)
	return p, nil
}

// Certificate is the one to serve now.
func (p *Pair) Certificate() *tls.Certificate { return p.now.Load() }

// Watch looks at the files every so often and reads them once they have changed, until Close.
func (p *Pair) Watch(every time.Duration) {
	p.done.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-p.quit:
				return
			case <-t.C:
				p.look()
			}
		}
	})
}

// Close ends Watch and waits for it. The pair stays as it is.
func (p *Pair) Close() {
	p.once.Do(func() { close(p.quit) })
	p.done.Wait()
}

// look reads the files if they are not those that were read last, and have stopped changing: the
// one is written before the other, and neither at once.
func (p *Pair) look() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.stat()
	settled := same(now, p.seen)
	p.seen = now
	if settled && !same(now, p.loaded) {
		p.reload(now)
	}
}

// Reload reads the files now, changed or not. What can't be used is logged, and the pair stays
// as it was.
func (p *Pair) Reload() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reload(p.stat())
}

// reload is Reload under the lock.
func (p *Pair) reload(files [2]os.FileInfo) {
	p.loaded = files
	c, err := p.read()
	if err != nil {
		p.log.Error("the certificate stays as it was", "error", err)
		return
	}
	old := p.now.Swap(c)
	if bytes.Equal(old.Certificate[0], c.Certificate[0]) {
		return
	}
	p.log.Info("serving a new certificate", "file", p.certFile,
		"subject", c.Leaf.Subject.String(), "names", c.Leaf.DNSNames, "until", c.Leaf.NotAfter)
	p.warn(c)
}

func (p *Pair) warn(c *tls.Certificate) {
	switch now := time.Now(); {
	case now.After(c.Leaf.NotAfter):
		p.log.Warn("the certificate has expired", "file", p.certFile, "until", c.Leaf.NotAfter)
	case now.Before(c.Leaf.NotBefore):
		p.log.Warn("the certificate is not valid yet", "file", p.certFile, "from", c.Leaf.NotBefore)
	}
}

func (p *Pair) read() (*tls.Certificate, error) {
	cert, err := os.ReadFile(p.certFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read the certificate: %w", err)
	}
	key, err := os.ReadFile(p.keyFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read the certificate's key: %w", err)
	}
	c, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cannot use the certificate %s with the key %s: %w", p.certFile, p.keyFile, err)
	}
	if c.Leaf == nil {
		return nil, errors.New("cannot use the certificate " + p.certFile)
	}
	return &c, nil
}

// stat looks at both files, behind links; nil stands for one that is not there.
func (p *Pair) stat() (files [2]os.FileInfo) {
	for i, name := range []string{p.certFile, p.keyFile} {
		if f, err := os.Stat(name); err == nil {
			files[i] = f
		}
	}
	return files
}

// same tells whether both files are still what they were, by what a look from outside shows.
func same(a, b [2]os.FileInfo) bool {
	for i := range a {
		if a[i] == nil || b[i] == nil {
			if a[i] != b[i] {
				return false
			}
			continue
		}
		if !os.SameFile(a[i], b[i]) || !a[i].ModTime().Equal(b[i].ModTime()) || a[i].Size() != b[i].Size() {
			return false
		}
	}
	return true
}

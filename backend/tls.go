package backend

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"sync"
	"time"

	"tutti/clock"
	"tutti/secure"
)

// connectTLS is connect and the handshake, DialTimeout for both. Who the backend is, is verified by
// the name it is dialled at, whatever Host its requests carry.
func (b *Backend) connectTLS(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, b.o.DialTimeout)
	defer cancel()
	nc, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	c := secure.Client(nc, b.o.TLS)
	if err := c.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		if ctx.Err() == nil {
			b.trouble.note(b, err)
		}
		return nil, &handshakeError{err}
	}
	return c, nil
}

// handshakeError is one in agreeing on TLS.
type handshakeError struct{ err error }

func (e *handshakeError) Error() string { return e.err.Error() }
func (e *handshakeError) Unwrap() error { return e.err }

// handshakeFailure says what an error in a handshake means that is no timeout; nil when err is
// none of a handshake's.
func handshakeFailure(err error) *Failure {
	if _, ok := errors.AsType[*handshakeError](err); !ok {
		return nil
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ErrCertificate
	}
	return ErrHandshake
}

// troubleEvery is how often the same reason is logged.
const troubleEvery = time.Minute

// reason is what stays the same about an error that comes again: an expired certificate's
// tells the time of day.
func reason(err error) string {
	if e, ok := errors.AsType[x509.CertificateInvalidError](err); ok && e.Reason == x509.Expired {
		return "expired"
	}
	return err.Error()
}

// trouble is what the log was told last of handshakes that failed: a Failure does not say what is
// wrong with a certificate.
type trouble struct {
	mu     sync.Mutex
	reason string
	next   int64 // clock.Now from which on reason may be logged again
}

// note logs err unless that was done lately.
func (t *trouble) note(b *Backend, err error) {
	now, why := clock.Now(), reason(err)
	t.mu.Lock()
	known := why == t.reason && now < t.next
	if !known {
		t.reason, t.next = why, now+int64(troubleEvery)
	}
	t.mu.Unlock()
	if !known {
		b.log.Warn("cannot agree on TLS with a backend", "error", err)
	}
}

package backend

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"
)

// Options are what all backends share. New validates them: a negative value is an error, zero
// stands for the default given here.
type Options struct {
	DialTimeout     time.Duration // connecting; 3 s
	ResponseTimeout time.Duration // --backend-timeout: request's last byte sent to the answer's head; 30 s
	StreamTimeout   time.Duration // each pause in a body, either way; 0: no limit
	IdleTimeout     time.Duration // idle connections are closed after this; 30 s
	QueueTimeout    time.Duration // how long a read waits for a connection; kept for callers, who pass it to Acquire
	MaxConns        int           // per backend, shared as Use says; 512
	EjectAfter      int           // consecutive failures; 3
	EjectFor        time.Duration // doubling to 5 m; 10 s
	MaxHeader       int           // bytes of an answer's head; 16 KiB
	Checks          Checks        // active health checks; none without a Path
	TLS             *tls.Config   // of this one backend (secure.ClientConfig), not changed any more; nil: plain HTTP
	Dial            Dial          // connects instead of TCP; nil: TCP
	Log             *slog.Logger  // told when a backend goes down, goes on being down, and is back; nil: nobody is
}

// withDefaults returns o with its zeros replaced, or what is wrong with it.
func (o Options) withDefaults() (Options, error) {
	for _, d := range []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"DialTimeout", &o.DialTimeout, 3 * time.Second},
		{"ResponseTimeout", &o.ResponseTimeout, 30 * time.Second},
		{"StreamTimeout", &o.StreamTimeout, 0},
		{"IdleTimeout", &o.IdleTimeout, 30 * time.Second},
		{"QueueTimeout", &o.QueueTimeout, 0},
		{"EjectFor", &o.EjectFor, 10 * time.Second},
	} {
		if *d.value < 0 {
			return o, fmt.Errorf("backend: %s is negative", d.name)
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	for _, n := range []struct {
		name     string
		value    *int
		fallback int
	}{
		{"MaxConns", &o.MaxConns, 512},
		{"EjectAfter", &o.EjectAfter, 3},
		{"MaxHeader", &o.MaxHeader, 16 << 10},
	} {
		if *n.value < 0 {
			return o, fmt.Errorf("backend: %s is negative", n.name)
		}
		if *n.value == 0 {
			*n.value = n.fallback
		}
	}
	var err error
	o.Checks, err = o.Checks.withDefaults()
	return o, err
}

// checkName tells what is wrong with name as a "host:port".
func checkName(name string) error {
	host, port, err := net.SplitHostPort(name)
	if err != nil {
		return fmt.Errorf("backend: %q is not host:port: %w", name, err)
	}
	if host == "" {
		return errors.New("backend: no host in " + strconv.Quote(name))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return errors.New("backend: no port from 1 to 65535 in " + strconv.Quote(name))
	}
	return nil
}

package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"tutti/secure"
)

// watchEvery is how often the certificate's files are looked at.
const watchEvery = time.Second

// loadPair reads what clients are shown, nil when they are served without TLS.
func (c *Config) loadPair(log *slog.Logger) (*secure.Pair, error) {
	if c.TLSCert == "" {
		return nil, nil
	}
	p, err := secure.LoadPair(c.TLSCert, c.TLSKey, log)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	return p, nil
}

// tlsOf is how clients are served with p; nil without.
func tlsOf(p *secure.Pair) *tls.Config {
	if p == nil {
		return nil
	}
	return secure.ServerConfig(p)
}

// loadRoots reads what backends are verified with, nil for the system's.
func (c *Config) loadRoots() (*x509.CertPool, error) {
	if c.BackendCA == "" {
		return nil, nil
	}
	roots, err := secure.LoadRoots(c.BackendCA)
	if err != nil {
		return nil, fmt.Errorf("--backend-ca: %w", err)
	}
	return roots, nil
}

// backendTLS is each backend's configuration, nil for those spoken to without TLS.
func (c *Config) backendTLS() ([]*tls.Config, error) {
	roots, err := c.loadRoots()
	if err != nil {
		return nil, err
	}
	configs := make([]*tls.Config, len(c.Backends))
	for i, name := range c.Backends {
		if c.BackendTLS[i] {
			host, _, _ := net.SplitHostPort(name)
			configs[i] = secure.ClientConfig(host, roots)
		}
	}
	return configs, nil
}

// writeTLS writes which certificates --check found, as comments.
func (c *Config) writeTLS(w io.Writer) error {
	pair, err := c.loadPair(nil)
	if err != nil {
		return err
	}
	if pair != nil {
		leaf := pair.Certificate().Leaf
		names := append([]string{}, leaf.DNSNames...)
		for _, ip := range leaf.IPAddresses {
			names = append(names, ip.String())
		}
		for i, name := range names {
			names[i] = shown(name)
		}
		if _, err := fmt.Fprintf(w, "# tls-cert is for %s, until %s\n",
			strings.Join(names, ", "), leaf.NotAfter.UTC().Format(time.RFC3339)); err != nil {
			return err
		}
	}
	configs, err := c.backendTLS()
	if err != nil {
		return err
	}
	by := "the system's certificates"
	if c.BackendCA != "" {
		by = c.BackendCA
	}
	for i, name := range c.Backends {
		if configs[i] == nil {
			continue
		}
		if _, err := fmt.Fprintf(w, "# backend %s must show a certificate for %s, verified by %s\n",
			name, configs[i].ServerName, by); err != nil {
			return err
		}
	}
	return nil
}

package secure

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"os"
)

// sessions is how many sessions with one backend are kept to be resumed.
const sessions = 32

// protocols is all that is spoken inside (RFC 7301).
var protocols = []string{"http/1.1"}

// ServerConfig serves what p holds at the time of each handshake: TLS 1.2 and later, HTTP/1.1,
// sessions resumed by tickets.
func ServerConfig(p *Pair) *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return p.Certificate(), nil },
		MinVersion:     tls.VersionTLS12,
		NextProtos:     protocols,
	}
}

// ClientConfig verifies that the server is host, a name or an IP address, by roots (nil: the
// system's). Sessions are resumed: the config is for one backend, since crypto/tls keeps them by
// the server's name alone, whatever the port.
func ClientConfig(host string, roots *x509.CertPool) *tls.Config {
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.WithZone("").String() // certificates know no zones
	}
	return &tls.Config{
		ServerName:         host,
		RootCAs:            roots,
		MinVersion:         tls.VersionTLS12,
		NextProtos:         protocols,
		ClientSessionCache: tls.NewLRUClientSessionCache(sessions),
	}
}

// LoadRoots reads the certificates in a PEM file. One without any is an error.
func LoadRoots(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read certificates: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, errors.New("cannot read certificates: none in " + file)
	}
	return roots, nil
}

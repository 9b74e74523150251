// Package securetest makes certificates for tests. None is ever kept.
package securetest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates.
type Authority struct {
	t    testing.TB
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New returns an authority nobody else knows.
func New(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{t: t}
	c, key := a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	})
	a.key = key
	var err error
	if a.cert, err = x509.ParseCertificate(c); err != nil {
		t.Fatal(err)
	}
	return a
}

// For is a as another test may use it.
func (a *Authority) For(t testing.TB) *Authority { return &Authority{t, a.cert, a.key} }

// sign returns a certificate made from c and its key; the first one signs itself.
func (a *Authority) sign(c *x509.Certificate) ([]byte, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	parent, by := a.cert, a.key
	if parent == nil {
		parent, by = c, key
	}
	if c.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		a.t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, &key.PublicKey, by)
	if err != nil {
		a.t.Fatal(err)
	}
	return der, key
}

// Roots is what trusts a.
func (a *Authority) Roots() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// File writes a's certificate to a file of the test's own and returns its name.
func (a *Authority) File() string {
	a.t.Helper()
	name := filepath.Join(a.t.TempDir(), "ca.pem")
	write(a.t, name, encode("CERTIFICATE", a.cert.Raw))
	return name
}

// Issue returns a certificate for names and IP addresses that is valid for an hour.
func (a *Authority) Issue(names ...string) *Issued {
	a.t.Helper()
	return a.IssueUntil(time.Now().Add(time.Hour), names...)
}

// IssueUntil is Issue of one that ends then.
func (a *Authority) IssueUntil(end time.Time, names ...string) *Issued {
	a.t.Helper()
	c := &x509.Certificate{
		Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, n := range names {
		if ip := net.ParseIP(n); ip != nil {
			c.IPAddresses = append(c.IPAddresses, ip)
		} else {
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	der, key := a.sign(c)
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return &Issued{t: a.t, Cert: encode("CERTIFICATE", der), Key: encode("PRIVATE KEY", raw)}
}

// Issued is a certificate and its key, as PEM.
type Issued struct {
	t         testing.TB
	Cert, Key []byte
}

// Certificate is both for crypto/tls.
func (i *Issued) Certificate() tls.Certificate {
	i.t.Helper()
	c, err := tls.X509KeyPair(i.Cert, i.Key)
	if err != nil {
		i.t.Fatal(err)
	}
	return c
}

// Server is a server's configuration with it.
func (i *Issued) Server() *tls.Config {
	i.t.Helper()
	return &tls.Config{Certificates: []tls.Certificate{i.Certificate()}, NextProtos: []string{"http/1.1"}}
}

// Files writes both to files of the test's own and returns their names.
func (i *Issued) Files() (cert, key string) {
	i.t.Helper()
	dir := i.t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	i.Write(cert, key)
	return cert, key
}

// Write replaces both files, each at once, as careful tools do.
func (i *Issued) Write(cert, key string) {
	i.t.Helper()
	write(i.t, cert, i.Cert)
	write(i.t, key, i.Key)
}

func write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

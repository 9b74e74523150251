package harness

import (
	"crypto/tls"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/secure/securetest"
)

// DialTLS connects to addr and speaks TLS.
func DialTLS(t testing.TB, addr string, c *tls.Config) *Conn {
	t.Helper()
	conn, err := TryDialTLS(t, addr, c)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// TryDialTLS is DialTLS with an error. The connection is closed when the test ends.
func TryDialTLS(t testing.TB, addr string, c *tls.Config) (*Conn, error) {
	nc, err := net.DialTimeout("tcp", addr, Limit)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = nc.Close() })
	return overTLS(t, nc, c)
}

func overTLS(t testing.TB, nc net.Conn, c *tls.Config) (*Conn, error) {
	s := tls.Client(nc, c)
	_ = nc.SetDeadline(time.Now().Add(Limit))
	if err := s.Handshake(); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return newConn(t, s), nil
}

// reset closes a connection with a reset.
func reset(nc net.Conn) {
	if s, ok := nc.(*tls.Conn); ok {
		nc = s.NetConn()
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = nc.Close()
}

// secured is TLS on both sides of every program, with the environment's TUTTI_TLS: every test
// can be run over it. nil: there is none.
type secured struct {
	authority *securetest.Authority
	listeners sync.Map // the programs' addresses that speak it
}

// everywhere is made once, for all tests.
func everywhere(t testing.TB) *secured {
	if os.Getenv("TUTTI_TLS") == "" {
		return nil
	}
	once.Do(func() { all = &secured{authority: securetest.New(t)} })
	return all
}

var (
	once sync.Once
	all  *secured
)

// server is a backend's configuration.
func (s *secured) server(t testing.TB) *tls.Config {
	if s == nil {
		return nil
	}
	return s.authority.For(t).Issue("127.0.0.1", "localhost").Server()
}

// client is what speaks to addr, nil if that is none of the programs'.
func (s *secured) client(_ testing.TB, addr string) *tls.Config {
	if s == nil {
		return nil
	}
	if _, ok := s.listeners.Load(addr); !ok {
		return nil
	}
	return &tls.Config{ServerName: "127.0.0.1", RootCAs: s.authority.Roots()}
}

// flags are those of a program that listens there.
func (s *secured) flags(t testing.TB, listen string, others []string) []string {
	if s == nil || strings.Contains(strings.Join(others, " "), "--tls-") {
		return nil
	}
	s.listeners.Store(listen, true)
	t.Cleanup(func() { s.listeners.Delete(listen) }) // the port may be another's then
	a := s.authority.For(t)
	cert, key := a.Issue("127.0.0.1").Files()
	flags := []string{"--tls-cert=" + cert, "--tls-key=" + key}
	if strings.Contains(strings.Join(others, " "), "https://") {
		flags = append(flags, "--backend-ca="+a.File())
	}
	return flags
}

// PlainOnly skips a test that starts programs or connects by itself, and so can't be run over TLS.
func PlainOnly(t testing.TB) {
	t.Helper()
	if everywhere(t) != nil {
		t.Skip("without TLS only")
	}
}

package backend

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"tutti/secure"
	"tutti/secure/securetest"
	"tutti/wire"
)

// overTLS is a fake that speaks TLS with a certificate for 127.0.0.1, and a backend that trusts it.
func overTLS(t *testing.T, script ...fault) (*fake, *Backend) {
	t.Helper()
	a := securetest.New(t)
	f := newSecureFake(t, a.Issue("127.0.0.1").Server(), secure.ClientConfig("127.0.0.1", a.Roots()), script...)
	return f, newBackend(t, f.name(), nil)
}

func TestExchangesOverTLSKeepTheirConnection(t *testing.T) {
	f, b := overTLS(t, ok)
	for i := range 20 {
		if status, body, err := do(b, post); status != 200 || body != "hello" || err != nil {
			t.Fatalf("exchange %d: %d %q %v", i, status, body, err)
		}
	}
	if n := f.accepted.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestWhoTheBackendIsIsVerified(t *testing.T) {
	ours, theirs := securetest.New(t), securetest.New(t)
	old := &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10, Certificates: ours.Issue("127.0.0.1").Server().Certificates}
	for what, c := range map[string]struct {
		server *tls.Config
		host   string
		want   error
		log    string
	}{
		"its address":       {ours.Issue("127.0.0.1").Server(), "127.0.0.1", nil, ""},
		"its name":          {ours.Issue("backend.test").Server(), "backend.test", nil, ""},
		"a pattern":         {ours.Issue("*.example.test").Server(), "b.example.test", nil, ""},
		"another address":   {ours.Issue("127.0.0.2").Server(), "127.0.0.1", ErrCertificate, "valid for 127.0.0.2, not 127.0.0.1"},
		"a name":            {ours.Issue("localhost").Server(), "127.0.0.1", ErrCertificate, "127.0.0.1"},
		"another name":      {ours.Issue("other.test").Server(), "backend.test", ErrCertificate, "valid for other.test, not backend.test"},
		"another authority": {theirs.Issue("127.0.0.1").Server(), "127.0.0.1", ErrCertificate, "unknown authority"},
		"expired":           {ours.IssueUntil(time.Now().Add(-time.Minute), "127.0.0.1").Server(), "127.0.0.1", ErrCertificate, "expired"},
		"TLS 1.1":           {old, "127.0.0.1", ErrHandshake, "version"},
	} {
		t.Run(what, func(t *testing.T) {
			var log bytes.Buffer
			f := newSecureFake(t, c.server, nil, ok)
			b := newBackend(t, f.name(), func(o *Options) {
				o.TLS = secure.ClientConfig(c.host, ours.Roots())
				o.Log = slog.New(slog.NewTextHandler(&log, nil))
			})
			var err error
			for range 3 {
				_, _, err = do(b, get)
			}
			if err != c.want && (err != nil || c.want != nil) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if c.want == nil {
				return
			}
			if f.requests.Load() != 0 || b.Stats().Active != 0 {
				t.Errorf("%d requests were sent, %d connections are left", f.requests.Load(), b.Stats().Active)
			}
			if text := log.String(); !strings.Contains(text, c.log) || strings.Count(text, "cannot agree on TLS") != 1 {
				t.Errorf("the log says %s", text)
			}
		})
	}
}

func TestTheBackendIsToldItsOwnName(t *testing.T) {
	a := securetest.New(t)
	for host, want := range map[string]string{"backend.test": "backend.test", "127.0.0.1": ""} {
		var mu sync.Mutex
		var name string
		server := a.Issue(host).Server()
		server.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			mu.Lock()
			defer mu.Unlock()
			name = h.ServerName
			return nil, nil
		}
		f := newSecureFake(t, server, secure.ClientConfig(host, a.Roots()), ok)
		if _, _, err := do(newBackend(t, f.name(), nil), "GET / HTTP/1.1\r\nHost: client.test\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		if name != want {
			t.Errorf("%s: SNI is %q", host, name)
		}
		mu.Unlock()
	}
}

func TestSessionsAreResumed(t *testing.T) {
	f, b := overTLS(t, saysThenCloses(ok))
	resumed := false
	for range 3 {
		c, err := exchangeOnce(b, get)
		if err != nil {
			t.Fatal(err)
		}
		resumed = c.tls.ConnectionState().DidResume
		if _, err := readBody(c); err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	if !resumed || f.accepted.Load() != 3 {
		t.Errorf("resumed: %v, after %d connections", resumed, f.accepted.Load())
	}
}

func TestTheHandshakeCountsIntoTheDialTimeout(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	b := newBackend(t, ln.Addr().String(), func(o *Options) {
		o.TLS = secure.ClientConfig("127.0.0.1", nil)
		o.DialTimeout = 100 * time.Millisecond
	})
	begun := time.Now()
	if _, _, err := do(b, get); err != ErrDialTimeout || time.Since(begun) > 10*time.Second {
		t.Errorf("got %v after %v", err, time.Since(begun))
	}
	if s := b.Stats(); s.Active != 0 {
		t.Errorf("%+v", s)
	}
}

func TestABackendWithoutTLSIsAFailedHandshake(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = c.(*net.TCPConn).CloseWrite()
			_, _ = c.Read(make([]byte, 1000))
			_ = c.Close()
		}
	})
	defer wg.Wait()
	defer func() { _ = ln.Close() }()
	b := newBackend(t, ln.Addr().String(), func(o *Options) { o.TLS = secure.ClientConfig("127.0.0.1", nil) })
	if _, _, err := do(b, get); err != ErrHandshake {
		t.Errorf("got %v", err)
	}
}

func TestOverTLSABodyUntilCloseEndsWithTLSsWord(t *testing.T) {
	const untilClose = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
	_, b := overTLS(t, saysThenCloses(untilClose))
	if _, body, err := do(b, get); body != "hello" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	_, b = overTLS(t, saysThenFIN(untilClose))
	if _, body, err := do(b, get); body != "hello" || err != ErrTerminated {
		t.Errorf("cut by a FIN: got %q, %v", body, err)
	}
}

// saysThenFIN closes the TCP connection under TLS, as whoever is in between could.
type saysThenFIN string

func (f saysThenFIN) serve(x *served) bool {
	x.body()
	x.write(string(f))
	_ = x.conn.(*secure.Conn).Socket().Close()
	return false
}

func TestABigBodyGoesBothWaysOverTLS(t *testing.T) {
	const size = 1 << 20
	body := strings.Repeat("0123456789abcdef", size/16)
	_, b := overTLS(t, says("HTTP/1.1 200 OK\r\nContent-Length: 1048576\r\n\r\n"+body))
	exchange := func() {
		_, got, err := do(b, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\n\r\n"+body)
		if err != nil || got != body {
			t.Fatalf("got %d bytes, %v", len(got), err)
		}
	}
	exchange()
	// It is not if the answer overtakes the news that all was sent.
	until(t, "a connection that is kept", func() bool {
		exchange()
		return b.Stats().Idle == 1
	})
}

func TestAnInterruptedExchangeOverTLSGoesOn(t *testing.T) {
	next := make(chan struct{})
	_, b := overTLS(t, saysWhen{[]string{"HTTP/1.1 200 OK\r\nContent-", "Length: 2\r\n\r\nok"}, next})
	c := acquired(t, b)
	if err := c.Send([]byte(get)); err != nil {
		t.Fatal(err)
	}
	next <- struct{}{}
	c.Interrupt()
	var resp wire.Response
	if err := c.Receive(false, &resp); err != ErrInterrupted {
		t.Fatal(err)
	}
	next <- struct{}{}
	if err := c.Receive(false, &resp); err != nil {
		t.Fatal(err)
	}
	if body, err := readBody(c); body != "ok" || err != nil {
		t.Errorf("got %q, %v", body, err)
	}
	c.Close()
}

func BenchmarkExchangeOverTLS(b *testing.B) {
	a := securetest.New(b)
	f := newSecureFake(b, a.Issue("127.0.0.1").Server(), secure.ClientConfig("127.0.0.1", a.Roots()), ok)
	be := newBackend(b, f.name(), nil)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := do(be, get); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTheSameTroubleIsLoggedOnceThoughItTellsTheTime(t *testing.T) {
	var log bytes.Buffer
	b := newBackend(t, "127.0.0.1:1", func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	expired := func(at string) error {
		return &tls.CertificateVerificationError{Err: x509.CertificateInvalidError{Reason: x509.Expired, Detail: "current time " + at}}
	}
	for _, err := range []error{expired("12:00:00"), expired("12:00:01"), errors.New("another"), expired("12:00:02")} {
		b.trouble.note(b, err)
	}
	if n := strings.Count(log.String(), "\n"); n != 3 || strings.Contains(log.String(), "12:00:01") {
		t.Errorf("the log says %s", log.String())
	}
}

package main

import (
	"io"
	"net"
	"testing"
)

// startService starts the program in this process, with a quiet log, and stops it at the end.
func startService(t *testing.T, args ...string) (*service, string) {
	t.Helper()
	c, err := parseFlags(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := start(c, newLog(c, io.Discard), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.drain(t.Context())
		if code := s.close(); code != exitOK {
			t.Errorf("exit code %d", code)
		}
	})
	return s, s.clients.String()
}

func TestAnIPv4AddressIsNotListenedAtOverIPv6(t *testing.T) {
	for address, want := range map[string]string{
		"0.0.0.0:0": "0.0.0.0", "127.0.0.1:0": "127.0.0.1", ":0": "::", "[::]:0": "::", "[::1]:0": "::1",
	} {
		ln, err := listenOn(address)
		if err != nil {
			t.Errorf("%s: %v", address, err)
			continue
		}
		if got := ln.Addr().(*net.TCPAddr).IP.String(); got != want {
			t.Errorf("%s listens at %s, want %s", address, got, want)
		}
		_ = ln.Close()
	}
}

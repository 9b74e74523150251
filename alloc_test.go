//go:build !race

package main

import (
	"bytes"
	"net"
	"testing"
	"time"
)

// stub is a backend that answers whatever arrives in one piece, without allocating.
func stub(t *testing.T, answer string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				in, out := make([]byte, 4096), []byte(answer)
				for {
					if _, err := c.Read(in); err != nil {
						return
					}
					if _, err := c.Write(out); err != nil {
						return
					}
				}
			}()
		}
	}()
	return ln.Addr().String()
}

// TestAReadAndAWriteAllocateNothing goes the whole way: socket, router, backends, metrics.
func TestAReadAndAWriteAllocateNothing(t *testing.T) {
	const date = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
	f := func(name, request, answer string, more ...string) {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--listen=127.0.0.1:0", "--admin-listen="}, more...)
			for range 3 {
				args = append(args, "--backend="+stub(t, answer))
			}
			_, addr := startService(t, args...)
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_ = c.SetDeadline(time.Now().Add(time.Minute))
			out, in, good := []byte(request), make([]byte, 4096), []byte("HTTP/1.1 20")
			once := func() {
				if _, err := c.Write(out); err != nil {
					t.Fatal(err)
				}
				n, err := c.Read(in)
				if err != nil || !bytes.HasPrefix(in[:n], good) {
					t.Fatalf("%q, %v", in[:n], err)
				}
			}
			for range 100 { // connections are dialled, pools and stacks grow
				once()
			}
			// Timers, sweepers and the collector's pools come round now and then; one run in a
			// hundred still shows as 0.
			if n := testing.AllocsPerRun(2000, once); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
	f("read", "GET /login HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\n"+date+"Content-Length: 2\r\n\r\nhi")
	f("read in chunks, without Date", "GET /login HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n")
	f("write", "POST /register HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nusername=", "HTTP/1.1 201 Created\r\n"+date+"Content-Length: 2\r\n\r\nhi")
	// Behind a trusted proxy, and logged.
	const fields = "Host: a\r\nUser-Agent: a\"b\r\nX-Forwarded-For: 1.1.1.1, ::2\r\nForwarded: for=1.1.1.1\r\n"
	for _, format := range []string{"combined", "json"} {
		more := []string{"--trusted-proxies=127.0.0.0/8", "--access-log=/dev/null", "--access-log-format=" + format}
		f("read logged as "+format, "GET /login HTTP/1.1\r\n"+fields+"\r\n", "HTTP/1.1 200 OK\r\n"+date+"Content-Length: 2\r\n\r\nhi", more...)
		f("write logged as "+format, "POST /register HTTP/1.1\r\n"+fields+"Content-Length: 9\r\n\r\nusername=", "HTTP/1.1 201 Created\r\n"+date+"Content-Length: 2\r\n\r\nhi", more...)
	}
}

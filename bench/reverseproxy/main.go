// Command reverseproxy is net/http's ReverseProxy as a peer of the measurement, with all that makes it
// cheaper: a pool of idle connections that holds all of them, buffers that are used again, no
// compression, no log. Its arguments are where it listens and its backends, whose turns it takes.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: reverseproxy ADDRESS BACKEND...")
		os.Exit(2)
	}
	server := &http.Server{Addr: os.Args[1], Handler: proxy(os.Args[2:]), ReadHeaderTimeout: time.Minute}
	fmt.Fprintln(os.Stderr, "reverseproxy:", server.ListenAndServe())
	os.Exit(1)
}

func proxy(backends []string) http.Handler {
	var turn atomic.Uint64
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			host := backends[turn.Add(1)%uint64(len(backends))]
			r.Out.URL = &url.URL{Scheme: "http", Host: host, Path: r.In.URL.Path, RawPath: r.In.URL.RawPath, RawQuery: r.In.URL.RawQuery}
		},
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
			MaxIdleConns:          0, // no limit
			MaxIdleConnsPerHost:   4096,
			IdleConnTimeout:       time.Hour,
			ResponseHeaderTimeout: 30 * time.Second,
			DisableCompression:    true,
		},
		BufferPool: &buffers{},
		ErrorLog:   log.New(io.Discard, "", 0),
	}
}

// buffers keeps what answers are copied through.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

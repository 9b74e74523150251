package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAProbeIsGoodOn2xxOnly(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			w.WriteHeader(http.StatusNoContent)
		case "/moved":
			http.Redirect(w, r, "/ok", http.StatusFound)
		case "/cut":
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("half"))
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer s.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	for _, tc := range []struct{ url, want string }{
		{s.URL + "/ok", ""},
		{s.URL + "/bad", "it answers 503"},
		{s.URL + "/moved", "it answers 302"},
		{s.URL + "/cut", "unexpected EOF"},
		{gone.URL, "connection refused"},
		{"http://[::1", "cannot probe http://[::1"},
		{"ftp://x/", "unsupported protocol"},
	} {
		err := probe(t.Context(), tc.url)
		if (err == nil) != (tc.want == "") || (err != nil && (!strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n"))) {
			t.Errorf("%s: %v, want %q", tc.url, err, tc.want)
		}
	}
}

func TestAProbeEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	defer s.Close()
	if err := probe(ctx, s.URL); err == nil {
		t.Error("a server that hangs is healthy")
	}
}

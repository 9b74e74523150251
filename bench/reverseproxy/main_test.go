package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestBackendsTakeTurnsAndGetWhatWasAskedFor(t *testing.T) {
	var backends []string
	for range 3 {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Context().Value(http.LocalAddrContextKey).(interface{ String() string }).String()+" "+r.RequestURI)
		}))
		defer s.Close()
		backends = append(backends, strings.TrimPrefix(s.URL, "http://"))
	}
	p := httptest.NewServer(proxy(backends))
	defer p.Close()
	seen := map[string]int{}
	for range 30 {
		resp, err := http.Get(p.URL + "/a%2Fb?q=1")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		seen[string(body)]++
	}
	for _, b := range backends {
		if n := seen[b+" /a%2Fb?q=1"]; n != 10 {
			t.Errorf("%s was asked %d times of 30: %v", b, n, seen)
		}
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// probeTimeout is how long a probe waits in all: less than a container gives it.
const probeTimeout = 2 * time.Second

// probe asks url once, for a container's health check: nil when it answers 2xx. It uses no
// proxy and follows no redirects.
func probe(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("cannot probe %s: %w", shown(url), err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return fmt.Errorf("cannot probe %s: %w", shown(url), err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, mib)); err != nil {
		return fmt.Errorf("cannot probe %s: %w", shown(url), err)
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("cannot take %s as healthy: it answers %d", shown(url), resp.StatusCode)
	}
	return nil
}

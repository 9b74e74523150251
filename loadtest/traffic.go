package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	vegeta "github.com/tsenart/vegeta/v12/lib"
)

// drive sends reads and writes at their rates, whatever the answers take, until the duration is
// over or ctx ends, and waits for the last answer.
func drive(ctx context.Context, o options, addr string, r *recording) {
	var wg sync.WaitGroup
	wg.Go(func() { attack(ctx, o.duration, o.reads, reads(addr), r.read) })
	wg.Go(func() { attack(ctx, o.duration, o.writes, writes(addr, o.users), r.write) })
	wg.Wait()
}

func attack(ctx context.Context, d time.Duration, rate int, t vegeta.Targeter, record func(*vegeta.Result)) {
	a := vegeta.NewAttacker(vegeta.Timeout(60*time.Second), vegeta.Redirects(vegeta.NoFollow),
		vegeta.HTTP2(false), vegeta.Proxy(func(*http.Request) (*url.URL, error) { return nil, nil }))
	stop := context.AfterFunc(ctx, func() { a.Stop() })
	defer stop()
	for result := range a.Attack(t, vegeta.Rate{Freq: rate, Per: time.Second}, d, "") {
		record(result)
	}
}

func reads(addr string) vegeta.Targeter {
	return vegeta.NewStaticTargeter(vegeta.Target{Method: http.MethodGet, URL: "http://" + addr + "/login"})
}

// writes are about a few users, so that their order counts; no two are alike.
func writes(addr string, users int) vegeta.Targeter {
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	var n atomic.Int64
	return func(t *vegeta.Target) error {
		i := n.Add(1)
		path := "/changePassword"
		if i <= int64(users) {
			path = "/register"
		}
		t.Method, t.URL, t.Header = http.MethodPost, "http://"+addr+path, header
		t.Body = fmt.Appendf(nil, "username=user%d&password=secret%d", rand.IntN(users), i)
		return nil
	}
}

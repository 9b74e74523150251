package browser

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"

	"tutti/e2e/harness"
)

// tab is a page in a browser context of its own: nobody else's storage.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu  sync.Mutex
	log []chromedp.ConsoleMessage
}

// newTab opens one. Its console's errors fail the test in the end, but for those that expected names.
func newTab(t *testing.T, expected ...string) *tab {
	t.Helper()
	if chromium == nil {
		harness.Needed(t, names[0], "chromium")
	}
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext())
	b := &tab{t: t, ctx: ctx}
	// The tab ends with the context of its first use: not with one of a single step.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(1600, 1000))
	read := make(chan struct{})
	messages := chromedp.Console(ctx)
	go func() {
		defer close(read)
		for m, err := range messages {
			if err != nil {
				return
			}
			b.mu.Lock()
			b.log = append(b.log, m)
			b.mu.Unlock()
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-read
		for _, line := range b.complaints(expected...) {
			t.Errorf("the console says %s", line)
		}
	})
	return b
}

// complaints are the console's errors and warnings but for those with a word that is expected.
func (b *tab) complaints(expected ...string) []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []string
	for _, m := range b.log {
		switch m.Type {
		case chromedp.ConsoleLog, chromedp.ConsoleDebug, chromedp.ConsoleInfo:
			continue
		case chromedp.ConsoleError, chromedp.ConsoleWarning, chromedp.ConsoleException:
		}
		line := fmt.Sprintf("%s: %s (%s:%d)", m.Type, m.Text, m.URL, m.Line)
		wanted := true
		for _, word := range expected {
			wanted = wanted && !strings.Contains(line, word)
		}
		if wanted {
			all = append(all, line)
		}
	}
	return all
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, harness.Limit)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// open goes to a URL and waits until it is loaded.
func (b *tab) open(url string) {
	b.t.Helper()
	b.do(chromedp.Navigate(url))
}

// eval is the value of an expression of JavaScript, which may be a promise.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, harness.Limit)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%v\nin %s", err, expression)
	}
	return v
}

// until waits for an expression to be true.
func (b *tab) until(what, expression string) {
	b.t.Helper()
	b.untilWithin(harness.Limit, what, expression)
}

func (b *tab) untilWithin(limit time.Duration, what, expression string) {
	b.t.Helper()
	deadline := time.Now().Add(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !eval[bool](b, "!!("+expression+")") {
		if time.Now().After(deadline) {
			b.t.Fatalf("not within %v: %s\nthe page says:\n%s", limit, what, eval[string](b, "document.body.innerText"))
		}
		<-tick.C
	}
}

// click clicks in the middle of an element, as a mouse does.
func (b *tab) click(selector string) {
	b.t.Helper()
	b.do(chromedp.Click(chromedp.CSS(selector)))
}

// paste replaces what is in a field.
func (b *tab) paste(selector, text string) {
	b.t.Helper()
	eval[bool](b, fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.focus(); e.select(); return true; })()`, selector))
	b.do(call(input.InsertText, input.InsertTextParams{Text: text}))
}

// look has the page shown at a width and in a theme, "light" or "dark".
func (b *tab) look(width, height int64, theme string) {
	b.t.Helper()
	b.do(
		chromedp.EmulateViewport(width, height),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
		}),
	)
}

// call is a step of a command without an answer.
func call[P any](command cdp.Command[P, cdp.Empty], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, command, params)
		return err
	})
}

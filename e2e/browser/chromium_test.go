package browser

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/chromedp/chromedp"
)

// names are what Chromium is called by distributions.
var names = []string{"chromium", "chromium-browser", "google-chrome"}

func findChromium() string {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// startChromium starts it with a new profile below dir. Where there is none it returns nil, and
// the tests say so.
func startChromium(dir string) (ctx context.Context, stop func(), err error) {
	path := findChromium()
	if path == "" {
		return nil, func() {}, nil
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(dir+"/profile"),
		chromedp.NoSandbox, // it may be root's, in a container
		chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("no-proxy-server", true),
	)
	allocator, free := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	stop = func() {
		cancel()
		free()
	}
	if err := chromedp.Do(ctx); err != nil {
		stop()
		return nil, nil, fmt.Errorf("cannot start %s: %w", path, err)
	}
	return ctx, stop, nil
}

package sim

import (
	"bufio"
	"io"
	"testing"

	"github.com/valyala/fasthttp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// The first date starts a goroutine that never ends, which must not be in a bubble.
	var r fasthttp.Response
	_ = r.Write(bufio.NewWriter(io.Discard))
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"))
}

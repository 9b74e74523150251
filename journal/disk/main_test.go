package disk

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if raced && os.Getenv("TUTTI_SOAK") == "" {
		_ = flag.Set("rapid.checks", "15") // of 100
	}
	goleak.VerifyTestMain(m)
}

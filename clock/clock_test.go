package clock

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestItIsPositiveAndGoesOn(t *testing.T) {
	check := func(t *testing.T) {
		before := Now()
		<-time.After(time.Millisecond)
		if after := Now(); before <= 0 || after < before+int64(time.Millisecond) {
			t.Errorf("%d, and a millisecond later %d", before, after)
		}
	}
	t.Run("in earnest", check)
	t.Run("in a bubble", func(t *testing.T) { synctest.Test(t, check) })
}

//go:build !race

package fanout

import (
	"fmt"
	"testing"
)

// BenchmarkWriteToMany shows whether a write costs what its backends do, and no more.
func BenchmarkWriteToMany(b *testing.B) {
	for _, backends := range []int{1, 2, 4, 8, 16} {
		b.Run(fmt.Sprintf("backends=%d", backends), func(b *testing.B) {
			write := bareRig(b, backends, nil)
			b.ReportAllocs()
			for b.Loop() {
				write()
			}
		})
	}
}

//go:build linux && (amd64 || arm64) && !tutti_plain

package pipe

import (
	"strings"
	"sync"
	"syscall"
)

// usable tells whether this kernel splices to a socket without waiting.
var usable = sync.OnceValue(func() bool {
	var u syscall.Utsname
	if syscall.Uname(&u) != nil {
		return false
	}
	var release strings.Builder
	for _, c := range u.Release {
		if c == 0 {
			break
		}
		release.WriteByte(byte(c))
	}
	return doesNotWait(release.String())
})

// doesNotWait is false for Linux 6.5: up to 6.5.8 splice(2) waits for a socket that is full, O_NONBLOCK or not, and so
// would a processor of Go's. Distributions mend theirs without another number, so the later ones go without as well.
func doesNotWait(release string) bool {
	return release != "6.5" && !strings.HasPrefix(release, "6.5.") && !strings.HasPrefix(release, "6.5-")
}

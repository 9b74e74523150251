package disk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDamagedFiles(t *testing.T) {
	whole := wrecked(t, 100, true)
	for _, test := range []struct {
		name   string
		damage func(w *wreck) (says []any)
		holds  bool // it opens, and holds everything
	}{
		{"nothing", func(*wreck) []any { return nil }, true},
		{"a bit of the manifest's first record", func(w *wreck) []any {
			w.flip(w.the("MANIFEST"), 20)
			return []any{w.the("MANIFEST"), "offset 0"}
		}, false},
		{"a bit in the middle of the manifest", func(w *wreck) []any {
			w.flip(w.the("MANIFEST"), int(w.size(w.the("MANIFEST"))/2))
			return []any{w.the("MANIFEST"), "offset"}
		}, false},
		{"a bit of the manifest's last record", func(w *wreck) []any {
			w.flip(w.the("MANIFEST"), int(w.size(w.the("MANIFEST")))-3)
			return nil
		}, false},
		{"a manifest without its end", func(w *wreck) []any {
			w.cut(w.the("MANIFEST"), int(w.size(w.the("MANIFEST")))/2)
			return nil
		}, false},
		{"an empty manifest", func(w *wreck) []any {
			w.cut(w.the("MANIFEST"), 0)
			return []any{w.the("MANIFEST"), "offset 0"}
		}, false},
		{"no manifest", func(w *wreck) []any {
			name := w.the("MANIFEST-")
			for strings.Contains(name, "marker") {
				t.Fatal(name)
			}
			w.remove(name)
			return []any{filepath.Base(name)}
		}, false},
		{"no marker of the manifest", func(w *wreck) []any { w.remove(w.the("marker.manifest")); return []any{"marker.manifest"} }, false},
		{"no marker of the format", func(w *wreck) []any { w.remove(w.the("marker.format")); return nil }, false},
		{"no markers", func(w *wreck) []any {
			w.remove(w.the("marker.manifest"))
			w.remove(w.the("marker.format"))
			return []any{"marker.manifest"}
		}, false},
		{"a bit of a table's entries", func(w *wreck) []any {
			w.flip(w.the(".sst"), 5000)
			return []any{w.the(".sst"), "checksum mismatch"}
		}, false},
		{"a bit of a table's end", func(w *wreck) []any {
			w.flip(w.the(".sst"), int(w.size(w.the(".sst")))-10)
			return []any{w.the(".sst")}
		}, false},
		{"a table cut short", func(w *wreck) []any { w.cut(w.the(".sst"), 5000); return []any{w.the(".sst")} }, false},
		{"no table", func(w *wreck) []any {
			name := w.the(".sst")
			w.remove(name)
			return []any{filepath.Base(name)[:6]}
		}, false},
		{"no newest log", func(w *wreck) []any {
			name := w.the(".log")
			w.remove(name)
			return []any{name, "missing"}
		}, false},
		{"no options", func(w *wreck) []any { w.remove(w.the("OPTIONS")); return nil }, true},
		{"garbled options", func(w *wreck) []any { w.cut(w.the("OPTIONS"), 100); return nil }, true},
		{"no evidence", func(w *wreck) []any { w.remove(w.in("newest")); return []any{w.in("newest")} }, false},
		{"half the evidence", func(w *wreck) []any { w.flip(w.in("newest"), 5); return nil }, true},
		{"the other half of it", func(w *wreck) []any { w.flip(w.in("newest"), slotSize+5); return nil }, true},
		{"both halves", func(w *wreck) []any {
			w.flip(w.in("newest"), 5)
			w.flip(w.in("newest"), slotSize+5)
			return []any{w.in("newest"), "offset"}
		}, false},
		{"no format", func(w *wreck) []any { w.remove(w.in("format")); return []any{"format"} }, false},
		{"a later format", func(w *wreck) []any {
			w.edit(w.in("format"), func([]byte) []byte { return []byte("tutti journal 2\n") })
			return []any{"tutti journal 2", "tutti journal 1"}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := whole.copy(t)
			says := test.damage(w)
			if test.holds {
				w.holds(100)
				return
			}
			w.refuses(says...)
		})
	}
}

func (w *wreck) in(name string) string { return filepath.Join(w.dir, name) }

func (w *wreck) size(name string) int64 {
	w.t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return info.Size()
}

package admin

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"tutti/backend"
)

func TestAModeIsRememberedBeforeItIsSet(t *testing.T) {
	var f *fixture
	var asked []string
	f = start(t, setup{remember: func(i int, m backend.Mode) error {
		state, _ := f.backends[i].State()
		asked = append(asked, fmt.Sprint(i, m, state))
		return nil
	}})
	for _, action := range []string{"hold", "drain", "resume"} {
		if got := f.do("POST", "/-/backends/[::1]:2/"+action, "Tutti-Admin: 1", "Content-Length: 0"); got.StatusCode != 200 {
			t.Fatalf("%d %s", got.StatusCode, got.text)
		}
	}
	want := []string{
		fmt.Sprint(1, backend.ModeHeld, backend.Live),
		fmt.Sprint(1, backend.ModeDrained, backend.Held),
		fmt.Sprint(1, backend.ModeServing, backend.Drained),
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked to remember %v, want %v", asked, want)
	}
}

func TestWhatCannotBeRememberedIsNotDone(t *testing.T) {
	var log lockedBuffer
	f := start(t, setup{log: &log, remember: func(int, backend.Mode) error { return errors.New("the disk is full") }})
	got := f.do("POST", "/-/backends/a:1/hold", "Tutti-Admin: 1", "Content-Length: 0")
	if got.StatusCode != 500 || strings.Contains(got.text, "disk") {
		t.Errorf("%d %s", got.StatusCode, got.text)
	}
	if state, _ := f.backends[0].State(); state != backend.Live {
		t.Errorf("it is %s", state)
	}
	if l := log.String(); !strings.Contains(l, "the disk is full") || strings.Contains(l, "msg=operator") {
		t.Errorf("the log says:\n%s", l)
	}
}

func TestOfTwoOperatorsTheLastWordIsTheOneRemembered(t *testing.T) {
	var remembered atomic.Uint32
	f := start(t, setup{remember: func(_ int, m backend.Mode) error {
		remembered.Store(uint32(m))
		return nil
	}})
	words := map[backend.State]backend.Mode{
		backend.Held: backend.ModeHeld, backend.Drained: backend.ModeDrained, backend.Live: backend.ModeServing,
	}
	for range 50 {
		var all sync.WaitGroup
		for _, action := range []string{"hold", "drain", "resume", "hold"} {
			all.Go(func() {
				f.do("POST", "/-/backends/a:1/"+action, "Tutti-Admin: 1", "Content-Length: 0")
			})
		}
		all.Wait()
		state, _ := f.backends[0].State()
		if want := uint32(words[state]); remembered.Load() != want {
			t.Fatalf("%s, but %d is remembered", state, remembered.Load())
		}
	}
}

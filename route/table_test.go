package route

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestALongerPathWinsThenTheOneWithAMethod(t *testing.T) {
	table, err := Parse(
		[]string{"/login", "/api/", "POST /fan/exact", "GET /fan/"},
		[]string{"/", "POST /api/", "/api/deep/", "GET /purge", "/fan/", "PUT /fan/exact"},
	)
	if err != nil {
		t.Fatal(err)
	}
	f := func(method, target string, want Kind) {
		t.Helper()
		got, _ := table.Lookup([]byte(method), []byte(target), nil)
		if got != want {
			t.Errorf("%s %s: got %d, want %d", method, target, got, want)
		}
	}
	f("GET", "/login", Balance)
	f("POST", "/login", Balance)
	f("POST", "/login/", Fanout) // not the same path
	f("POST", "/login?x=/..", Balance)
	f("POST", "/register", Fanout)
	f("GET", "/register", Balance) // safe on a fan-out route without a method
	f("HEAD", "/register", Balance)
	f("OPTIONS", "/register", Balance)
	f("DELETE", "/", Fanout)
	f("GET", "/purge", Fanout)   // the method was named
	f("HEAD", "/purge", Balance) // another one was not
	f("POST", "/api/x", Fanout)  // with a method
	f("PUT", "/api/x", Balance)
	f("PUT", "/api/deep/x", Fanout) // longer
	f("POST", "/fan/exact", Balance)
	f("PUT", "/fan/exact", Fanout)
	f("PATCH", "/fan/exact", Fanout) // no rule of the exact path names it: the shorter path's
	f("POST", "/api", Fanout)        // not under /api/
	f("OPTIONS", "*", Balance)
}

func TestEverySpellingOfAPathTakesTheSameRoute(t *testing.T) {
	table, err := Parse([]string{"/login"}, []string{"/write"})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{
		"/write", "/%77rite", "/%57rite"[:1] + "write", "//write", "/./write", "/a/../write", "/%2e/write", "/..//../write",
		"/x%2f..%2fwrite", "/write?x", "/login/../write",
	} {
		if got, _ := table.Lookup([]byte("POST"), []byte(target), nil); got != Fanout {
			t.Errorf("POST %s: got %d, want the fan-out", target, got)
		}
	}
	for _, target := range []string{"/write/", "/%2577rite", "/Write", "/write%00", "/wri te"} {
		if got, _ := table.Lookup([]byte("POST"), []byte(target), nil); got != None {
			t.Errorf("POST %s: got %d, want no route", target, got)
		}
	}
}

func TestABadPatternSaysWhatIsAccepted(t *testing.T) {
	f := func(balance, fanout, want string) {
		t.Helper()
		var b, fo []string
		if balance != "" {
			b = strings.Split(balance, ",")
		}
		if fanout != "" {
			fo = strings.Split(fanout, ",")
		}
		_, err := Parse(b, fo)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q %q: got %v, want %q in it", balance, fanout, err, want)
		}
	}
	f("login", "", "must start with")
	f("/a", "/a", "both --balance and --fanout")
	f("/a,/a", "", "twice")
	f("POST /a", "POST /a", "both")
	f("post /a", "", "capitals")
	f("CONNECT /a", "", "never forwarded")
	f("/a*", "", "wildcards")
	f("/a b", "", "capitals")
	f("GET /a b", "", "spaces")
	f("/a/../b", "", `write "/b"`)
	f("/%61", "", `write "/a"`)
	f("/a?b", "", "query")
}

func TestNormalizingTwiceChangesNothingMoreWithoutPercent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		path := "/" + rapid.StringMatching(`[a-c./]{0,20}`).Draw(t, "path")
		once := string(Normalize(nil, []byte(path)))
		if !isNormal([]byte(once)) && !strings.Contains(once, "/.") {
			t.Fatalf("%q became %q", path, once)
		}
		if again := string(Normalize(nil, []byte(once))); again != once {
			t.Fatalf("%q became %q, then %q", path, once, again)
		}
		if strings.Contains(once, "//") || strings.Contains(once+"/", "/../") || strings.Contains(once+"/", "/./") {
			t.Fatalf("%q became %q", path, once)
		}
	})
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table, err := Parse([]string{"/login"}, []string{"/"})
	if err != nil {
		t.Fatal(err)
	}
	scratch := make([]byte, 0, 256)
	method, plain, odd := []byte("GET"), []byte("/login?a=b"), []byte("/%6cogin")
	if n := testing.AllocsPerRun(100, func() {
		table.Lookup(method, plain, scratch)
		table.Lookup(method, odd, scratch)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzLookup(f *testing.F) {
	table, err := Parse([]string{"/login", "/a/"}, []string{"/"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add("/a/%2e%2e//b?c")
	f.Fuzz(func(t *testing.T, target string) {
		scratch := []byte("kept")
		kind, s := table.Lookup([]byte("POST"), []byte(target), scratch)
		if string(s) != "kept" {
			t.Fatalf("scratch became %q", s)
		}
		if strings.HasPrefix(target, "/") && kind == None {
			t.Fatalf("%q matched nothing, not even /", target)
		}
	})
}

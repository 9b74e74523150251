package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestTheFlagWinsOverItsVariable(t *testing.T) {
	env := []string{"TUTTI_MAX_CONNS=7", "TUTTI_BALANCE=/x,/y", "TUTTI_BACKEND=a:1,b:1", "PATH=/bin", "TUTTI_ACK=one"}
	c := parsed(t, env)
	if c.MaxConns != 7 || !slices.Equal(c.Balance, []string{"/x", "/y"}) || len(c.Backends) != 2 || !c.AckEarliest {
		t.Errorf("the environment gives %+v", c)
	}
	c = parsed(t, env, "--max-conns=8", "--balance=/z", "--backend=c:1", "--ack=all")
	if c.MaxConns != 8 || !slices.Equal(c.Balance, []string{"/z"}) || !slices.Equal(c.Backends, []string{"c:1"}) || c.AckEarliest {
		t.Errorf("the flags give %+v", c)
	}
}

func TestAnEmptyVariableIsAnEmptyValue(t *testing.T) {
	c := parsed(t, []string{"TUTTI_LISTEN=", "TUTTI_BALANCE=", "TUTTI_DEMO_BACKENDS=1"})
	if c.Listen != "" || len(c.Balance) != 0 {
		t.Errorf("it listens on %q and balances %q", c.Listen, c.Balance)
	}
}

func TestABadVariableIsNamedAsSuch(t *testing.T) {
	const demo = "TUTTI_DEMO_BACKENDS=3"
	for _, tc := range []struct{ env, args, want string }{
		{"TUTTI_ACK=foo " + demo, "", "TUTTI_ACK=foo: want all, quorum, one or a number of backends from 1 to 3"},
		{"TUTTI_MAX_CONNS=many " + demo, "", "TUTTI_MAX_CONNS=many: want a whole number from 1 to 65535"},
		{"TUTTI_BACKEND=a:1,foo", "", "TUTTI_BACKEND=foo: want host:port, http://host:port or https://host:port, such as server1:8080 or [::1]:8080"},
		{"TUTTI_LISTEN=:8081 " + demo, "", "TUTTI_LISTEN=:8081: the port is taken by --admin-listen=127.0.0.1:8081"},
		{demo, "--listen=:8081", "--listen=:8081: the port is taken by --admin-listen=127.0.0.1:8081"},
		{"TUTTI_ADMIN_LISTEN=:8080 " + demo, "", "TUTTI_ADMIN_LISTEN=:8080: the port is taken by --listen=:8080"},
		{demo, "--max-pending-bytes=1MiB", "--max-pending-bytes=1MiB: want at least --max-write-size, which is 10MiB"},
		{"TUTTI_MAX_WRITE_SIZE=2MiB " + demo, "--max-pending-bytes=1MiB", "--max-pending-bytes=1MiB: want at least TUTTI_MAX_WRITE_SIZE, which is 2MiB"},
		{"TUTTI_CHECK=perhaps " + demo, "", "TUTTI_CHECK=perhaps: want true or false"},
		{"TUTTI_RETRY_BASE=1", "--backend=a:1", "TUTTI_RETRY_BASE=1: want a time from 1ms to 8760h, such as 500ms, 3s or 2m"},
	} {
		_, err := parseFlags(strings.Fields(tc.args), strings.Fields(tc.env))
		if err == nil || err.Error() != tc.want {
			t.Errorf("%s tutti %s\n got %v\nwant %s", tc.env, tc.args, err, tc.want)
		}
	}
}

func TestABadVariableDoesNotMatterWhereTheFlagIsGiven(t *testing.T) {
	parsed(t, []string{"TUTTI_MAX_CONNS=many"}, "--max-conns=1", "--backend=a:1")
}

func TestSkipSomeRequestsIsTheOriginalsSwitch(t *testing.T) {
	for _, tc := range []struct {
		name  string
		env   []string
		args  string
		flaky int
	}{
		{"not given", nil, "--demo-backends=3", 1},
		{"all", []string{"SKIP_SOME_REQUESTS=true"}, "--demo-backends=3", 3},
		{"none", []string{"SKIP_SOME_REQUESTS=false"}, "--demo-backends=3", 0},
		{"all, how many is in the environment", []string{"SKIP_SOME_REQUESTS=true", "TUTTI_DEMO_BACKENDS=2"}, "", 2},
		{"the flag wins", []string{"SKIP_SOME_REQUESTS=true"}, "--demo-backends=3 --demo-flaky=2", 2},
		{"so does the flag's variable", []string{"SKIP_SOME_REQUESTS=true", "TUTTI_DEMO_FLAKY=2"}, "--demo-backends=3", 2},
		{"without demo backends it says nothing", []string{"SKIP_SOME_REQUESTS=true"}, "--backend=a:1", 0},
	} {
		if c := parsed(t, tc.env, strings.Fields(tc.args)...); c.DemoFlaky != tc.flaky {
			t.Errorf("%s: %d are flaky, want %d", tc.name, c.DemoFlaky, tc.flaky)
		}
	}
	for _, v := range []string{"", "TRUE", "1", "maybe"} {
		_, err := parseFlags([]string{"--demo-backends=1", "--demo-flaky=1"}, []string{"SKIP_SOME_REQUESTS=" + v})
		if want := "SKIP_SOME_REQUESTS=" + v + ": want true (all demo backends drop requests) or false (none does)"; err == nil || err.Error() != want {
			t.Errorf("%q gives %v", v, err)
		}
	}
}

func TestHelpVersionAndProbeAreNotInTheEnvironment(t *testing.T) {
	c := parsed(t, []string{"TUTTI_VERSION=1.2.3", "TUTTI_HELP=true", "TUTTI_PROBE=http://a/"}, "--backend=a:1")
	if c.Action != Run {
		t.Errorf("the action is %d", c.Action)
	}
}

func TestVariablesWithoutAFlagAreWarnedOf(t *testing.T) {
	env := []string{
		"TUTTI_BACKENDS=a:1", "TUTTI_max_conns=1", "TUTTI_VERSION=1", "TUTTI_MAX-CONNS=1", "TUTTIX=1", "TUTTI_\n=1",
		// What Kubernetes sets for services called tutti and tutti-demo.
		"TUTTI_SERVICE_HOST=10.0.0.1", "TUTTI_SERVICE_PORT=80", "TUTTI_PORT=tcp://10.0.0.1:80", "TUTTI_PORT_80_TCP_ADDR=10.0.0.1",
		"TUTTI_DEMO_SERVICE_PORT_HTTP=80", "TUTTI_DEMO_PORT_80_TCP=tcp://10.0.0.1:80",
		// Read.
		"TUTTI_BACKEND=a:1", "TUTTI_CHECK=true",
	}
	var got []string
	for _, w := range parsed(t, env).Warnings {
		got = append(got, strings.TrimSuffix(strings.TrimPrefix(w, "there is no flag for the variable "), ", it is not read"))
	}
	want := []string{`"TUTTI_\n"`, "TUTTI_BACKENDS", "TUTTI_MAX-CONNS", "TUTTI_VERSION", "TUTTI_max_conns"}
	if !slices.Equal(got, want) {
		t.Errorf("warned of %q, want %q", got, want)
	}
}

func TestEveryFlagHasItsVariable(t *testing.T) {
	f := newFlags(&Config{})
	f.set.VisitAll(func(flag *pflag.Flag) {
		name := envName(flag.Name)
		if fromCommandLine(flag.Name) {
			return
		}
		args := []string{"--demo-backends=1"}
		if flag.Name == "demo-backends" {
			args = nil
		}
		// A value no flag takes: what is refused was read.
		if _, err := parseFlags(args, []string{name + "=\x00,,"}); err == nil || !strings.HasPrefix(err.Error(), name+"=") {
			t.Errorf("%s is not read: %v", name, err)
		}
	})
}

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestABadFlagIsOneLineThatNamesItAndWhatIsWanted(t *testing.T) {
	const (
		backend = "--backend=b:1"
		demo    = "--demo-backends=3"
		times   = "want a time from 1ms to 8760h, such as 500ms, 3s or 2m"
		times0  = "want 0 or a time from 1ms to 8760h, such as 500ms, 3s or 2m"
		listen  = "want an address to listen on, such as :8080, 127.0.0.1:8080 or [::1]:8080"
		wantB   = "want host:port, http://host:port or https://host:port, such as server1:8080 or [::1]:8080"
		status  = "want final status codes and ranges from 200 to 599, such as 201,204 or 200-299"
		path    = "want a path such as /healthz or /status?deep=1, percent-encoded, or nothing"
		reject  = "want unanimous, none, or status codes and ranges from 200 to 599, such as 400-499"
	)
	for _, tc := range []struct{ args, want string }{
		// The command line itself.
		{"", "--backend: at least one is needed, want --backend=host:port or --demo-backends=3"},
		{"--nope", "--nope: no such flag, see --help"},
		{"--jurnal=x " + demo, "--jurnal: no such flag, see --help"},
		{"--journal=x --listen= " + demo, "--journal=x: there are no writes without --listen, leave it out"},
		{"--journal-max-size=1GiB " + demo, "--journal-max-size=1GiB: there is no journal, want --journal=DIRECTORY, too"},
		{"--forget=a:1 " + demo, "--forget=a:1: there is no journal, want --journal=DIRECTORY, too"},
		{"--journal=x --forget=b:1 " + backend, "--forget=b:1: it is one of --backend; what a current backend is owed is dropped on the admin listener"},
		{"--journal=x --forget=a " + demo, "--forget=a: want host:port, http://host:port or https://host:port, such as server1:8080 or [::1]:8080"},
		{"-listen=:80", "-listen=:80: no such flag, flags begin with two dashes, see --help"},
		{"serve " + demo, "serve: tutti takes flags only, see --help"},
		{demo + " -- x", "x: tutti takes flags only, see --help"},
		{"--backend", "--backend: a value is missing, want --backend=ADDRESSES"},
		{"--=x", `"bad flag syntax: --=x"`},
		{"--check=perhaps", "--check=perhaps: want true or false"},

		// Listening.
		{"--listen=8080 " + demo, "--listen=8080: " + listen},
		{"--listen=a:b:c " + demo, "--listen=a:b:c: " + listen},
		{"--listen=:65536 " + demo, "--listen=:65536: " + listen},
		{"--listen=:http " + demo, "--listen=:http: " + listen},
		{"--listen=::1:80 " + demo, "--listen=::1:80: " + listen},
		{"--listen=[127.0.0.1]:80 " + demo, "--listen=[127.0.0.1]:80: " + listen},
		{"--listen=300.1.1.1:80 " + demo, "--listen=300.1.1.1:80: " + listen},
		{"--listen=*:80 " + demo, "--listen=*:80: " + listen},
		{"--listen=", "--listen=: without a proxy there must be demo backends, want an address or --demo-backends=1"},
		{"--listen= " + backend, "--listen=: without a proxy there must be demo backends, want an address or --demo-backends=1"},
		{"--listen= --admin-listen=:81 " + demo, "--admin-listen=:81: there is nothing to show without --listen, leave it out"},
		{"--admin-listen=x " + demo, "--admin-listen=x: " + listen},
		{"--listen=:8081 " + demo, "--listen=:8081: the port is taken by --admin-listen=127.0.0.1:8081"},
		{"--admin-listen=127.0.0.1:8080 " + demo, "--admin-listen=127.0.0.1:8080: the port is taken by --listen=:8080"},
		{"--listen=0.0.0.0:81 --admin-listen=localhost:81 " + demo, "--admin-listen=localhost:81: the port is taken by --listen=0.0.0.0:81"},
		{"--admin-hosts=a:1 " + demo, "--admin-hosts=a:1: want names without port, such as tutti.example.com"},
		{"--admin-hosts=ok,*.b " + demo, "--admin-hosts=*.b: want names without port, such as tutti.example.com"},
		{"--expose-metrics=yes " + demo, "--expose-metrics=yes: want local, all or off"},

		// Backends.
		{"--backend=foo", "--backend=foo: " + wantB},
		{"--backend=a:1,foo,b:1", "--backend=foo: " + wantB},
		{"--backend=a:1,,b:1", "--backend=a:1,,b:1: want items with one comma between them, this has an empty one"},
		{"--backend=a:1,", "--backend=a:1,: want items with one comma between them, this has an empty one"},
		{"--backend=:80", "--backend=:80: " + wantB},
		{"--backend=http://", "--backend=http://: " + wantB},
		{"--backend=a:0", "--backend=a:0: " + wantB},
		{"--backend=a:65536", "--backend=a:65536: " + wantB},
		{"--backend=a:-1", "--backend=a:-1: " + wantB},
		{"--backend=-a:1", "--backend=-a:1: " + wantB},
		{"--backend=a_b..c:1", "--backend=a_b..c:1: " + wantB},
		{"--backend=1.2.3:1", "--backend=1.2.3:1: " + wantB},
		{"--backend=::1:80", "--backend=::1:80: " + wantB},
		{"--backend=[::1]", "--backend=[::1]: " + wantB},
		{"--backend=[a]:80", "--backend=[a]:80: " + wantB},
		{"--backend=bücher:80", "--backend=bücher:80: " + wantB},
		{"--backend=ftp://a:1", "--backend=ftp://a:1: " + wantB},
		{"--backend=https://", "--backend=https://: " + wantB},
		{"--backend=https://a:1/x", "--backend=https://a:1/x: a backend has no path, query or fragment, " + wantB},
		{"--backend=https://me:secret@a:1", "--backend=https://***@a:1: a backend has no user or password, " + wantB},
		{"--backend=http://a:1/x", "--backend=http://a:1/x: a backend has no path, query or fragment, " + wantB},
		{"--backend=http://a:1?x", "--backend=http://a:1?x: a backend has no path, query or fragment, " + wantB},
		{"--backend=a:1#x", "--backend=a:1#x: a backend has no path, query or fragment, " + wantB},
		{"--backend=http://me:secret@a:1", "--backend=http://***@a:1: a backend has no user or password, " + wantB},
		{"--backend=me:secret@a:1", "--backend=***@a:1: a backend has no user or password, " + wantB},
		{"--backend=a:1,a:1", "--backend=a:1: given twice, want each backend once"},
		{"--backend=https://a,a:443", "--backend=a:443: given twice, want each backend once"},
		{"--backend=http://a:1,https://A:1", "--backend=https://a:1: given twice, want each backend once"},
		{"--backend=a:80 --backend=http://A", "--backend=a:80: given twice, want each backend once"},
		{"--backend=HTTP://a:80/,a:080", "--backend=a:80: given twice, want each backend once"},
		{"--backend=[::1]:1,[0:0::1]:1", "--backend=[::1]:1: given twice, want each backend once"},
		{"--backend=127.0.0.1:1,[::ffff:127.0.0.1]:1", "--backend=127.0.0.1:1: given twice, want each backend once"},
		{"--backend=127.0.0.1:8080", "--backend=127.0.0.1:8080: that is where Tutti listens itself (--listen=:8080)"},
		{"--backend=127.0.0.1:8081", "--backend=127.0.0.1:8081: that is where Tutti listens itself (--admin-listen=127.0.0.1:8081)"},
		{"--backend=localhost:8080", "--backend=localhost:8080: that is where Tutti listens itself (--listen=:8080)"},
		{backend + " " + demo, "--demo-backends=3: they would take the place of --backend, want one of the two"},

		// Routes.
		{"--balance=x " + demo, `--balance=x: pattern "x": the path must start with "/"`},
		{"--fanout=/a?b " + demo, `--fanout=/a?b: pattern "/a?b": a path has no spaces, wildcards, query or fragment`},
		{"--fanout=/a,/a " + demo, `--fanout=/a,/a: pattern "/a" is given twice`},
		{"--balance=/ " + demo, `--balance=/: pattern "/" is given for both --balance and --fanout (/ is the default of --fanout, give that flag too)`},
		{"--fanout=/login " + demo, `--fanout=/login: pattern "/login" is given for both --balance and --fanout (/login is the default of --balance, give that flag too)`},
		{"--balance=/x --fanout=/x " + demo, `--fanout=/x: pattern "/x" is given for both --balance and --fanout`},

		// Times, numbers and sizes.
		{"--dial-timeout=0 " + demo, "--dial-timeout=0: " + times},
		{"--dial-timeout=5 " + demo, "--dial-timeout=5: " + times},
		{"--dial-timeout=-1s " + demo, "--dial-timeout=-1s: " + times},
		{"--backend-timeout=1us " + demo, "--backend-timeout=1us: " + times},
		{"--backend-timeout=8761h " + demo, "--backend-timeout=8761h: " + times},
		{"--backend-timeout= " + demo, "--backend-timeout=: " + times},
		{"--stream-timeout=-1s " + demo, "--stream-timeout=-1s: " + times0},
		{"--queue-timeout=1 " + demo, "--queue-timeout=1: " + times0},
		{"--idle-conn-timeout=0s " + demo, "--idle-conn-timeout=0s: " + times},
		{"--eject-for=0 " + demo, "--eject-for=0: want a time from 1ms to 5m, such as 500ms, 3s or 2m"},
		{"--eject-for=6m " + demo, "--eject-for=6m: want a time from 1ms to 5m, such as 500ms, 3s or 2m"},
		{"--health-path=up " + demo, "--health-path=up: " + path},
		{"--health-path=http://a/ " + demo, "--health-path=http://a/: " + path},
		{"--health-path=/a#b " + demo, "--health-path=/a#b: " + path},
		{"--health-path=/é " + demo, "--health-path=/é: " + path},
		{"--health-interval=0 " + demo, "--health-interval=0: " + times},
		{"--health-timeout=0 " + demo, "--health-timeout=0: " + times},
		{"--health-rise=0 " + demo, "--health-rise=0: want a whole number from 1 to 1000"},
		{"--health-fall=0 " + demo, "--health-fall=0: want a whole number from 1 to 1000"},
		{"--ack-timeout=x " + demo, "--ack-timeout=x: " + times},
		{"--idempotency-window=0 " + demo, "--idempotency-window=0: " + times},
		{"--retry-base=0 " + demo, "--retry-base=0: " + times},
		{"--retry-max-backoff=0 " + demo, "--retry-max-backoff=0: " + times},
		{"--retry-jitter=-1ms " + demo, "--retry-jitter=-1ms: " + times0},
		{"--client-timeout=0 " + demo, "--client-timeout=0: " + times},
		{"--idle-timeout=0 " + demo, "--idle-timeout=0: " + times},
		{"--shutdown-delay=-1s " + demo, "--shutdown-delay=-1s: " + times0},
		{"--shutdown-timeout=x " + demo, "--shutdown-timeout=x: " + times0},
		{"--demo-latency=x " + demo, "--demo-latency=x: " + times0},
		{"--max-conns=0 " + demo, "--max-conns=0: want a whole number from 1 to 65535"},
		{"--max-conns=1.5 " + demo, "--max-conns=1.5: want a whole number from 1 to 65535"},
		{"--read-tries=0 " + demo, "--read-tries=0: want a whole number from 1 to 64"},
		{"--eject-after=0 " + demo, "--eject-after=0: want a whole number from 1 to 1000000"},
		{"--max-pending=0 " + demo, "--max-pending=0: want a whole number from 1 to 1000000000"},
		{"--retry-attempts=-1 " + demo, "--retry-attempts=-1: want a whole number from 0 to 1000000000"},
		{"--max-clients=99999999999999999999 " + demo, "--max-clients=99999999999999999999: want a whole number from 0 to 10000000"},
		{"--max-write-size=0 " + demo, "--max-write-size=0: want a size from 1 to 1024GiB, such as 65536, 512KiB, 10MiB or 1GiB"},
		{"--max-write-size=10MB " + demo, "--max-write-size=10MB: want a size from 1 to 1024GiB, such as 65536, 512KiB, 10MiB or 1GiB"},
		{"--max-header-size=1 " + demo, "--max-header-size=1: want a size from 1KiB to 1MiB, such as 65536, 512KiB, 10MiB or 1GiB"},
		{"--max-pending-bytes=99999999999GiB " + demo, "--max-pending-bytes=99999999999GiB: want a size from 1 to 1048576GiB, such as 65536, 512KiB, 10MiB or 1GiB"},

		// Status codes and acknowledgement.
		{"--success-status= " + demo, "--success-status=: " + status},
		{"--success-status=101 " + demo, "--success-status=101: " + status},
		{"--success-status=600 " + demo, "--success-status=600: " + status},
		{"--success-status=201,20 " + demo, "--success-status=20: " + status},
		{"--success-status=299-200 " + demo, "--success-status=299-200: " + status},
		{"--success-status=2xx " + demo, "--success-status=2xx: " + status},
		{"--success-status=0201 " + demo, "--success-status=0201: " + status},
		{"--reject-status= " + demo, "--reject-status=: " + reject},
		{"--reject-status=all " + demo, "--reject-status=all: " + reject},
		{"--reject-status=none,400 " + demo, "--reject-status=none,400: " + reject},
		{"--reject-status=400,unanimous " + demo, "--reject-status=400,unanimous: " + reject},
		{"--reject-status=404,200-299 " + demo, "--reject-status=200-299: some of it is in --success-status=201 too, want either"},
		{"--order-by=user " + demo, "--order-by=user: want all, path, header:NAME, query:NAME, form:NAME or cookie:NAME"},
		{"--ack=most " + demo, "--ack=most: want all, quorum, one or a number of backends from 1 to 3"},
		{"--ack=0 " + demo, "--ack=0: want all, quorum, one or a number of backends from 1 to 3"},
		{"--ack=4 " + demo, "--ack=4: want all, quorum, one or a number of backends from 1 to 3"},
		{"--ack=2 " + backend, "--ack=2: want all, quorum, one or a number of backends from 1 to 1"},

		// What can't work together.
		{"--max-write-size=1GiB " + demo, "--max-write-size=1GiB: want at most --max-pending-bytes, which is 256MiB"},
		{"--max-pending-bytes=1MiB " + demo, "--max-pending-bytes=1MiB: want at least --max-write-size, which is 10MiB"},
		{"--retry-base=2m " + demo, "--retry-base=2m: want at most --retry-max-backoff, which is 64s"},
		{"--retry-max-backoff=500ms " + demo, "--retry-max-backoff=500ms: want at least --retry-base, which is 1s"},

		// Demo backends.
		{"--demo-backends=65", "--demo-backends=65: want a whole number from 0 to 64"},
		{"--demo-flaky=4 " + demo, "--demo-flaky=4: want at most --demo-backends, which is 3"},
		{"--demo-fail-rate=1.1 " + demo, "--demo-fail-rate=1.1: want a share from 0 to 1, such as 0.2"},
		{"--demo-fail-rate=NaN " + demo, "--demo-fail-rate=NaN: want a share from 0 to 1, such as 0.2"},
		{"--demo-listen= " + demo, "--demo-listen=: " + listen},
		{"--demo-listen=:65534 " + demo, "--demo-listen=:65534: the ports of the other demo backends would be past 65535"},
		{"--demo-listen=:8079 " + demo, "--demo-listen=:8080: the port is taken by --listen=:8080"},

		// TLS.
		{"--trusted-proxies=10.0.0.0/33 " + demo, "--trusted-proxies=10.0.0.0/33: want networks or addresses such as 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32"},
		{"--trusted-proxies=::1,proxy " + demo, "--trusted-proxies=proxy: want networks or addresses such as 10.0.0.0/8, 192.0.2.1 or 2001:db8::/32"},
		{"--trusted-proxies=10.0.0.1/8 " + demo, "--trusted-proxies=10.0.0.1/8: there are bits set behind the network's length, want 10.0.0.0/8"},
		{"--access-log-format=common " + demo, "--access-log-format=common: want combined or json"},
		{"--tls-cert=c.pem " + demo, "--tls-cert=c.pem: its key is missing, want --tls-key=FILE, too"},
		{"--tls-key=k.pem " + demo, "--tls-key=k.pem: its certificate is missing, want --tls-cert=FILE, too"},
		{"--tls-cert=c.pem --tls-key=k.pem --listen= " + demo, "--tls-cert=c.pem: there is nothing to serve with it without --listen, leave it out"},
		{"--backend-ca=ca.pem " + backend, "--backend-ca=ca.pem: no backend is spoken to over TLS, want --backend=https://host:port or leave it out"},
		{"--backend=https://127.0.0.1:8080", "--backend=127.0.0.1:8080: that is where Tutti listens itself (--listen=:8080)"},

		// The log.
		{"--log-format=xml " + demo, "--log-format=xml: want text or json"},
		{"--log-level=trace " + demo, "--log-level=trace: want debug, info, warn or error"},
	} {
		_, err := parseFlags(strings.Fields(tc.args), nil)
		var usage *usageError
		if !errors.As(err, &usage) || err.Error() != tc.want {
			t.Errorf("tutti %s\n got %v\nwant %s", tc.args, err, tc.want)
		}
	}
}

func TestAMessageIsOneLineWhateverTheValue(t *testing.T) {
	for value, want := range map[string]string{
		"a\nb":                     `--ack="a\nb": `,
		"a b":                      `--ack="a b": `,
		"\x1b[31m":                 `--ack="\x1b[31m": `,
		"\xff":                     `--ack="\xff": `,
		strings.Repeat("x", 1<<16): "--ack=" + strings.Repeat("x", 120) + "...: ",
	} {
		_, err := parseFlags([]string{"--demo-backends=3", "--ack=" + value}, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.20q gives %.200v, want %s", value, err, want)
		}
	}
	for _, arg := range []string{"--a\nb", "a\nb", "-a\nb", "--\n=x", "--=\n"} {
		if _, err := parseFlags([]string{arg}, nil); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q gives %v", arg, err)
		}
	}
}

func TestTooManyBackendsAreRefused(t *testing.T) {
	var list []string
	for i := range maxBackends + 1 {
		list = append(list, fmt.Sprintf("b%d:80", i))
	}
	if _, err := parseFlags([]string{"--backend=" + strings.Join(list[1:], ",")}, nil); err != nil {
		t.Errorf("64 backends: %v", err)
	}
	_, err := parseFlags([]string{"--backend=" + strings.Join(list, ",")}, nil)
	if err == nil || !strings.HasSuffix(err.Error(), ": these are 65, want at most 64") {
		t.Errorf("65 backends: %v", err)
	}
}

// parsed is the configuration of a command line that must be accepted.
func parsed(t *testing.T, environ []string, args ...string) *Config {
	t.Helper()
	c, err := parseFlags(args, environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestDefaultsAreTheContracts(t *testing.T) {
	c := parsed(t, nil, "--backend=a:1,b:1,c:1")
	for _, tc := range []struct {
		name      string
		got, want any
	}{
		{"listen", c.Listen, ":8080"},
		{"admin-listen", c.AdminListen, "127.0.0.1:8081"},
		{"admin-listen on loopback", c.AdminLoopback, true},
		{"admin-token-file", c.AdminToken, ""},
		{"expose-metrics", c.ExposeMetrics, "local"},
		{"backend", strings.Join(c.Backends, " "), "a:1 b:1 c:1"},
		{"balance", strings.Join(c.Balance, " "), "/login"},
		{"fanout", strings.Join(c.Fanout, " "), "/"},
		{"dial-timeout", c.DialTimeout, 3 * time.Second},
		{"backend-timeout", c.BackendTimeout, 30 * time.Second},
		{"stream-timeout", c.StreamTimeout, 5 * time.Minute},
		{"max-conns", c.MaxConns, 512},
		{"queue-timeout", c.QueueTimeout, time.Second},
		{"idle-conn-timeout", c.IdleConnTimeout, 30 * time.Second},
		{"read-tries", c.ReadTries, 2},
		{"eject-after", c.EjectAfter, 3},
		{"eject-for", c.EjectFor, 10 * time.Second},
		{"health-path", c.HealthPath, ""},
		{"health-interval", c.HealthInterval, 5 * time.Second},
		{"health-timeout", c.HealthTimeout, 2 * time.Second},
		{"health-rise", c.HealthRise, 2},
		{"health-fall", c.HealthFall, 3},
		{"success-status", strings.Join(c.SuccessStatus, " "), "201"},
		{"reject-status", len(c.RejectStatus), 0},
		{"reject-status unanimous", c.RejectUnanimous, true},
		{"ack", c.Ack, 3},
		{"ack earliest", c.AckEarliest, false},
		{"ack-timeout", c.AckTimeout, 30 * time.Second},
		{"journal", c.Journal, ""},
		{"journal-max-size", c.JournalMaxSize, int64(0)},
		{"max-pending", c.MaxPending, 100_000},
		{"max-pending-bytes", c.MaxPendingBytes, int64(256 << 20)},
		{"idempotency-window", c.IdempotencyWindow, 10 * time.Minute},
		{"retry-attempts", c.RetryAttempts, 100},
		{"retry-base", c.RetryBase, time.Second},
		{"retry-max-backoff", c.RetryMaxBackoff, 64 * time.Second},
		{"retry-jitter", c.RetryJitter, 100 * time.Millisecond},
		{"max-write-size", c.MaxWriteSize, int64(10 << 20)},
		{"max-header-size", c.MaxHeaderSize, 16 << 10},
		{"client-timeout", c.ClientTimeout, time.Minute},
		{"idle-timeout", c.IdleTimeout, 75 * time.Second},
		{"max-clients", c.MaxClients, 0},
		{"shutdown-delay", c.ShutdownDelay, time.Duration(0)},
		{"shutdown-timeout", c.ShutdownTimeout, 30 * time.Second},
		{"demo-backends", c.DemoBackends, 0},
		{"demo-flaky", c.DemoFlaky, 1},
		{"demo-fail-rate", c.DemoFailRate, 0.2},
		{"demo-latency", c.DemoLatency, time.Duration(0)},
		{"demo-listen", c.DemoListen, "127.0.0.1:0"},
		{"log-format", c.LogFormat, "text"},
		{"log-level", c.LogLevel.String(), "INFO"},
		{"action", c.Action, Run},
		{"routes", c.Routes != nil, true},
		{"warnings", len(c.Warnings), 0},
	} {
		if !reflect.DeepEqual(tc.got, tc.want) {
			t.Errorf("%s is %v, want %v", tc.name, tc.got, tc.want)
		}
	}
}

func TestListsAreCommaSeparatedOrRepeatedAndReplaceTheDefault(t *testing.T) {
	for _, tc := range []struct {
		args string
		want []string
	}{
		{"", []string{"/login"}},
		{"--balance=/a", []string{"/a"}},
		{"--balance=/a,/b", []string{"/a", "/b"}},
		{"--balance=/a --balance=/b,/c", []string{"/a", "/b", "/c"}},
		{"--balance /a --balance /b", []string{"/a", "/b"}},
		{"--balance=", nil},
		{"--balance= --balance=/a", []string{"/a"}},
	} {
		c := parsed(t, nil, append(strings.Fields(tc.args), "--demo-backends=1")...)
		if !slices.Equal(c.Balance, tc.want) {
			t.Errorf("%s gives %q, want %q", tc.args, c.Balance, tc.want)
		}
	}
	if c := parsed(t, nil, "--demo-backends=1", "--fanout=GET /purge, POST /x ,/"); !slices.Equal(c.Fanout, []string{"GET /purge", "POST /x", "/"}) {
		t.Errorf("patterns with methods give %q", c.Fanout)
	}
}

func TestBackendsAreNormalised(t *testing.T) {
	for given, want := range map[string]string{
		"server1:8080":         "server1:8080",
		"Server1.Example:8080": "server1.example:8080",
		"http://server1":       "server1:80",
		"HTTP://server1:81/":   "server1:81",
		"http://[::1]":         "[::1]:80",
		"[0:0::1]:9090":        "[::1]:9090",
		"[fe80::1%eth0]:80":    "[fe80::1%eth0]:80",
		"10.0.0.1:08080":       "10.0.0.1:8080",
		"my_server-1:1":        "my_server-1:1",
		"server1.:1":           "server1.:1",
		"7up:65535":            "7up:65535",
	} {
		if c := parsed(t, nil, "--backend="+given); c.Backends[0] != want || c.BackendTLS[0] {
			t.Errorf("%s becomes %s (TLS: %v), want %s", given, c.Backends[0], c.BackendTLS[0], want)
		}
	}
}

func TestHTTPSBackendsAreNamedLikeTheOthers(t *testing.T) {
	c := parsed(t, nil, "--backend=https://Server1,server2:80,HTTPS://[::1]:8443/,http://server1:80", "--backend-ca=ca.pem")
	if got := strings.Join(c.Backends, " "); got != "server1:443 server2:80 [::1]:8443 server1:80" {
		t.Errorf("the names are %s", got)
	}
	if !slices.Equal(c.BackendTLS, []bool{true, false, true, false}) || c.BackendCA != "ca.pem" {
		t.Errorf("over TLS are %v, by %q", c.BackendTLS, c.BackendCA)
	}
}

func TestAckIsANumberOfBackends(t *testing.T) {
	for _, tc := range []struct {
		ack      string
		n, need  int
		earliest bool
	}{
		{"all", 1, 1, false},
		{"all", 5, 5, false},
		{"quorum", 1, 1, false},
		{"quorum", 2, 2, false},
		{"quorum", 3, 2, false},
		{"quorum", 4, 3, false},
		{"one", 4, 1, true},
		{"1", 4, 1, false},
		{"4", 4, 4, false},
	} {
		c := parsed(t, nil, "--ack="+tc.ack, fmt.Sprintf("--demo-backends=%d", tc.n))
		if c.Ack != tc.need || c.AckEarliest != tc.earliest {
			t.Errorf("--ack=%s of %d is %d, earliest %v", tc.ack, tc.n, c.Ack, c.AckEarliest)
		}
	}
}

func TestRejectStatusIsAPolicyOrCodes(t *testing.T) {
	for _, tc := range []struct {
		given     string
		codes     []string
		unanimous bool
	}{
		{"unanimous", nil, true},
		{"none", nil, false},
		{"400-499,501", []string{"400-499", "501"}, false},
	} {
		c := parsed(t, nil, "--demo-backends=1", "--reject-status="+tc.given)
		if !slices.Equal(c.RejectStatus, tc.codes) || c.RejectUnanimous != tc.unanimous {
			t.Errorf("%s gives %q, unanimous %v", tc.given, c.RejectStatus, c.RejectUnanimous)
		}
	}
}

func TestWithoutListenOnlyDemoBackendsRun(t *testing.T) {
	c := parsed(t, nil, "--listen=", "--demo-backends=1", "--demo-listen=:8080")
	if c.Listen != "" || c.AdminListen != "" || c.DemoListen != ":8080" {
		t.Errorf("it would listen on %q, %q and %q", c.Listen, c.AdminListen, c.DemoListen)
	}
	c = parsed(t, nil, "--admin-listen=", "--demo-backends=1")
	if c.AdminListen != "" || c.Listen != ":8080" {
		t.Errorf("it would listen on %q and %q", c.Listen, c.AdminListen)
	}
}

func TestPortsThatDoNotCollideAreAccepted(t *testing.T) {
	for _, args := range []string{
		"--listen=127.0.0.1:80 --admin-listen=127.0.0.2:80",
		"--listen=:0 --admin-listen=:0",
		"--listen=0.0.0.0:80 --admin-listen=[::1]:80",
		"--demo-listen=127.0.0.1:8082",
	} {
		parsed(t, nil, append(strings.Fields(args), "--demo-backends=3")...)
	}
	parsed(t, nil, "--backend=127.0.0.1:8080", "--listen=10.0.0.1:8080")
	parsed(t, nil, "--backend=10.0.0.1:8080")
}

func TestActionsComeBeforeValidation(t *testing.T) {
	for args, want := range map[string]Action{
		"--help":                      Help,
		"-h":                          Help,
		"--help --version":            Help,
		"--version":                   Version,
		"--version --ack=9":           Version,
		"--probe=http://127.0.0.1/x":  Probe,
		"--check --demo-backends=1":   Check,
		"--check=false --backend=a:1": Run,
	} {
		if c := parsed(t, nil, strings.Fields(args)...); c.Action != want {
			t.Errorf("%s is action %d, want %d", args, c.Action, want)
		}
	}
	if c := parsed(t, []string{"TUTTI_ACK=nonsense"}, "--probe=http://x/"); c.ProbeURL != "http://x/" {
		t.Errorf("the probe goes to %q", c.ProbeURL)
	}
}

func TestTheTokenIsReadAndItsFileLookedAt(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const token = "0123456789abcdefTOKEN"
	args := func(path string) []string {
		return []string{"--demo-backends=1", "--admin-listen=:8081", "--admin-token-file=" + path}
	}
	for _, tc := range []struct {
		name, path, warning string
	}{
		{"a good one", write("good", token+"\n", 0o600), ""},
		{"for the group, too", write("group", token, 0o640), ""},
		{"for everybody", write("open", token, 0o644), "can be read by everybody"},
	} {
		c := parsed(t, nil, args(tc.path)...)
		if c.AdminToken != token {
			t.Errorf("%s: the token is %q", tc.name, c.AdminToken)
		}
		if got := strings.Join(c.Warnings, "|"); (got != "") != (tc.warning != "") || !strings.Contains(got, tc.warning) {
			t.Errorf("%s: the warning is %q", tc.name, got)
		}
	}
	if c := parsed(t, nil, args(write("short", "abc", 0o600))...); len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "short enough to be guessed") {
		t.Errorf("a short one: %q", c.Warnings)
	}
	for _, tc := range []struct {
		name, path, want string
	}{
		{"missing", filepath.Join(dir, "none"), "cannot be read (no such file or directory), want a file with a token"},
		{"a directory", dir, "is no file, want a file with a token"},
		{"empty", write("empty", " \n", 0o600), "is empty, want a file with a token"},
		{"two words", write("two", token+"\n"+token, 0o600), "holds more than one word of printable ASCII, want a file with a token alone"},
		{"too long", write("long", strings.Repeat("x", 5000), 0o600), "cannot be read or is longer than 4096 bytes, want a file with a token"},
	} {
		_, err := parseFlags(args(tc.path), nil)
		if err == nil || err.Error() != "--admin-token-file="+tc.path+": "+tc.want {
			t.Errorf("%s: %v", tc.name, err)
		}
		if err != nil && strings.Contains(err.Error(), token) {
			t.Errorf("%s: the token is in the message", tc.name)
		}
	}
}

func TestAnOpenAdminListenerWithoutTokenIsWarnedOf(t *testing.T) {
	for listen, warned := range map[string]bool{
		":8081": true, "0.0.0.0:8081": true, "[::]:8081": true, "10.0.0.1:8081": true, "example:8081": true,
		"127.0.0.1:8081": false, "127.9.9.9:8081": false, "[::1]:8081": false, "localhost:8081": false, "": false,
	} {
		c := parsed(t, nil, "--demo-backends=1", "--admin-listen="+listen)
		if (len(c.Warnings) == 1) != warned {
			t.Errorf("--admin-listen=%s is warned of: %q", listen, c.Warnings)
		}
		if c.AdminLoopback == warned && listen != "" {
			t.Errorf("--admin-listen=%s is on loopback: %v", listen, c.AdminLoopback)
		}
	}
}

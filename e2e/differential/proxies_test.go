package differential

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// lanes is how many requests are tried at once; each has recorders and ports of its own.
const lanes = 6

// proxy is one of those compared: in each lane an address and the recorder behind it.
type proxy struct {
	name      string
	addrs     []string
	recorders []*recorder
}

func newProxy(t *testing.T, name string) *proxy {
	t.Helper()
	p := &proxy{name: name}
	port := harness.Ports(t, lanes)
	for i := range lanes {
		p.addrs = append(p.addrs, harness.LocalAddr(port+i))
		p.recorders = append(p.recorders, newRecorder(t))
	}
	return p
}

// wanted looks for the other programs. On CI they have to be there.
func wanted(t *testing.T) {
	t.Helper()
	for _, name := range []string{"nginx", "haproxy"} {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed, and on CI it has to be", name)
		}
		t.Skipf("%s is not installed: apt-get install nginx-light haproxy", name)
	}
}

func startTutti(t *testing.T) *proxy {
	p := &proxy{name: "Tutti"}
	for range lanes {
		r := newRecorder(t)
		p.recorders = append(p.recorders, r)
		p.addrs = append(p.addrs, program.Start(t, "--backend="+r.addr(), "--balance=/", "--fanout=/nothing").Listen)
	}
	return p
}

func startNginx(t *testing.T) *proxy {
	p := newProxy(t, "nginx")
	dir := t.TempDir()
	var servers strings.Builder
	for i, r := range p.recorders {
		fmt.Fprintf(&servers, "\tserver {\n\t\tlisten %s;\n\t\tlocation / { proxy_pass http://%s; }\n\t}\n", p.addrs[i], r.addr())
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // to reach the directory
	}
	conf := fmt.Sprintf(`%sdaemon off;
master_process off;
pid %s/pid;
error_log /dev/null;
events { worker_connections 1024; }
http {
	access_log off;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	proxy_http_version 1.1;
	proxy_set_header Host $http_host;
%s}
`, user, dir, servers.String())
	p.spawn(t, conf, filepath.Join(dir, "nginx.conf"), "nginx", "-p", dir, "-e", "/dev/null", "-c")
	return p
}

func startHAProxy(t *testing.T) *proxy {
	p := newProxy(t, "HAProxy")
	var conf strings.Builder
	conf.WriteString("global\n\tnbthread 1\ndefaults\n\tmode http\n\ttimeout connect 5s\n\ttimeout client 20s\n\ttimeout server 20s\n")
	for i, r := range p.recorders {
		fmt.Fprintf(&conf, "listen l%d\n\tbind %s\n\tserver s %s\n", i, p.addrs[i], r.addr())
	}
	p.spawn(t, conf.String(), filepath.Join(t.TempDir(), "haproxy.cfg"), "haproxy", "-db", "-f")
	return p
}

// spawn writes the configuration and starts name with args and its path.
func (p *proxy) spawn(t *testing.T, conf, path, name string, args ...string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	other := harness.SpawnOther(t, name, append(args, path)...)
	for _, addr := range p.addrs {
		harness.Eventually(t, name+" listens", func() bool {
			if other.Ended() {
				t.Fatalf("%s ended at its start:\n%s", name, other.Stderr())
			}
			c, err := harness.TryDial(t, addr)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
}

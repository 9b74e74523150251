package check

import (
	"net"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

func loadCompose(t *testing.T) *types.Project {
	t.Helper()
	o, err := cli.NewProjectOptions([]string{root + "/compose.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := o.LoadProject(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestComposeStartsWhatItSays: Compose understands the file, Tutti its commands, and what they
// speak of exists.
func TestComposeStartsWhatItSays(t *testing.T) {
	t.Parallel()
	p := loadCompose(t)
	for name, s := range p.Services {
		for _, v := range s.Volumes {
			if _, err := os.Stat(v.Source); v.Type == types.VolumeTypeBind && err != nil {
				t.Errorf("%s mounts what is not there: %v", name, err)
			}
		}
		for _, port := range s.Ports {
			// Only Tutti itself is for everybody.
			if local := net.ParseIP(port.HostIP).IsLoopback(); local == (name == "tutti" && port.Published == "8080") {
				t.Errorf("%s publishes %s on %q", name, port.Published, port.HostIP)
			}
		}
		if s.Image != "tutti" {
			if _, tag, _ := strings.Cut(s.Image, ":"); tag == "" || tag == "latest" {
				t.Errorf("%s is of no certain version: %s", name, s.Image)
			}
			continue
		}
		var env []string
		for k, v := range s.Environment {
			env = append(env, k+"="+*v)
		}
		wantCommand(t, env, s.Command...)
		if s.Build == nil || !s.ReadOnly || len(s.CapDrop) != 1 {
			t.Errorf("%s is not as the others: %+v", name, s)
		}
	}
	tutti := p.Services["tutti"]
	if v := tutti.Volumes; len(v) != 1 || p.Volumes[v[0].Source].Name == "" || !slices.Contains(tutti.Command, "--journal="+v[0].Target) ||
		!strings.Contains(read(t, "Dockerfile"), "--chown=65534:65534 /out/lib "+path.Dir(v[0].Target)+"\n") {
		t.Errorf("the journal is not in a volume that begins as the image's directory: %+v", v)
	}
	for _, arg := range tutti.Command {
		list, ok := strings.CutPrefix(arg, "--backend=")
		if !ok {
			continue
		}
		for b := range strings.SplitSeq(list, ",") {
			host, port, _ := strings.Cut(b, ":")
			s, ok := p.Services[host]
			if !ok || !strings.Contains(strings.Join(s.Command, " "), "--demo-listen=:"+port) {
				t.Errorf("there is no backend %s", b)
			}
		}
	}
	if grace := *tutti.StopGracePeriod; grace.String() != "35s" {
		t.Errorf("Tutti has %v to deliver what it owes", grace)
	}
}

// TestGrafanaAndPrometheusFindEachOther in what is mounted into them.
func TestGrafanaAndPrometheusFindEachOther(t *testing.T) {
	t.Parallel()
	p := loadCompose(t)
	mounted := map[string]string{}
	for _, name := range []string{"grafana", "prometheus"} {
		for _, v := range p.Services[name].Volumes {
			mounted[v.Target] = v.Source
		}
	}
	var sources struct {
		Datasources []struct{ Type, URL string }
	}
	parse(t, read(t, "deploy/grafana/datasources.yml"), &sources)
	if len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" || sources.Datasources[0].URL != "http://prometheus:9090" {
		t.Errorf("Grafana's data source is %+v", sources)
	}
	var dashboards struct {
		Providers []struct {
			Type    string
			Options struct{ Path string }
		}
	}
	parse(t, read(t, "deploy/grafana/dashboards.yml"), &dashboards)
	home := *p.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	if len(dashboards.Providers) != 1 || !strings.HasPrefix(home, dashboards.Providers[0].Options.Path+"/") || mounted[home] == "" {
		t.Errorf("Grafana looks for %+v and shows %s, of %v", dashboards, home, mounted)
	}
	var prometheus struct {
		RuleFiles     []string `json:"rule_files"`
		ScrapeConfigs []struct {
			StaticConfigs []struct{ Targets []string } `json:"static_configs"`
		} `json:"scrape_configs"`
	}
	parse(t, read(t, "deploy/prometheus.yml"), &prometheus)
	for _, name := range prometheus.RuleFiles {
		if mounted["/etc/prometheus/"+name] == "" {
			t.Errorf("Prometheus has no %s", name)
		}
	}
	for _, c := range prometheus.ScrapeConfigs {
		for _, target := range c.StaticConfigs[0].Targets {
			host, port, _ := strings.Cut(target, ":")
			s, ok := p.Services[host]
			command := strings.Join(s.Command, " ")
			if !ok || !strings.Contains(command, "--admin-listen=:"+port) || !strings.Contains(command, "--admin-hosts="+host) {
				t.Errorf("Prometheus finds nothing at %s", target)
			}
		}
	}
}

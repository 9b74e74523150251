package check

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// parse reads YAML or JSON.
func parse(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

// manifests are the objects of kubernetes.yaml; a field that Kubernetes does not know fails.
type manifests struct {
	set      appsv1.StatefulSet
	services map[string]corev1.Service
	policies []networkingv1.NetworkPolicy
}

func loadManifests(t *testing.T) manifests {
	t.Helper()
	m := manifests{services: map[string]corev1.Service{}}
	strict := func(doc string, into any) {
		t.Helper()
		if err := yaml.UnmarshalStrict([]byte(doc), into); err != nil {
			t.Fatalf("%v in %s", err, doc)
		}
	}
	for doc := range strings.SplitSeq(read(t, "deploy/kubernetes.yaml"), "\n---\n") {
		var kind struct{ APIVersion, Kind string }
		parse(t, doc, &kind)
		switch kind.APIVersion + " " + kind.Kind {
		case "apps/v1 StatefulSet":
			strict(doc, &m.set)
		case "v1 Service":
			var s corev1.Service
			strict(doc, &s)
			m.services[s.Name] = s
		case "networking.k8s.io/v1 NetworkPolicy":
			var p networkingv1.NetworkPolicy
			strict(doc, &p)
			m.policies = append(m.policies, p)
		default:
			t.Fatalf("what is %+v?", kind)
		}
	}
	return m
}

// container is Tutti's, and its ports by name.
func (m manifests) container(t *testing.T) (corev1.Container, map[string]int32) {
	t.Helper()
	all := m.set.Spec.Template.Spec.Containers
	if len(all) != 1 {
		t.Fatalf("%d containers", len(all))
	}
	ports := map[string]int32{}
	for _, p := range all[0].Ports {
		ports[p.Name] = p.ContainerPort
	}
	return all[0], ports
}

func TestManifestsFitTogether(t *testing.T) {
	t.Parallel()
	m := loadManifests(t)
	c, ports := m.container(t)
	wantCommand(t, nil, c.Args...)
	labels := m.set.Spec.Template.Labels
	selects := func(what string, selector map[string]string) {
		t.Helper()
		if len(selector) == 0 {
			t.Errorf("%s selects nothing", what)
		}
		for k, v := range selector {
			if labels[k] != v {
				t.Errorf("%s selects %s=%s", what, k, v)
			}
		}
	}
	named := func(what string, port intstr.IntOrString) {
		t.Helper()
		if ports[port.StrVal] == 0 {
			t.Errorf("%s: there is no port %s", what, port.String())
		}
	}
	selects("the StatefulSet", m.set.Spec.Selector.MatchLabels)
	if _, ok := m.services[m.set.Spec.ServiceName]; !ok || *m.set.Spec.Replicas != 1 {
		t.Errorf("the StatefulSet is of service %s, with %d replicas", m.set.Spec.ServiceName, *m.set.Spec.Replicas)
	}
	for name, s := range m.services {
		selects("service "+name, s.Spec.Selector)
		for _, p := range s.Spec.Ports {
			named("service "+name, p.TargetPort)
		}
	}
	for _, p := range m.policies {
		selects("the policy", p.Spec.PodSelector.MatchLabels)
		for _, rule := range p.Spec.Ingress {
			for _, port := range rule.Ports {
				named("the policy", *port.Port)
			}
		}
	}
	if v := c.VolumeMounts; len(v) != 1 || len(m.set.Spec.VolumeClaimTemplates) != 1 || v[0].Name != m.set.Spec.VolumeClaimTemplates[0].Name ||
		!slices.ContainsFunc(c.Args, func(a string) bool { return strings.HasPrefix(a, "--journal="+v[0].MountPath+"/") }) {
		t.Errorf("the journal is not in the volume: %+v", v)
	}
	if a := m.set.Spec.Template.Annotations["prometheus.io/port"]; a != strconv.Itoa(int(ports["admin"])) {
		t.Errorf("Prometheus is told port %s", a)
	}
	if limit := c.Resources.Limits.Memory().Value(); limit < 2*256<<20 {
		t.Errorf("%d bytes of memory are too few for --max-pending-bytes", limit)
	}
	if s := c.SecurityContext; !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || len(s.Capabilities.Drop) != 1 {
		t.Errorf("its rights are %+v", s)
	}
}

// TestTheProbesOfARunningPodAnswer: the container's own command, on other ports and with other
// backends, answers the probes as a kubelet asks them; stopping, it is not ready but alive.
func TestTheProbesOfARunningPodAnswer(t *testing.T) {
	t.Parallel()
	c, ports := loadManifests(t).container(t)
	here := map[string]string{"http": freeAddr(t), "admin": freeAddr(t)}
	args := []string{program}
	for _, a := range c.Args {
		for name, addr := range here {
			a = strings.Replace(a, "listen=:"+strconv.Itoa(int(ports[name])), "listen="+addr, 1)
		}
		a = strings.Replace(a, "--journal=/var/lib/tutti/", "--journal="+t.TempDir()+"/", 1)
		if strings.HasPrefix(a, "--backend=") {
			a = "--demo-backends=3"
		}
		args = append(args, a)
	}
	r := spawn(t, args...)
	probe := func(p *corev1.Probe) int {
		// The kubelet's Host is the pod's address.
		return status(t.Context(), "GET", "http://"+here[p.HTTPGet.Port.StrVal]+p.HTTPGet.Path)
	}
	eventually(t, "it has started", func() bool { return probe(c.StartupProbe) == 200 })
	eventually(t, "it is ready", func() bool { return probe(c.ReadinessProbe) == 200 })
	if got := probe(c.LivenessProbe); got != 200 {
		t.Errorf("alive: %d", got)
	}
	if got := status(t.Context(), "POST", "http://"+here["http"]+"/register"); got != 201 {
		t.Errorf("a write: %d", got)
	}
	if err := r.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is not ready any more", func() bool { return probe(c.ReadinessProbe) == 503 })
	if got := probe(c.LivenessProbe); got != 200 {
		t.Errorf("while it stops: %d", got)
	}
	if got := status(t.Context(), "GET", "http://"+here["http"]+"/login"); got != 200 {
		t.Errorf("a read within --shutdown-delay: %d", got)
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("it ends with %v\n%s", err, r.log.String())
	}
	if _, err := net.Dial("tcp", here["http"]); err == nil {
		t.Error("somebody still listens")
	}
}

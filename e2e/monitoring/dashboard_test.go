//go:build !race

package monitoring

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tutti/e2e/harness"
)

// dashboard is what we look at of Grafana's model.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []panel
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int }
	Datasource               struct{ UID string }
	Targets                  []struct{ RefID, Expr string }
}

func loadDashboard(t *testing.T) *dashboard {
	t.Helper()
	d := new(dashboard)
	if err := json.Unmarshal([]byte(read(t, "grafana/tutti.json")), d); err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 20 {
		t.Fatalf("%d panels only", len(d.Panels))
	}
	return d
}

func TestTheDashboardIsWellMade(t *testing.T) {
	t.Parallel()
	d := loadDashboard(t)
	ids := map[int]string{}
	taken := map[[2]int]string{}
	for _, p := range d.Panels {
		if other, ok := ids[p.ID]; ok {
			t.Errorf("%q and %q have one id", p.Title, other)
		}
		ids[p.ID] = p.Title
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%q lies over %q", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.H == 0 || p.Title == "" {
			t.Errorf("%q is placed at %+v", p.Title, p.GridPos)
		}
		if p.Type == "row" {
			continue
		}
		if p.Description == "" || len(p.Targets) == 0 || p.Datasource.UID != "${datasource}" {
			t.Errorf("%q has no description, no query or a data source of its own", p.Title)
		}
	}
}

// ours are the names of the series, those of buckets and sums among them.
var ours = regexp.MustCompile(`\b(?:tutti|target_domain|Total_domains)_\w+`)

// TestTheDashboardShowsEverySeries of ours, and none that there isn't.
func TestTheDashboardShowsEverySeries(t *testing.T) {
	t.Parallel()
	d := loadDashboard(t)
	shown := map[string]bool{}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			for _, name := range ours.FindAllString(q.Expr, -1) {
				shown[family(name)] = true
			}
		}
	}
	p := program.Start(t, harness.BackendFlag(harness.NewBackend(t, harness.Says(200, "ok"))))
	there := map[string]bool{}
	for name := range p.Metrics() {
		if name = ours.FindString(name); name != "" {
			there[family(name)] = true
		}
	}
	for name := range there {
		if !shown[name] {
			t.Errorf("%s is not on the dashboard", name)
		}
	}
	for name := range shown {
		if !there[name] {
			t.Errorf("%s is on the dashboard, but there is no such series", name)
		}
	}
}

// family is the name without what a histogram adds.
func family(name string) string {
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		name = strings.TrimSuffix(name, suffix)
	}
	return name
}

// wantData runs every query of the dashboard as Grafana would, until each has returned data.
func (d *dashboard) wantData(t *testing.T, p *prometheus, instance string) {
	t.Helper()
	fill := strings.NewReplacer("$__rate_interval", "3s", "$job", "tutti", "$instance", instance, "$backend", ".*")
	queries := 0
	for _, panel := range d.Panels {
		for _, target := range panel.Targets {
			queries++
			query := fill.Replace(target.Expr)
			if strings.Contains(query, "$") {
				t.Errorf("%q: a variable is left in %s", panel.Title, query)
			}
			var err error
			harness.Eventually(t, fmt.Sprintf("%q, query %s returns data: %s", panel.Title, target.RefID, query), func() bool {
				var all []series
				if all, err = p.lately(query); err != nil {
					t.Fatal(err)
				}
				return slices.ContainsFunc(all, hasNumber)
			})
		}
	}
	t.Logf("%d queries of %d panels return data", queries, len(d.Panels))
}

// hasNumber tells whether a series shows anything: NaN is a gap.
func hasNumber(s series) bool {
	return slices.ContainsFunc(s.Values, func(v [2]any) bool {
		text, _ := v[1].(string)
		f, err := strconv.ParseFloat(text, 64)
		return err == nil && !math.IsNaN(f)
	})
}

// wantChoices looks each variable's values up as Grafana would.
func (d *dashboard) wantChoices(t *testing.T, p *prometheus, instance string) {
	t.Helper()
	definition := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`)
	fill := strings.NewReplacer("$job", "tutti", "$instance", instance)
	for _, v := range d.Templating.List {
		if v.Type != "query" {
			continue
		}
		m := definition.FindStringSubmatch(v.Definition)
		if m == nil {
			t.Errorf("$%s is defined as %q", v.Name, v.Definition)
			continue
		}
		var values []string
		if err := p.ask("label/"+m[2]+"/values", map[string][]string{"match[]": {fill.Replace(m[1])}}, &values); err != nil || len(values) == 0 {
			t.Errorf("$%s has no values: %v", v.Name, err)
		}
	}
}

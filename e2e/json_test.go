package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tutti/e2e/harness"
)

// shape is what JSON is made of: each member's path and type. Those of a list's elements are merged.
type shape map[string]string

// add merges v, which is at a path.
func (s shape) add(at string, v any) {
	kind := "null"
	switch v := v.(type) {
	case map[string]any:
		kind = "object"
		for name, member := range v {
			s.add(at+"."+name, member)
		}
	case []any:
		kind = "list"
		for _, element := range v {
			s.add(at+"[]", element)
		}
	case string:
		kind = "string"
		if _, err := time.Parse(time.RFC3339Nano, v); err == nil {
			kind = "time"
		}
	case float64:
		kind = "number"
	case bool:
		kind = "boolean"
	}
	if was, known := s[at]; !known || was == "null" {
		s[at] = kind
	}
}

// differences says what one of them has that the other has not.
func (s shape) differences(got shape) []string {
	var all []string
	for at, kind := range s {
		if is, there := got[at]; !there || is != kind {
			all = append(all, fmt.Sprintf("%s is documented as %s, the program says %q", at, kind, is))
		}
	}
	for at, kind := range got {
		if _, there := s[at]; !there {
			all = append(all, fmt.Sprintf("%s (%s) is not documented", at, kind))
		}
	}
	slices.Sort(all)
	return all
}

func shapeOf(t *testing.T, text string) shape {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	s := shape{}
	s.add("", v)
	return s
}

// examples are those of the admin listener's page in docs/, by their request.
func examples(t *testing.T) map[string]shape {
	t.Helper()
	text, err := os.ReadFile("../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]shape{}
	for _, m := range regexp.MustCompile("(?s)<!-- example: (.*?) -->\n```json\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		all[m[1]] = shapeOf(t, m[2])
	}
	return all
}

// variety is the program with a write that is parked and overtaken, whose id it returns, and one that waits
// for a backend that is down, whose name it returns.
func variety(t *testing.T) (p *harness.Process, id, name string) {
	t.Helper()
	backends := harness.Backends(t, 3, harness.Says(201, "w"))
	backends[2].Script(func(c *harness.Call) {
		if strings.HasPrefix(c.Target, "/poison") {
			harness.Says(500, "no")(c)
			return
		}
		harness.Says(201, "w")(c)
	})
	p = start(t, harness.BackendFlag(backends...), "--order-by=query:key", "--ack=one", "--retry-attempts=4", "--retry-base=100ms")
	backends[1].Stop()
	wantStatus(t, harness.Once(t, p.Listen, post("/poison?key=a", "x")), 201)
	harness.Eventually(t, "a write is parked", func() bool { return len(p.Writes("state=parked")) == 1 })
	wantStatus(t, harness.Once(t, p.Listen, post("/w?key=a", "x")), 201)
	harness.Eventually(t, "the later one is delivered where the first is parked", func() bool {
		w := p.Writes("")
		return len(w) == 2 && w[1].Backends[2].State == "delivered"
	})
	return p, p.Writes("")[0].ID, backends[1].Addr
}

// answer is what the program says to an example's request; of a list, all its pages.
func answer(t *testing.T, p *harness.Process, request string) shape {
	t.Helper()
	request, member, _ := strings.Cut(request, " | .")
	method, target, _ := strings.Cut(request, " ")
	if method != http.MethodGet {
		return shapeOf(t, p.Change(method, target).Body)
	}
	got := shape{}
	for target != "" {
		r := p.Get(target)
		if r.Status != 200 {
			t.Fatalf("%s answers %d: %s", target, r.Status, r.Body)
		}
		var v map[string]any
		if err := json.Unmarshal([]byte(r.Body), &v); err != nil {
			t.Fatal(err)
		}
		target, _ = v["next"].(string)
		if member != "" {
			got.add("", v[member])
		} else {
			got.add("", v)
		}
	}
	return got
}

// The documented shapes are those of the program: no member more, none less, of the same types.
func TestTheDocumentedJSONIsWhatTheProgramSays(t *testing.T) {
	t.Parallel()
	documented := examples(t)
	if len(documented) < 6 {
		t.Fatalf("there are %d examples", len(documented))
	}
	p, id, name := variety(t)
	fill := strings.NewReplacer("{id}", id, "{name}", name)
	for _, request := range slices.Sorted(maps.Keys(documented)) {
		var last []string
		deadline := time.Now().Add(harness.Limit)
		for {
			last = documented[request].differences(answer(t, p, fill.Replace(request)))
			if len(last) == 0 || time.Now().After(deadline) {
				break
			}
			// Some members are there for a while only: a wait, a measurement.
			wantStatus(t, harness.Once(t, p.Listen, post("/poison?key=b", "x")), 201)
			wantStatus(t, harness.Once(t, p.Listen, get("/login")), 201)
		}
		for _, d := range last {
			t.Errorf("%s: %s", request, d)
		}
	}
}

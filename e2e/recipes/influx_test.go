//go:build !race

package recipes

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"tutti/e2e/harness"
)

// epoch is when the points begin, in nanoseconds.
const epoch = 1767225600_000000000

func startInflux(t *testing.T) *server {
	t.Helper()
	port, dir := harness.Ports(t, 2), t.TempDir()
	addr := harness.LocalAddr(port)
	conf := file(t, "influxdb.conf", fmt.Sprintf(`reporting-disabled = true
bind-address = "%s"
[meta]
dir = "%s/meta"
[data]
dir = "%s/data"
wal-dir = "%s/wal"
[http]
bind-address = "%s"
log-enabled = false
`, harness.LocalAddr(port+1), dir, dir, dir, addr))
	return serve(t, addr, "influxd", "-config", conf)
}

// influxTable is what a query's answer holds.
type influxTable struct {
	Results []struct {
		Series []struct {
			Columns []string
			Values  [][]any
		}
		Error string
	}
}

// values are the rows of a query's answer.
func values(t *testing.T, answer string) [][]any {
	t.Helper()
	var table influxTable
	if err := json.Unmarshal([]byte(answer), &table); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	if len(table.Results) != 1 || table.Results[0].Error != "" || len(table.Results[0].Series) != 1 {
		t.Fatalf("no table: %s", answer)
	}
	return table.Results[0].Series[0].Values
}

// influx: points are written by eight clients while one node is stopped and started, and Tutti is
// killed in between. Each client is answered 204, and in the end every node has every point.
func influx(t *testing.T, r *recipe) {
	harness.Needed(t, "influxd", "influxdb")
	harness.Needed(t, "curl", "curl")
	nodes := make([]*server, 3)
	for i := range nodes {
		nodes[i] = startInflux(t)
		r.call(fmt.Sprintf("influx%d:8086", i+1), nodes[i].addr)
	}
	r.run()
	r.call("/var/lib/tutti", filepath.Join(t.TempDir(), "journal"))
	p := r.tutti()
	r.call("tutti:8080", p.Listen)
	if rows := values(t, r.run()); len(rows) != 1 || fmt.Sprint(rows[0][1]) != "21.5" {
		t.Errorf("the recipe's query shows %v", rows)
	}

	const clients, each = 8, 90
	phase := func(from, to int) (wait func()) {
		var wg sync.WaitGroup
		for c := range clients {
			wg.Go(func() {
				for i := from; i < to; i++ {
					point := fmt.Sprintf("load,client=%d value=%d %d", c, i, epoch+i)
					a, err := try(t, http.MethodPost, "http://"+p.Listen+"/write?db=metrics", point)
					if err != nil || a.status != http.StatusNoContent {
						t.Errorf("point %d of client %d: %+v, %v", i, c, a, err)
					}
				}
			})
		}
		return wg.Wait
	}
	wait := phase(0, each/2)
	nodes[2].stop()
	wait()
	if n := owed(t, p, nodes[2]); n == 0 {
		t.Error("the node that is down is owed nothing")
	}
	reads(t, p, nodes[2])
	lacks := owed(t, p, nodes[2])
	p.Kill()
	p = r.again()
	if n := owed(t, p, nodes[2]); n != lacks {
		t.Errorf("after the crash %v points are owed, before it were %v", n, lacks)
	}
	wait = phase(each/2, each)
	nodes[2].start()
	wait()
	delivered(t, p)

	var first string
	for i, n := range nodes {
		count := values(t, query(t, n.addr, "SELECT COUNT(value) FROM load"))
		if fmt.Sprint(count[0][1]) != fmt.Sprint(clients*each) {
			t.Errorf("node %d has %v points, not %d", i+1, count[0][1], clients*each)
		}
		all := query(t, n.addr, "SELECT * FROM load; SELECT * FROM temperature")
		if i == 0 {
			first = all
		} else if all != first {
			t.Errorf("node %d has other points than node 1", i+1)
		}
	}
	if n := strings.Count(first, `"`); n < clients*each {
		t.Errorf("they agree on too little: %.200s", first)
	}
	a, err := try(t, http.MethodPost, "http://"+p.Listen+"/query?q=DROP+DATABASE+metrics", "")
	if err != nil || a.status != http.StatusNotFound {
		t.Errorf("what drops a database: %+v, %v", a, err)
	}
	a, err = try(t, http.MethodPost, "http://"+p.Listen+"/write?db=metrics", fmt.Sprintf("load,client=0 value=\"words\" %d", epoch))
	if err != nil || a.status != http.StatusBadRequest {
		t.Errorf("a point of the wrong type: %+v, %v", a, err)
	}
}

// reads asks for the number of points: while a node lacks some, only the others are asked.
func reads(t *testing.T, p *harness.Process, without *server) {
	t.Helper()
	before := p.Metrics().Sum("tutti_backend_requests_total", "backend", without.addr, "code", "200")
	for range 6 {
		if rows := values(t, query(t, p.Listen, "SELECT COUNT(value) FROM load")); len(rows) != 1 {
			t.Errorf("a query shows %v", rows)
		}
	}
	if now := p.Metrics().Sum("tutti_backend_requests_total", "backend", without.addr, "code", "200"); now != before {
		t.Error("a node that lacks points is asked")
	}
}

func query(t *testing.T, addr, q string) string {
	t.Helper()
	return get(t, "http://"+addr+"/query?"+url.Values{"db": {"metrics"}, "q": {q}}.Encode())
}

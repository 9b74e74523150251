package route

import "testing"

func BenchmarkLookup(b *testing.B) {
	table, err := Parse([]string{"/login", "/static/", "GET /api/"}, []string{"/", "POST /api/", "/api/deep/"})
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name, method, target string
		want                 Kind
	}{
		{"exact", "GET", "/login", Balance},
		{"prefix", "POST", "/api/users/17?verbose=1", Fanout},
		{"last", "POST", "/register", Fanout},
		{"not normal", "POST", "/api/./users/%31%37/../18?verbose=1", Fanout},
	} {
		b.Run(c.name, func(b *testing.B) {
			method, target, scratch := []byte(c.method), []byte(c.target), make([]byte, 0, 256)
			b.ReportAllocs()
			for b.Loop() {
				if got, _ := table.Lookup(method, target, scratch); got != c.want {
					b.Fatal(got)
				}
			}
		})
	}
}

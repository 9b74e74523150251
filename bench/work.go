package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// work is what is asked of a proxy.
type work struct {
	name   string // a file's name
	title  string
	method string
	path   string
	form   bool // send username=…, padded to sends bytes
	sends  int  // bytes of the request's body
	status int  // the only right answer
	takes  int  // bytes of the answer's body; 0: a short one that says which backend it is of
	fanout bool // goes to every backend
}

const shortForm = "username=schef&password=example"

var (
	reads  = work{name: "reads", title: "Reads", method: "GET", path: "/login", status: 200}
	writes = work{
		name: "writes", title: "Writes", method: "POST", path: "/register", form: true, sends: len(shortForm), status: 201, fanout: true,
	}
	large = readOf(1<<20).named("large", "Answers of 1 MiB")
)

// readOf is a read whose answer has so many bytes.
func readOf(bytes int) work {
	w := reads.named(fmt.Sprintf("read-%d", bytes), fmt.Sprintf("Reads of %d bytes", bytes))
	w.path = fmt.Sprintf("/login/body/%d", bytes)
	w.takes = bytes
	return w
}

// writeOf is a write with a body of so many bytes.
func writeOf(bytes int) work {
	w := writes.named(fmt.Sprintf("write-%d", bytes), fmt.Sprintf("Writes of %d bytes", bytes))
	w.form, w.sends = bytes >= len(shortForm), bytes
	return w
}

func (w work) named(name, title string) work {
	w.name, w.title = name, title
	return w
}

// body is what is sent.
func (w work) body() string {
	if !w.form {
		return strings.Repeat("x", w.sends)
	}
	return shortForm + strings.Repeat("x", w.sends-len(shortForm))
}

// right tells whether an answer's body is.
func (w work) right(body []byte) bool {
	if strings.HasPrefix(w.path, "/login/body/") {
		return len(body) == w.takes
	}
	return bytes.HasPrefix(body, []byte("server"))
}

// script makes wrk send w and print what parseLoad reads.
func (w work) script(dir string) (string, error) {
	name := filepath.Join(dir, w.name+".lua")
	body := fmt.Sprintf("string.rep(%q, %d)", "x", w.sends)
	if w.form {
		body = fmt.Sprintf("%q .. string.rep(%q, %d)", shortForm, "x", w.sends-len(shortForm))
	}
	text := fmt.Sprintf(`wrk.method = %q
wrk.body = %s
if wrk.body ~= "" then wrk.headers["Content-Type"] = "application/x-www-form-urlencoded" end
function done(s, latency)
	local e = s.errors
	io.write(string.format("BENCH %%d %%d %%d %%d %%d\n", s.requests, s.duration,
		e.connect + e.read + e.write + e.timeout + e.status, latency:percentile(50), latency:percentile(99)))
end
`, w.method, body)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("cannot write wrk's script: %w", err)
	}
	return name, nil
}

// bodies are the sizes of answers the backends have as files.
var bodies = []int{0, 1 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20}

// writeBodies makes those files in dir.
func writeBodies(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make a directory: %w", err)
	}
	var failed []error
	for _, n := range bodies {
		failed = append(failed, os.WriteFile(filepath.Join(dir, fmt.Sprint(n)), bytes.Repeat([]byte{'x'}, n), 0o644))
	}
	return errors.Join(failed...)
}

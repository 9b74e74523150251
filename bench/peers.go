package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// The configurations. Each proxy keeps its connections to both sides open, logs nothing and does
// no more than the work needs: the peers add no fields to what they forward, Tutti adds all of its
// own, which favours the peers.

// nginxMain is what every nginx here has in common. %s: its directory, workers, modules.
func (b *bed) nginxMain(dir string, workers int, modules string) string {
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n" // workers have to reach the temporary directory
	}
	return fmt.Sprintf(`%s%sdaemon off;
worker_processes %d;
worker_rlimit_nofile 16384;
pid %s/nginx.pid;
error_log stderr error;
events { worker_connections 8192; }
`, modules, user, workers, dir)
}

const nginxHTTP = `	access_log off;
	keepalive_timeout 1h;
	keepalive_requests 1000000000;
	client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi; scgi_temp_path scgi;
`

// nginx starts one with this http block.
func (b *bed) nginx(label, addr, modules string, workers int, http string) (*server, error) {
	dir, err := os.MkdirTemp(b.dir, "nginx-")
	if err != nil {
		return nil, fmt.Errorf("cannot make a directory: %w", err)
	}
	conf := b.nginxMain(dir, workers, modules) + "http {\n" + nginxHTTP + http + "}\n"
	name := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(name, []byte(conf), 0o600); err != nil {
		return nil, fmt.Errorf("cannot write a configuration: %w", err)
	}
	return b.launch(label, addr, nil, "nginx", "-p", dir, "-c", name, "-e", "stderr")
}

// startBackend is one server behind the proxies: small static answers.
func (b *bed) startBackend(i int) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return b.nginx(fmt.Sprintf("backend %d", i+1), addr, "", 1, fmt.Sprintf(`	client_max_body_size 0;
	sendfile on;
	open_file_cache max=100;
	server {
		listen %s backlog=4096;
		location = /stub_status { stub_status; }
		location /login/body/ { alias %s/; default_type text/plain; }
		location / {
			default_type text/plain;
			if ($request_method = POST) { return 201 "server%d: registered\n"; }
			return 200 "server%d: logged in\n";
		}
	}
`, addr, b.bodies(), i+1, i+1))
}

// flavour is how Tutti is started.
type flavour struct {
	label    string // "Tutti" when empty
	workers  int
	backends []string // all when empty
	flags    []string // further ones
}

// startTutti starts the binary under test.
func (b *bed) startTutti(f flavour) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	admin, err := freeAddr()
	if err != nil {
		return nil, err
	}
	if len(f.backends) == 0 {
		f.backends = addrs(b.backends)
	}
	argv := []string{b.binary, "--listen=" + addr, "--admin-listen=" + admin, "--log-level=warn"}
	for _, a := range f.backends {
		argv = append(argv, "--backend="+a)
	}
	s, err := b.launch(cmp.Or(f.label, "Tutti"), addr, []string{fmt.Sprintf("GOMAXPROCS=%d", f.workers)}, append(argv, f.flags...)...)
	if err != nil {
		return nil, err
	}
	s.admin = admin
	return s, nil
}

func addrs(servers []*server) []string {
	var all []string
	for _, s := range servers {
		all = append(all, s.addr)
	}
	return all
}

// startReverseProxy is Go's own.
func (b *bed) startReverseProxy(workers int) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	argv := append([]string{b.reverseProxy, addr}, addrs(b.backends)...)
	return b.launch("net/http", addr, []string{fmt.Sprintf("GOMAXPROCS=%d", workers)}, argv...)
}

// upstreams lists the backends for nginx.
func (b *bed) upstreams() string {
	var t strings.Builder
	for _, s := range b.backends {
		fmt.Fprintf(&t, "\t\tserver %s;\n", s.addr)
	}
	return t.String()
}

const nginxKeep = `		keepalive 256;
		keepalive_requests 1000000000;
		keepalive_timeout 1h;
`

func (b *bed) startNginx(workers int) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return b.nginx("nginx", addr, "", workers, fmt.Sprintf(`	upstream all {
%s%s	}
	server {
		listen %s backlog=4096;
		location / {
			proxy_pass http://all;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_buffers 16 64k; # large answers would pass through a file otherwise
			proxy_max_temp_file_size 0;
		}
	}
`, b.upstreams(), nginxKeep, addr))
}

// startLua is nginx sending a request to every backend and answering after all have.
func (b *bed) startLua(workers int) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	var http, captures strings.Builder
	for i, s := range b.backends {
		fmt.Fprintf(&http, "\tupstream b%d {\n\t\tserver %s;\n%s\t}\n", i, s.addr, nginxKeep)
		fmt.Fprintf(&captures, "\t\t\t\t\t{ \"/b%d\" .. ngx.var.request_uri, { method = ngx.HTTP_POST } },\n", i)
	}
	fmt.Fprintf(&http, `	server {
		listen %s backlog=4096;
		location / {
			default_type text/plain;
			content_by_lua_block {
				ngx.req.read_body()
				local all = { ngx.location.capture_multi({
%s				}) }
				for _, r in ipairs(all) do
					if r.status ~= 201 then return ngx.exit(502) end
				end
				ngx.status = 201
				ngx.header["Content-Length"] = #all[1].body
				ngx.print(all[1].body)
			}
		}
`, addr, captures.String())
	for i := range b.backends {
		fmt.Fprintf(&http, `		location /b%d/ {
			internal;
			proxy_pass http://b%d/;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}
`, i, i)
	}
	http.WriteString("\t}\n")
	modules := "load_module " + ndkModule + ";\nload_module " + luaModule + ";\n"
	return b.nginx("nginx+lua", addr, modules, workers, http.String())
}

// startHAProxy is HAProxy in the given mode, "http" or "tcp". In mode tcp each client
// connection is joined to one backend: no proxy that understands requests can be cheaper.
func (b *bed) startHAProxy(mode string, workers int) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	var t strings.Builder
	fmt.Fprintf(&t, `global
	nbthread %d
	maxconn 8192
defaults
	mode %s
	timeout connect 3s
	timeout client 1h
	timeout server 1h
	timeout http-keep-alive 1h
frontend f
	bind %s backlog 4096
	default_backend b
backend b
	balance roundrobin
`, workers, mode, addr)
	if mode == "http" {
		t.WriteString("\toption http-keep-alive\n\thttp-reuse always\n")
	}
	for i, s := range b.backends {
		fmt.Fprintf(&t, "\tserver s%d %s\n", i+1, s.addr)
	}
	name, err := b.file(fmt.Sprintf("haproxy-%s-%d.cfg", mode, workers), t.String())
	if err != nil {
		return nil, err
	}
	return b.launch("HAProxy "+mode, addr, nil, "haproxy", "-db", "-f", name)
}

// startAiohttp is a fan-out in the way of the system Tutti replaces.
func (b *bed) startAiohttp(int) (*server, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	name, err := b.file("fanout.py", aiohttpProgram)
	if err != nil {
		return nil, err
	}
	argv := []string{python, name, addr}
	for _, s := range b.backends {
		argv = append(argv, "http://"+s.addr)
	}
	return b.launch("aiohttp", addr, nil, argv...)
}

// aiohttpProgram sends each write to all backends, each in a task of its own that repeats it until
// it has its 201, and answers the client at the first 201. It is one process: asyncio has one thread.
const aiohttpProgram = `import asyncio, random, sys
from aiohttp import ClientError, ClientSession, TCPConnector, web

host, port = sys.argv[1].rsplit(":", 1)
servers = sys.argv[2:]
tasks = set()

async def deliver(session, method, url, headers, body):
    n = 0
    while True:
        try:
            async with session.request(method, url, headers=headers, data=body) as r:
                answer = await r.read()
                if r.status == 201:
                    return r.status, answer
        except ClientError:
            pass
        await asyncio.sleep(min(2 ** n + random.random() / 10, 64))
        n += 1

async def handle(request):
    body = await request.read()
    session = request.app["session"]
    headers = {k: v for k, v in request.headers.items() if k.lower() == "content-type"}
    legs = [asyncio.create_task(deliver(session, request.method, s + request.path_qs, headers, body)) for s in servers]
    tasks.update(legs)
    for t in legs:
        t.add_done_callback(tasks.discard)
    done, _ = await asyncio.wait(legs, return_when=asyncio.FIRST_COMPLETED)
    status, answer = next(iter(done)).result()
    return web.Response(status=status, body=answer, content_type="text/plain")

async def session(app):
    app["session"] = ClientSession(connector=TCPConnector(limit=0, keepalive_timeout=3600))
    yield
    await app["session"].close()

app = web.Application()
app.cleanup_ctx.append(session)
app.router.add_route("*", "/{path:.*}", handle)
web.run_app(app, host=host, port=int(port), print=None, access_log=None)
`

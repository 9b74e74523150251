package main

import (
	"net"
	"strconv"
	"strings"
)

// announce logs one line per backend and listener, and in a demo what to try.
func (s *service) announce(names []string, adminLn net.Listener) {
	for i, name := range names {
		s.log.Info("backend", s.describeBackend(i, name)...)
	}
	clients := localURL(s.clients, s.pair != nil)
	s.log.Info("listening for clients", "address", s.clients.String(), "url", clients, "version", shortVersion())
	page := ""
	if adminLn != nil {
		page = localURL(adminLn.Addr(), false) + "/"
		s.log.Info("listening for operators", "address", adminLn.Addr().String(), "page", page)
	}
	if s.demo != nil {
		s.suggest(clients, page)
	}
}

// describeBackend is what there is to say of the i-th one.
func (s *service) describeBackend(i int, name string) []any {
	attrs := []any{"number", i + 1, "address", name}
	if i < len(s.c.BackendTLS) && s.c.BackendTLS[i] {
		attrs = append(attrs, "tls", true)
	}
	if s.demo == nil {
		return attrs
	}
	attrs = append(attrs, "demo", s.demo.Servers()[i].Name())
	if i >= s.c.DemoBackends-s.c.DemoFlaky && s.c.DemoFailRate > 0 {
		attrs = append(attrs, "drops_writes", strconv.FormatFloat(100*s.c.DemoFailRate, 'g', 3, 64)+"%")
	}
	return attrs
}

// suggest logs what somebody may try on a demo.
func (s *service) suggest(clients, page string) {
	curl := "try: curl "
	if s.pair != nil {
		curl += "--insecure "
	}
	s.log.Info(curl + clients + "/login")
	s.log.Info(curl + "-X POST -d username=schef -d password=example " + clients + "/register")
	s.log.Info(curl + "-X POST -d username=schef -d password=changed " + clients + "/changePassword")
	s.log.Info("try: curl http://" + s.demo.Addrs()[0] + "/state    # the digests of all are equal")
	if page != "" {
		s.log.Info("look: " + page + " in a browser")
	}
}

// localURL is how somebody on this machine reaches addr.
func localURL(addr net.Addr, tls bool) string {
	host, port, _ := net.SplitHostPort(addr.String())
	address, _, _ := strings.Cut(host, "%")
	if ip := net.ParseIP(address); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	scheme := "http://"
	if tls {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

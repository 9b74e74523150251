package main

import (
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

const (
	wantListen  = "want an address to listen on, such as :8080, 127.0.0.1:8080 or [::1]:8080"
	wantBackend = "want host:port, http://host:port or https://host:port, such as server1:8080 or [::1]:8080"
)

// parseListen reads an address to listen on and returns it in canonical form. The host may be
// empty (all of the machine's addresses) and the port 0 (any).
func parseListen(s string) (string, error) {
	host, port, ok := splitAddress(s, 0)
	if !ok {
		return "", errors.New(wantListen)
	}
	return net.JoinHostPort(host, port), nil
}

// overTLS is how the canonical address of a backend that is to be spoken to over TLS begins.
const overTLS = "https://"

// parseBackend reads a backend's address and returns "host:port", after overTLS if that was asked
// for: the host in lower case, IP addresses in canonical form, the port 80 or 443 where a scheme
// was given without one.
func parseBackend(s string) (string, error) {
	rest, prefix, port := s, "", ""
	if scheme, after, ok := strings.Cut(s, "://"); ok {
		switch strings.ToLower(scheme) {
		case "http":
			port = ":80"
		case "https":
			prefix, port = overTLS, ":443"
		default:
			return "", errors.New(wantBackend)
		}
		rest = strings.TrimSuffix(after, "/")
	}
	if strings.Contains(rest, "@") {
		return "", errors.New("a backend has no user or password, " + wantBackend)
	}
	if strings.ContainsAny(rest, "/?#") {
		return "", errors.New("a backend has no path, query or fragment, " + wantBackend)
	}
	if !hasPort(rest) {
		rest += port
	}
	host, port, ok := splitAddress(rest, 1)
	if !ok || host == "" {
		return "", errors.New(wantBackend)
	}
	return prefix + net.JoinHostPort(host, port), nil
}

func hasPort(hostport string) bool {
	return strings.LastIndexByte(hostport, ':') > strings.LastIndexByte(hostport, ']')
}

// splitAddress takes "host:port" apart and returns both in canonical form. Ports are decimal
// and at least least.
func splitAddress(s string, least uint64) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return "", "", false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n < least {
		return "", "", false
	}
	if host != "" {
		if host, ok = canonicalHost(host, strings.HasPrefix(s, "[")); !ok {
			return "", "", false
		}
	} else if strings.HasPrefix(s, "[") {
		return "", "", false
	}
	return host, strconv.FormatUint(n, 10), true
}

// canonicalHost returns a name in lower case, an IP address as netip writes it. In brackets
// only IPv6 may stand.
func canonicalHost(host string, brackets bool) (string, bool) {
	if ip, err := netip.ParseAddr(host); err == nil {
		if brackets != ip.Is6() || !isZone(ip.Zone()) {
			return "", false
		}
		return ip.Unmap().String(), true
	}
	if brackets || !isName(host) {
		return "", false
	}
	return strings.ToLower(host), true
}

// isZone tells whether zone can be the name of a network interface, or is none.
func isZone(zone string) bool {
	for i := range len(zone) {
		c := zone[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`%/\[]"',?#@`, c) >= 0 {
			return false
		}
	}
	return true
}

// isName tells whether host can be a name of the DNS or of /etc/hosts, with the underscores
// containers like. What ends in a number would be an IPv4 address and is none (RFC 3696 §2).
func isName(host string) bool {
	host = strings.TrimSuffix(host, ".")
	if host == "" || len(host) > 253 {
		return false
	}
	labels := strings.Split(host, ".")
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for i := range len(label) {
			c := label[i] | 0x20
			if (c < 'a' || c > 'z') && (label[i] < '0' || label[i] > '9') && label[i] != '-' && label[i] != '_' {
				return false
			}
		}
	}
	last := labels[len(labels)-1]
	return strings.Trim(last, "0123456789") != ""
}

// isLoopback tells whether a canonical address to listen on can be reached from this machine alone.
func isLoopback(listen string) bool {
	host, _, _ := net.SplitHostPort(listen)
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}

// collide tells whether two canonical addresses to listen on can't both be had.
func collide(a, b string) bool {
	hostA, portA, _ := net.SplitHostPort(a)
	hostB, portB, _ := net.SplitHostPort(b)
	if portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || covers(hostA, hostB) || covers(hostB, hostA)
}

// covers tells whether listening on wide takes the port from host, too.
func covers(wide, host string) bool {
	switch wide {
	case "", "::":
		return true
	case "0.0.0.0":
		return !strings.Contains(host, ":")
	}
	return false
}

// parseAdminHost reads a name without port and returns it in lower case.
func parseAdminHost(s string) (string, error) {
	if !isName(s) {
		return "", errors.New("want names without port, such as tutti.example.com")
	}
	return strings.ToLower(strings.TrimSuffix(s, ".")), nil
}

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// resolver looks a name up; net.DefaultResolver is one.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// resolveTimeout is for all names of one --check.
const resolveTimeout = 10 * time.Second

// settings are all flags that describe the running process, with their values.
func (f *flags) settings() []setting {
	var all []setting
	f.set.VisitAll(func(flag *pflag.Flag) {
		switch flag.Name {
		case "check", "version", "help", "probe":
		default:
			all = append(all, setting{flag.Name, flag.Value.String()})
		}
	})
	return all
}

// writeCheck prints the configuration as flags, one to a line and fit for a shell, then what the
// names in it resolve to, as comments. Of the token only its file is shown. A name that can't
// be resolved is a *usageError.
func (c *Config) writeCheck(ctx context.Context, w io.Writer, r resolver) error {
	for _, s := range c.settings {
		if _, err := fmt.Fprintf(w, "--%s=%s\n", s.name, shellQuoted(s.value)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	named := []setting{{"listen", c.Listen}, {"admin-listen", c.AdminListen}}
	if c.DemoBackends > 0 {
		named = append(named, setting{"demo-listen", c.DemoListen})
	}
	for _, b := range c.Backends {
		named = append(named, setting{"backend", b})
	}
	for _, s := range named {
		if err := writeResolved(ctx, w, r, s); err != nil {
			return err
		}
	}
	if err := c.writeTLS(w); err != nil {
		return err
	}
	for _, warning := range c.Warnings {
		if _, err := fmt.Fprintf(w, "# warning: %s\n", warning); err != nil {
			return err
		}
	}
	return nil
}

// writeResolved writes the addresses of s's host, nothing when it is one itself.
func writeResolved(ctx context.Context, w io.Writer, r resolver, s setting) error {
	host, _, _ := net.SplitHostPort(s.value)
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return nil
	}
	ips, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil || len(ips) == 0 {
		return badValue("--"+s.name, s.value, "the name can't be resolved, want one that can")
	}
	text := make([]string, len(ips))
	for i, ip := range ips {
		text[i] = ip.Unmap().String()
	}
	_, err = fmt.Fprintf(w, "# %s is %s\n", host, strings.Join(text, ", "))
	return err
}

// shellQuoted returns v as a shell reads it back.
func shellQuoted(v string) string {
	const safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./:,@%+="
	if strings.Trim(v, safe) == "" {
		return v
	}
	return "'" + strings.ReplaceAll(v, "'", `'\''`) + "'"
}

package main

import (
	"net/netip"

	"tutti/trust"
)

// parseTrusted reads an item of --trusted-proxies and returns it in canonical form.
func parseTrusted(item string) (string, error) {
	n, err := trust.ParseNetwork(item)
	return n.String(), err
}

// validateTrusted puts --trusted-proxies into the form it is looked up in.
func (c *Config) validateTrusted(f *flags) error {
	networks := make([]netip.Prefix, len(c.trustedText))
	for i, text := range c.trustedText {
		n, err := trust.ParseNetwork(text)
		if err != nil {
			return f.bad("trusted-proxies", text, err.Error())
		}
		networks[i] = n
		if n.Bits() == 0 {
			c.Warnings = append(c.Warnings, f.label("trusted-proxies")+": "+text+" is everybody: any client can claim to be another")
		}
	}
	c.Trusted = trust.New(networks)
	return nil
}

// trustedPeers is how the front asks; nil when nobody is trusted.
func (c *Config) trustedPeers() func(netip.Addr) bool {
	if c.Trusted == nil {
		return nil
	}
	return c.Trusted.Has
}

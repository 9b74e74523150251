package main

import "tutti/fanout"

// orderValue reads --order-by.
func orderValue(c *Config) *value[string] {
	parse := func(s string) (string, error) {
		o, err := fanout.ParseOrderBy(s)
		if err != nil {
			return "", err
		}
		c.OrderBy = o
		return s, nil
	}
	return &value[string]{&c.orderText, parse, plain, "KEY"}
}

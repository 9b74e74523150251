package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"
)

const (
	envPrefix = "TUTTI_"

	// skipSome is the original system's switch of the demo backends: true makes all of them
	// drop requests, false none.
	skipSome = "SKIP_SOME_REQUESTS"
)

// envName is the variable a flag reads.
func envName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// fromCommandLine tells whether the flag asks for something once and is not read from the
// environment. TUTTI_VERSION in particular is what deployments call an image's tag.
func fromCommandLine(flag string) bool {
	return flag == "help" || flag == "version" || flag == "probe"
}

// readEnvironment sets the flags that were not on the command line from their variables.
func (f *flags) readEnvironment(environ []string) error {
	env := make(map[string]string, len(environ))
	for _, entry := range environ {
		if name, v, ok := strings.Cut(entry, "="); ok {
			env[name] = v
		}
	}
	var first error
	f.set.VisitAll(func(flag *pflag.Flag) {
		v, ok := env[envName(flag.Name)]
		if !ok || flag.Changed || first != nil || fromCommandLine(flag.Name) {
			return
		}
		f.env[flag.Name] = envName(flag.Name)
		if err := f.set.Set(flag.Name, v); err != nil {
			first = f.refused(err)
		}
	})
	if first != nil {
		return first
	}
	return f.readSkipSome(env)
}

// readSkipSome lets the original's variable decide how many demo backends are flaky, where
// --demo-flaky does not. It comes after the flags have been read: "all" is --demo-backends.
func (f *flags) readSkipSome(env map[string]string) error {
	v, ok := env[skipSome]
	if !ok {
		return nil
	}
	n := "0"
	switch v {
	case "true":
		n = f.set.Lookup("demo-backends").Value.String()
	case "false":
	default:
		return badValue(skipSome, v, "want true (all demo backends drop requests) or false (none does)")
	}
	if f.given("demo-flaky") {
		return nil
	}
	f.env["demo-flaky"] = skipSome
	return f.set.Set("demo-flaky", n)
}

// unknownVariables are the names in the environment that look like ours and are not read, in
// order. What Kubernetes sets for a service called tutti is left out.
func (f *flags) unknownVariables(environ []string) []string {
	var names []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		rest, ours := strings.CutPrefix(name, envPrefix)
		if !ours || strings.Contains(rest, "SERVICE_") || strings.Contains("_"+rest, "_PORT") {
			continue
		}
		flag := strings.ToLower(strings.ReplaceAll(rest, "_", "-"))
		if f.set.Lookup(flag) == nil || fromCommandLine(flag) || envName(flag) != name {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

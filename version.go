package main

import (
	"runtime"
	"runtime/debug"
)

// version is set when a release is built, with -ldflags "-X main.version=...".
var version string

// versionText is what --version prints: the stamped version, or what the build knows of itself.
func versionText() string {
	v, revision := version, ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if v == "" {
			v = info.Main.Version
		}
		dirty := ""
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && len(s.Value) >= 12:
				revision = s.Value[:12]
			case s.Key == "vcs.modified" && s.Value == "true":
				dirty = "+changes"
			}
		}
		if revision != "" {
			revision = " (" + revision + dirty + ")"
		}
	}
	if v == "" {
		v = "unknown"
	}
	return "tutti " + v + revision + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
}

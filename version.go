package main

import (
	"runtime"
	"runtime/debug"
)

// version is set when a release is built, with -ldflags "-X main.version=...".
var version string

// shortVersion is the stamped version, or what the build knows of itself.
func shortVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// versionText is what --version prints.
func versionText() string {
	return "tutti " + shortVersion() + " " + runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n"
}

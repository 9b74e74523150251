// Package browser tests the status page in a real browser: headless Chromium before the whole
// program. It is a module of its own, so that the program's go.mod does not grow by the driver;
// `make browser` runs it.
package browser

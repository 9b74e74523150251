// Package secure is TLS as both sides of a proxy need it: connections whose end tells a clean one
// from a cut one, that can be asked whether anything waits to be read, and that close without waiting; a
// certificate that is re-read when its files change; the roots that backends are verified with.
package secure

// Package accesslog writes one line per request to a file that may be moved away under it,
// without ever holding a request up.
package accesslog

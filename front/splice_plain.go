//go:build !linux || !(amd64 || arm64) || tutti_plain

package front

import "tutti/pipe"

// emptying is nothing here: no connection is raw, and none takes pipes.
type emptying struct{}

func (*emptying) send(*conn, *pipe.Pipe) error { return ErrClientLeft }

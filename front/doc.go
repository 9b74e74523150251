// Package front accepts clients' connections and reads their requests: a serve loop of its
// own, one goroutine per connection, on fasthttp's header types and the strict pass of wire.
//
// A connection's goroutine (conn.run, started by Server.open, ended by the client, the sweeper or
// Close, awaited by Drain and Close) spends its life in one syscall.RawConn.Read. Its callback,
// step, receives, serves each request that is whole in the buffer, sends the answer and returns
// false to wait: two system calls a request. A request whose body is still coming, or that may
// become a tunnel, leaves the callback, because net.Conn's Read would wait for the lock that the
// callback's caller holds. Buffers (work) come from a pool and are held only while bytes
// of a request are here or it is served.
//
// With Options.TLS the goroutine makes the handshake first, so that a slow one holds nobody up, and
// then uses net.Conn's own Read and Write; the descriptor underneath is only asked whether
// the client is still there.
//
// There is no deadline per request. A connection stamps its phase, and the sweeper, one
// goroutine per Server, started by the first Serve and ended by Drain or Close, marks what is
// overdue by compare-and-swap and then cuts it with a deadline in the past. The owner swaps
// the stamp and so learns whether a cut is coming; it then never uses the connection for
// anything new.
//
// Locks: Server.mu (listeners), connset.mu (the set of connections), conn.mu (the backend
// connection in use, and the deadlines that others than the owner set). None is held while
// waiting for a peer, and none while taking another, but for conn.mu while a backend
// connection is abandoned.
package front

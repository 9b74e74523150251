package front

import "syscall"

// pieceOut is how much is written at a time without raw input and output: progress is seen
// after each.
const pieceOut = 16 << 10

// send sends a and then b, waiting while the client does not take them, each pause at most
// ClientTimeout. It does not keep them.
func (c *conn) send(a, b []byte) error {
	if c.broken {
		return ErrClientLeft
	}
	var err error
	if !c.raw {
		err = c.sendPlain(a, b)
	} else {
		err = c.sendRaw(a, b)
	}
	if err != nil {
		c.broken = true
	}
	return err
}

// sendRaw tries without waiting first when that is possible: nearly always the socket has
// room, and the wait for the client's next request is the callback's own.
func (c *conn) sendRaw(a, b []byte) error {
	w := c.w
	w.a, w.b, w.sendErr, w.stalling = a, b, nil, false
	if !c.inside || !w.sendStep(c.fd) {
		c.stall(w.sendFn)
	}
	w.a, w.b = nil, nil
	return w.sendErr
}

// stall has step send what is left while the client takes it, and keeps the time.
func (c *conn) stall(step func(fd uintptr) bool) {
	w := c.w
	w.stalling = true
	c.tx.enter(at(sending, c.s.now()))
	err := c.rc.Write(step)
	if c.tx.enter(0).late() {
		w.sendErr = ErrClientSlow
	} else if err != nil && w.sendErr == nil {
		w.sendErr = ErrClientLeft
	}
}

// sendStep is the callback of RawConn.Write: it sends what is left until the socket is full.
func (w *work) sendStep(fd uintptr) bool {
	for len(w.a)+len(w.b) > 0 {
		n, e := w.vec.send(fd, w.a, w.b)
		switch e {
		case 0:
			w.sent(n)
		case syscall.EINTR:
		case syscall.EAGAIN:
			return false
		default:
			w.sendErr = ErrClientLeft
			return true
		}
		if w.sendErr != nil {
			return true
		}
	}
	return true
}

// sent takes n bytes off what is to be sent.
func (w *work) sent(n int) {
	fromA := min(n, len(w.a))
	w.a, w.b = w.a[fromA:], w.b[n-fromA:]
	w.progress(n)
}

// progress counts n bytes that were sent and tells the sweeper of them.
func (w *work) progress(n int) {
	w.x.sent += int64(n)
	if w.stalling && w.c.tx.enter(at(sending, w.c.s.now())).late() {
		w.sendErr = ErrClientSlow
	}
}

// sendPlain sends with net.Conn's own Write.
func (c *conn) sendPlain(a, b []byte) error {
	for len(a)+len(b) > 0 {
		if len(a) == 0 {
			a, b = b, nil
		}
		c.tx.enter(at(sending, c.s.now()))
		n, err := c.nc.Write(a[:min(len(a), pieceOut)])
		c.w.x.sent += int64(n)
		if c.tx.enter(0).late() {
			return ErrClientSlow
		}
		if err != nil {
			return ErrClientLeft
		}
		a = a[n:]
	}
	return nil
}

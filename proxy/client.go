package proxy

import (
	"tutti/backend"
	"tutti/front"
	"tutti/wire"
)

// client is the client's side of an exchange as backend.Exchange sees it.
type client front.Exchange

// Hold names the connection that is abandoned when the client leaves.
func (c *client) Hold(h interface{ Abandon() }) { (*front.Exchange)(c).Hold(h) }

// Interim passes a 1xx answer on (RFC 9110 §15.2). Clients of HTTP/1.0 do not know them. A client
// that does not take it is backend.ErrAbandoned: no failure of the backend's.
func (c *client) Interim(resp *wire.Response) error { return interim((*front.Exchange)(c), resp) }

func interim(x *front.Exchange, resp *wire.Response) error {
	if x.Req.Minor == 0 {
		return nil
	}
	x.Out = wire.AppendResponse(x.Out, resp, &wire.Incoming{KeepAlive: true, Minor: x.Req.Minor})
	if x.Interim() != nil {
		return backend.ErrAbandoned
	}
	return nil
}

package backend

import "tutti/wire"

// Holder is told which connection an exchange is using, so that it can be abandoned when the
// client leaves: Hold(c) after a claim, Hold(nil) before the claim ends. Once Hold(nil) has
// returned, the holder does not call c.Abandon any more: the next claim would suffer it.
type Holder interface {
	Hold(c interface{ Abandon() })
}

// Interims is a Holder that wants the 1xx answers an Exchange meets, before the final one, in
// their order. resp is valid during the call. An error ends the exchange with ErrAbandoned.
type Interims interface {
	Interim(resp *wire.Response) error
}

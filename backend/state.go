package backend

// State is why a backend takes reads or not.
type State uint8

// The states.
const (
	Live      State = iota
	Ejected         // failed exchanges took it out, for a time
	Unhealthy       // its checks fail
	Drained
	Held // as Drained, and writes are not sent either
)

// String is the word used on pages and in logs.
func (s State) String() string {
	switch s {
	case Live:
		return "live"
	case Ejected:
		return "ejected"
	case Unhealthy:
		return "unhealthy"
	case Drained:
		return "drained"
	case Held:
		return "held"
	}
	return "unknown"
}

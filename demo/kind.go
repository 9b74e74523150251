package demo

// kind is what a write does. Its value is part of the digest.
type kind byte

const (
	register       kind = 1
	changePassword kind = 2
)

// done begins the answer to a write that was applied.
func (k kind) done() string {
	if k == register {
		return "registered on "
	}
	return "password changed on "
}

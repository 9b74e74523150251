package secure

// headerSize is a TLS record's: type, version, length.
const headerSize = 5

// records follows the records in what was received, to tell whether it ends between two:
// a part of a record is invisible to whoever reads what is inside.
type records struct {
	header [headerSize]byte
	have   int // of the header
	left   int // of the record behind it
}

// pass notes that p was received.
func (r *records) pass(p []byte) {
	for len(p) > 0 {
		if r.left > 0 {
			n := min(r.left, len(p))
			r.left -= n
			p = p[n:]
			continue
		}
		n := copy(r.header[r.have:], p)
		r.have += n
		p = p[n:]
		if r.have == headerSize {
			r.have = 0
			r.left = int(r.header[3])<<8 | int(r.header[4])
		}
	}
}

// whole tells whether what was received ends with a record.
func (r *records) whole() bool { return r.left == 0 && r.have == 0 }

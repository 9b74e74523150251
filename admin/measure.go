package admin

import (
	"math"
	"strconv"
)

// measure is a measured number: in JSON of four digits, and null where there is nothing to measure (NaN).
type measure float64

// MarshalJSON implements json.Marshaler.
func (n measure) MarshalJSON() ([]byte, error) { return n.append(nil), nil }

func (n measure) append(dst []byte) []byte {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	if whole := math.Trunc(v); whole == v || math.Abs(v) >= 1e4 {
		return strconv.AppendFloat(dst, math.Round(v), 'f', 0, 64)
	}
	digits := strconv.FormatFloat(v, 'g', 4, 64)
	v, _ = strconv.ParseFloat(digits, 64) // of what was just formatted
	return strconv.AppendFloat(dst, v, 'f', -1, 64)
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *measure) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*n = measure(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(string(text), 64)
	*n = measure(v)
	return err
}

// of is part/whole, NaN when there is no whole.
func of(part, whole uint64) measure {
	if whole == 0 {
		return measure(math.NaN())
	}
	return measure(float64(part) / float64(whole))
}

package metrics

// buckets are the upper bounds, in seconds, of every duration: from below what a loopback
// backend takes to above --backend-timeout and --ack-timeout.
func buckets() []float64 {
	return []float64{
		.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05,
		.1, .25, .5, 1, 2.5, 5, 10, 30, 60,
	}
}

func seconds(nanos int64) float64 {
	return float64(max(nanos, 0)) / 1e9
}

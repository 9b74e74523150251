// Package metrics holds every series Tutti exports (their names are final). Each series is
// resolved once, when the thing it belongs to is built, and never looked up by label on the
// path: counting there is an atomic add or a histogram's update and allocates nothing.
//
// Built on VictoriaMetrics/metrics with a set of its own. What must agree within one scrape
// (the writes, the attempts and their totals) is read in one go and printed from that.
// No label is ever taken from a request.
package metrics

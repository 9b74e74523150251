package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// outcome is what the verdict is found from.
type outcome struct {
	recording *recording
	states    []state // the backends', when nothing was owed any more
	last      sample
	settled   settling
	waited    time.Duration // for that, at most
	code      int           // Tutti's exit code
	output    string        // the end of its log
}

// verdict is what was checked.
type verdict struct {
	Checks []check
	States []state
}

// check is one thing that has to be so.
type check struct {
	What string
	Good bool
	How  string // the figures
}

// Good tells whether all is.
func (v verdict) Good() bool {
	return !slices.ContainsFunc(v.Checks, func(c check) bool { return !c.Good })
}

func judge(o outcome) verdict {
	r := o.recording
	r.mu.Lock()
	defer r.mu.Unlock()
	v := verdict{States: o.states}
	add := func(good bool, what, how string) { v.Checks = append(v.Checks, check{what, good, how}) }

	everywhere, alike := true, true
	var counts []string
	for i, s := range o.states {
		everywhere = everywhere && float64(s.Writes) == o.last.accepted
		alike = alike && s.Digest == o.states[0].Digest
		counts = append(counts, fmt.Sprintf("%s %d", r.names[i], s.Writes))
	}
	confirmed := r.writes.fine()
	everywhere = everywhere && o.last.accepted >= float64(confirmed) && confirmed > 0
	add(everywhere, "Every write is on every backend",
		fmt.Sprintf("%.0f accepted, %d confirmed to clients; applied: %s", o.last.accepted, confirmed, strings.Join(counts, ", ")))
	add(alike, "All backends agree", "digests of every user's history, in order: "+strings.Join(digests(o.states), ", "))
	add(r.writes.fine() == r.writes.requests() && confirmed > 0, "Every write was answered 201 or 202", r.writes.describe())
	add(r.reads.fine() == r.reads.requests() && r.reads.fine() > 0, "Every read was answered 200", r.reads.describe())
	if o.settled.ok {
		add(o.last.parked == 0, "Nothing is owed or parked",
			fmt.Sprintf("%s after the traffic's end; %.0f parked", short(o.settled.took), o.last.parked))
	} else {
		add(false, "Nothing is owed or parked", fmt.Sprintf("%.0f writes are owed %s after the traffic's end", o.last.pending, short(o.waited)))
	}
	unbalanced := 0
	for _, s := range r.samples {
		if !s.balanced() {
			unbalanced++
		}
	}
	add(unbalanced == 0 && o.last.balanced() && len(r.samples) > 0, "accepted = settled + pending + parked, always",
		fmt.Sprintf("%d of %d scrapes were out of balance", unbalanced, len(r.samples)))
	add(o.code == 0 && !strings.Contains(o.output, "panic:"), "Tutti ended cleanly", "exit code "+strconv.Itoa(o.code))
	return v
}

// digests are what tells them apart.
func digests(states []state) []string {
	var all []string
	for _, s := range states {
		all = append(all, s.Digest[:min(12, len(s.Digest))])
	}
	return slices.Compact(all)
}

// describe is how many there were of which status.
func (k *kind) describe() string {
	var parts []string
	for _, code := range slices.Sorted(maps.Keys(k.good)) {
		parts = append(parts, fmt.Sprintf("%d of status %d", k.good[code], code))
	}
	for _, word := range slices.Sorted(maps.Keys(k.bad)) {
		parts = append(parts, fmt.Sprintf("%d: %s", k.bad[word], word))
	}
	return strings.Join(parts, ", ")
}

func (v verdict) print(out io.Writer) {
	for _, c := range v.Checks {
		word := "ok  "
		if !c.Good {
			word = "FAIL"
		}
		say(out, "%s  %s: %s", word, c.What, c.How)
	}
}

package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"tutti/fanout"
	"tutti/journal/disk"
)

// validateJournal checks the journal's flags and gives the forgotten backends the names they
// have in it.
func (c *Config) validateJournal(f *flags) error {
	switch {
	case strings.ContainsRune(c.Journal, 0):
		return f.bad("journal", c.Journal, "want a directory")
	case c.Journal != "" && c.Listen == "":
		return f.bad("journal", c.Journal, "there are no writes without --listen, leave it out")
	case c.Journal == "" && c.JournalMaxSize != 0:
		return f.bad("journal-max-size", showSize(c.JournalMaxSize), "there is no journal, want --journal=DIRECTORY, too")
	case c.Journal == "" && len(c.forget) > 0:
		return f.bad("forget", strings.Join(c.forget, ","), "there is no journal, want --journal=DIRECTORY, too")
	}
	current := c.journalNames()
	for _, b := range c.forget {
		name := journalName(strings.CutPrefix(b, overTLS))
		if slices.Contains(current, name) {
			return f.bad("forget", b, "it is one of --backend; what a current backend is owed is dropped on the admin listener")
		}
		c.Forget = append(c.Forget, name)
	}
	return nil
}

// journalName is what a backend is called in a journal: its scheme, host and port.
func journalName(name string, overTLS bool) string {
	if overTLS {
		return "https://" + name
	}
	return "http://" + name
}

// journalNames are those of all backends. Demo backends, whose ports may be others each time, are
// known by their numbers.
func (c *Config) journalNames() (names []string) {
	for i := range c.DemoBackends {
		names = append(names, fmt.Sprintf("demo://server%d", i+1))
	}
	for i, b := range c.Backends {
		names = append(names, journalName(b, c.BackendTLS[i]))
	}
	return names
}

// openJournal opens the journal, if there is to be one.
func (s *service) openJournal() error {
	if s.c.Journal == "" {
		return nil
	}
	j, err := disk.Open(disk.Options{
		Dir: s.c.Journal, Backends: s.c.journalNames(), Forget: s.c.Forget, MaxSize: s.c.JournalMaxSize, Log: s.log,
	})
	if err != nil {
		return fmt.Errorf("cannot open the journal: %w", err)
	}
	s.journal = j
	return nil
}

// explained says how to go on from what a Fanout does not start with.
func explained(err error) error {
	var gone *fanout.GoneError
	if !errors.As(err, &gone) {
		return err
	}
	var owed, names []string
	for _, b := range gone.Backends {
		owed = append(owed, fmt.Sprintf("%d writes to %s (%d of them parked)", b.Owed, b.Name, b.Parked))
		names = append(names, b.Name)
	}
	return fmt.Errorf("the journal owes %s, not in --backend: add it again, or have that dropped with --forget=%s",
		strings.Join(owed, ", "), strings.Join(names, ","))
}

// journalBytes is what the journal takes on disk, 0 when there is none.
func (s *service) journalBytes() int64 {
	if s.journal == nil {
		return 0
	}
	return s.journal.Size()
}

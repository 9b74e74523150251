package main

import (
	"strings"

	"github.com/spf13/pflag"
)

// The shape of --help.
const (
	helpWidth  = 100
	helpColumn = 30 // where descriptions begin
)

const helpIntro = `Tutti is a reverse proxy that makes N HTTP servers behave as one: a read goes to one backend in
turn, a write to every backend, retried until each has it.

  tutti --backend=server1:8080,server2:8080,server3:8080
  tutti --demo-backends=3
`

const helpOutro = `
Every flag but --version and --help is also read from the environment: TUTTI_ and its name in
capitals with _ for - (TUTTI_MAX_CONNS); the flag wins. Lists are comma-separated or the flag
repeated. Sizes take KiB, MiB and GiB; times are such as 500ms, 3s or 5m.
`

// helpText is what --help prints.
func helpText() string {
	var b strings.Builder
	b.WriteString(helpIntro)
	for _, g := range newFlags(&Config{}).groups {
		b.WriteString("\n" + g.title + "\n")
		for _, f := range g.flags {
			writeHelp(&b, f)
		}
	}
	b.WriteString(helpOutro)
	return b.String()
}

// writeHelp writes one flag: its name and word, then its description wrapped in its column.
func writeHelp(b *strings.Builder, f *pflag.Flag) {
	head := "  --" + f.Name
	if word := f.Value.Type(); word != "" {
		head += " " + word
	}
	words := strings.Fields(f.Usage)
	if f.DefValue != "" {
		words = append(words, "(default "+f.DefValue+")")
	}
	indent := strings.Repeat(" ", helpColumn)
	if len(head)+2 > helpColumn {
		head += "\n" + indent
	} else {
		head += indent[len(head):]
	}
	b.WriteString(head + strings.Join(wrap(words, helpWidth-helpColumn), "\n"+indent) + "\n")
}

// wrap sets words in lines of at most width bytes; a longer word stands alone.
func wrap(words []string, width int) []string {
	var lines []string
	line := ""
	for _, word := range words {
		switch {
		case line == "":
			line = word
		case len(line)+1+len(word) <= width:
			line += " " + word
		default:
			lines = append(lines, line)
			line = word
		}
	}
	return append(lines, line)
}

// flagTable is the README's table of flags, in Markdown.
func flagTable() string {
	var b strings.Builder
	b.WriteString("| flag | default | meaning |\n|---|---|---|\n")
	for _, g := range newFlags(&Config{}).groups {
		b.WriteString("| **" + g.title + "** | | |\n")
		for _, f := range g.flags {
			def := ""
			if f.DefValue != "" {
				def = "`" + f.DefValue + "`"
			}
			b.WriteString("| `--" + f.Name + "` | " + def + " | " + strings.ReplaceAll(f.Usage, "|", `\|`) + " |\n")
		}
	}
	return b.String()
}

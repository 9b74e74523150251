package differential

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// row is a request and what became of it with each proxy.
type row struct {
	request  request
	outcomes []outcome // of Tutti, nginx, HAProxy
	want     string    // Tutti's cell in the committed table; empty: none yet
}

const tableFile = "TABLE.md"

const preface = `# Who forwards what

Written by ` + "`UPDATE_GOLDEN=1 go test ./e2e/differential`" + `, with nginx 1.22 and HAProxy 2.6 in Debian's default
strictness. A cell says what the client was answered ("waits": nothing, for more to come) and, behind it, each
request a strict parser reads at the backend; what such a parser refuses or can read in two ways is **bold**.
Column Tutti is asserted by the test; the peers' are what was seen.

`

// table writes the rows as Markdown.
func table(rows []row) string {
	var b strings.Builder
	b.WriteString(preface + tally(rows) + "\n| request | sent | Tutti | nginx | HAProxy |\n|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | `%s` |", cell(r.request.name), strings.ReplaceAll(cell(sent(r.request.bytes)), "`", "'"))
		for _, o := range r.outcomes {
			b.WriteString(" " + cell(o.String()) + " |")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// tally counts the rows with something bold.
func tally(rows []row) string {
	var odd, refused [3]int
	for _, r := range rows {
		for i, o := range r.outcomes {
			if strings.Contains(o.String(), "**") {
				odd[i]++
			}
			if len(o.forwarded) == 0 {
				refused[i]++
			}
		}
	}
	return fmt.Sprintf("Of %d requests Tutti forwards nothing of %d, nginx of %d, HAProxy of %d; in an odd form Tutti\nforwards %d, nginx %d, HAProxy %d.\n",
		len(rows), refused[0], refused[1], refused[2], odd[0], odd[1], odd[2])
}

// sent is the part of a request that tells it from others.
func sent(raw string) string {
	raw = strings.TrimSuffix(raw, evil)
	for _, usual := range []string{post, get} {
		if rest, ok := strings.CutPrefix(raw, usual); ok {
			raw = "… " + rest
			break
		}
	}
	short := strings.TrimPrefix(raw, "… ")
	quoted := strings.Trim(strconv.QuoteToASCII(short[:min(len(short), 70)]), `"`)
	if len(short) < len(raw) {
		quoted = "… " + quoted
	}
	if len(short) > 70 {
		quoted += "…"
	}
	return quoted
}

func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// committed is the committed table's column Tutti by the requests' names; nil when the table is to
// be written anew.
func committed(t *testing.T) map[string]string {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		return nil
	}
	data, err := os.ReadFile(tableFile)
	if err != nil {
		t.Fatal(err)
	}
	return columns(string(data))
}

// columns is Tutti's column by the request's name.
func columns(table string) map[string]string {
	all := make(map[string]string)
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
		if len(cells) == 7 {
			all[strings.TrimSpace(cells[1])] = asserted(strings.TrimSpace(strings.ReplaceAll(cells[3], "\x00", `\|`)))
		}
	}
	return all
}

// asserted is the part of a cell that does not depend on the machine's pace: whether the head of a
// request that was refused later had been forwarded does.
func asserted(cell string) string {
	if strings.HasPrefix(cell, "4") {
		cell = strings.TrimSuffix(cell, "; cut short")
	}
	return cell
}

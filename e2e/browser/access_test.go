package browser

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// node is one of the accessibility tree: what a screen reader gets.
type node struct{ role, name string }

// tree is the tree of the page but for what is ignored.
func (b *tab) tree() []node {
	b.t.Helper()
	got, err := chromedp.Call(b.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		b.t.Fatal(err)
	}
	text := func(v *accessibility.Value) string {
		var s string
		if v != nil {
			_ = json.Unmarshal(v.Value, &s) // of another type: not a name
		}
		return s
	}
	var all []node
	for _, n := range got.Nodes {
		if !n.Ignored {
			all = append(all, node{text(n.Role), text(n.Name)})
		}
	}
	return all
}

// stillTree is the tree, and how many rows the page had just then: it changes by itself.
func (b *tab) stillTree() (nodes []node, rows int) {
	b.t.Helper()
	count := func() int { return eval[int](b, `document.querySelectorAll("tbody tr").length`) }
	for before := count(); ; before = rows {
		nodes = b.tree()
		if rows = count(); rows == before {
			return nodes, rows
		}
	}
}

// accessible checks what a screen reader needs: names, and tables that are ones at every width.
func accessible(b *tab, where string) {
	b.t.Helper()
	count := map[string]int{}
	nodes, rows := b.stillTree()
	for _, n := range nodes {
		count[n.role]++
		switch n.role {
		case "button", "link", "searchbox", "textbox", "combobox", "radio", "image", "img", "heading", "table", "columnheader", "dialog", "navigation":
			if strings.TrimSpace(n.name) == "" {
				b.t.Errorf("%s: a %s without a name", where, n.role)
			}
		}
	}
	if count["table"] != 2 || count["columnheader"] != 18 || count["row"] != 2+rows || count["rowheader"] == 0 || count["heading"] < 3 {
		b.t.Errorf("%s: the tree has %v, the page %d rows", where, count, rows)
	}
}

// faint is a script: the texts whose contrast with what is behind them is below WCAG's AA.
const faint = `(() => {
	const rgba = (s) => {
		const m = s.match(/rgba?\(([^)]+)\)/)?.[1].split(/[\s,\/]+/).map(Number) ?? [0, 0, 0, 0];
		return [m[0], m[1], m[2], m[3] ?? 1];
	};
	const over = (a, b) => [0, 1, 2].map((i) => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
	const behind = (e) => {
		const c = e ? rgba(getComputedStyle(e).backgroundColor) : [255, 255, 255, 1];
		return c[3] === 1 ? c : over(c, behind(e.parentElement));
	};
	const light = (c) => {
		const [r, g, b] = c.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const bad = [];
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let seen = 0;
	while (walker.nextNode()) {
		const e = walker.currentNode.parentElement;
		if (!walker.currentNode.data.trim() || !e.checkVisibility({ opacityProperty: true }) || e.closest(".unseen, .skip, noscript, svg, option, thead")) continue;
		const style = getComputedStyle(e);
		const [text, ground] = [rgba(style.color), behind(e)];
		const [a, b] = [light(over(text, ground)), light(ground)].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		const size = parseFloat(style.fontSize);
		const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);
		seen++;
		if (ratio < (large ? 3 : 4.5)) bad.push(walker.currentNode.data.trim() + ": " + ratio.toFixed(2));
	}
	return seen < 30 ? ["only " + seen + " texts were looked at"] : [...new Set(bad)];
})()`

func TestThePageCanBeReadByEverybody(t *testing.T) {
	t.Parallel()
	r := someTrouble(t)
	b := newTab(t)
	b.open(r.page())
	b.until("every backend is shown", `document.querySelectorAll("#backend-rows tr").length === 5`)
	r.backends[2].Stop()
	b.until("one is down", `document.querySelectorAll("#backend-rows .pill[data-level=bad]").length === 1`)
	b.click(`#write-states label:has([value=parked])`)
	b.until("writes are shown", `document.querySelectorAll("#write-table tbody").length > 0`)
	for _, width := range []int64{375, 1600} {
		for _, theme := range []string{"light", "dark"} {
			where := fmt.Sprintf("%d px, %s", width, theme)
			b.look(width, 1000, theme)
			accessible(b, where)
			for _, text := range eval[[]string](b, faint) {
				t.Errorf("%s: too faint: %s", where, text)
			}
		}
	}
	if lang := eval[string](b, "document.documentElement.lang"); lang != "en" {
		t.Errorf("the language is %q", lang)
	}
	if ids := eval[[]string](b, `[...document.querySelectorAll("[id]")].map(e => e.id).filter((id, i, all) => all.indexOf(id) !== i)`); len(ids) > 0 {
		t.Errorf("ids that are there twice: %q", ids)
	}
}

package render

import (
	"fmt"
	"strings"
)

// mermaids are the drawings before and after, for what shows Mermaid; one, if there
// is no difference, and none if there is nothing to draw.
func mermaids(before, after drawing) []string {
	switch {
	case before.empty() && after.empty():
		return nil
	case before.same() && after.same():
		return []string{"<details><summary>The mail flow does not change</summary>\n\n" + fence("mermaid", after.mermaid()) + "\n</details>\n\n"}
	}
	var out []string
	for _, d := range []struct {
		title string
		drawing
	}{{"Before", before}, {"After", after}} {
		text := "Nothing: no mail is known to flow.\n"
		if !d.empty() {
			text = fence("mermaid", d.mermaid())
		}
		out = append(out, "**"+d.title+"**\n\n"+text+"\n")
	}
	return out
}

// mermaid draws d from left to right. What differs says so in words, and its line is
// thick, or dotted if it is gone.
func (d drawing) mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	ids := map[string]string{}
	id := func(side string, x box) string {
		key := side + x.Title
		if strings.HasPrefix(x.Title, "relay.") {
			key = x.Title // mail comes to it and leaves it
		}
		if ids[key] == "" {
			ids[key] = fmt.Sprintf("n%d", len(ids))
			fmt.Fprintf(&b, "  %s[\"%s\"]\n", ids[key], labelled(append([]string{x.Title}, x.About...)))
		}
		return ids[key]
	}
	arrow := func(side string, w way) {
		from, to := id(side+"from ", w.From), id(side+"to ", w.To)
		line := map[mark]string{"": "-->", comes: "==>", changes: "==>", goes: "-.->"}[w.Mark]
		what := strings.Join(w.What, ", ")
		if w.Mark != "" {
			what = strings.ToUpper(string(w.Mark)) + ": " + what
		}
		fmt.Fprintf(&b, "  %s %s|\"%s\"| %s\n", from, line, labelled([]string{what}), to)
	}
	for _, w := range d.In {
		arrow("in ", w)
	}
	for _, w := range d.Out {
		arrow("out ", w)
	}
	if d.Left > 0 {
		fmt.Fprintf(&b, "  more[\"and %s more\"]\n", count(d.Left, "way"))
	}
	return b.String()
}

// labelled is a label of Mermaid, a line each. All but letters, digits and a few
// harmless signs stand as their numbers.
func labelled(lines []string) string {
	var out []string
	for _, l := range lines {
		var b strings.Builder
		for _, r := range clip(visible(l), 120) {
			switch {
			case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune(" .,-_/:@", r):
				b.WriteRune(r)
			default:
				fmt.Fprintf(&b, "#%d;", r)
			}
		}
		out = append(out, b.String())
	}
	return strings.Join(out, "<br/>")
}

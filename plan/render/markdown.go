package render

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/check"
)

// Marker is the first line of the Markdown of a configuration, by which a pipeline
// finds the comment that it has to update.
func (o Options) Marker() string {
	folder := o.Folder
	if folder == "" {
		folder = "."
	}
	odd := regexp.MustCompile(`[^A-Za-z0-9./_]+`) // nothing ends a comment
	return "<!-- mailrelay " + odd.ReplaceAllString(folder, "_") + " -->"
}

// Markdown writes the model for a comment on a pull request: what it comes to, what
// that means for the mail, and everything else folded. Values are escaped: none of
// them can be taken for Markdown or HTML.
func Markdown(w io.Writer, m *Model, o Options) error {
	before, after, err := m.flow()
	if err != nil {
		return err
	}
	text, err := o.document(m.head(o), []section{
		{title: "Expectations that are not met", noun: "expectation", pieces: m.unmetItems(o)},
		{title: "Findings", noun: "finding", pieces: m.findingItems(o)},
		{title: "What is not known", noun: "object", intro: "Nothing is done to these.", pieces: m.openItems()},
		{title: "Domains whose ownership is not verified", noun: "domain", pieces: m.proofItems()},
		{title: "Relays", noun: "relay node", pieces: m.nodeItems()},
		{title: "What waits for its time", noun: "change", pieces: m.waitItems()},
		{title: "What a person has to enter", noun: "zone", pieces: m.handItems()},
		{title: "Mail flow", noun: "drawing", pieces: mermaids(before, after)},
		{title: "What others have changed", noun: "object", pieces: m.diffs(m.ResourceDrift, true)},
		{title: m.changesTitle(), noun: "diff", pieces: m.diffs(m.ResourceChanges, false)},
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, text)
	return err
}

func (m *Model) changesTitle() string {
	if m.Revision != nil {
		return "What is in force"
	}
	return "Changes"
}

// head is the part that is never cut.
func (m *Model) head(o Options) string {
	var b strings.Builder
	where := ""
	if o.Folder != "" {
		where = " of " + code(o.Folder)
	}
	kind := "plan"
	if m.Revision != nil {
		kind = "state"
	}
	fmt.Fprintf(&b, "%s\n## mailrelay %s%s: %s\n\n", o.Marker(), kind, where, prose(m.verdict()))
	for _, c := range m.cautions() {
		fmt.Fprintf(&b, "**Note:** %s\n\n", prose(c))
	}
	for _, c := range m.counts() {
		fmt.Fprintf(&b, "%s\n", prose(c))
	}
	var gravest []string
	for _, f := range m.sorted() {
		if f.Severity == check.Error && f.Allowed == "" {
			gravest = append(gravest, fmt.Sprintf("- **Error** %s %s: %s\n", f.Code, prose(clip(f.Summary, 100)), code(clip(f.Addr.String(), 100))))
		}
	}
	if len(gravest) > 0 {
		b.WriteString("\nIt cannot be applied as it is:\n\n")
		for i, g := range gravest {
			if i == 5 {
				fmt.Fprintf(&b, "- and %s\n", count(len(gravest)-i, "other error"))
				break
			}
			b.WriteString(g)
		}
	}
	if m.Revision == nil {
		base := "nothing was applied before"
		if m.Base != "" {
			base = fmt.Sprintf("from revision %d", m.BaseSerial)
		}
		fmt.Fprintf(&b, "\n_Made %s, %s._\n", m.Timestamp.UTC().Format(time.RFC3339), base)
	}
	return b.String()
}

// clip is s, or the beginning of it if it is long.
func clip(s string, most int) string {
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}

func (m *Model) unmetItems(o Options) []string {
	var out []string
	declared := m.declared()
	for _, c := range m.Checks {
		if c.Status == "pass" {
			continue
		}
		word := map[string]string{"fail": "unmet", "unknown": "inconclusive"}[c.Status]
		item := fmt.Sprintf("- **%s** %s%s: %s", word, code(c.Address.ToDisplay), o.at(declared(c.Address.ToDisplay)), prose(c.Problem))
		if len(c.MetBy) > 0 {
			item += ". " + prose(strings.Join(c.MetBy, " and ")+", which this plan writes, will meet it")
		}
		out = append(out, item+answerItems(c.Answers)+"\n")
	}
	return out
}

// at is a place in words.
func (o Options) at(decl string) string {
	file, line := o.place(decl)
	if file == "" {
		return ""
	}
	return " (" + code(fmt.Sprintf("%s:%d", file, line)) + ")"
}

func answerItems(all []Answer) string {
	var out string
	for _, a := range all {
		if a.Error == "" {
			out += "\n  - " + prose(a.Text)
		}
	}
	return out
}

func (m *Model) findingItems(o Options) []string {
	declared := m.declared()
	var out []string
	for _, f := range m.sorted() {
		out = append(out, findingItem(f, o, declared))
	}
	return out
}

func findingItem(f plan.Finding, o Options, declared func(string) string) string {
	decl := f.Decl
	if decl == "" && !f.Addr.IsZero() {
		decl = declared(f.Addr.String())
	}
	item := fmt.Sprintf("- **%s** %s %s", f.Severity, prose(f.Code), prose(f.Summary))
	if !f.Addr.IsZero() {
		item += ": " + code(f.Addr.String())
	}
	item += o.at(decl)
	if f.Allowed != "" {
		item += ", accepted: " + prose(f.Allowed)
	}
	return item + "  \n  " + prose(f.Detail) + "\n"
}

func (m *Model) openItems() []string {
	var out []string
	for _, o := range m.Inconclusive {
		out = append(out, fmt.Sprintf("- %s: %s%s\n", code(o.Address), prose(o.Reason), answerItems(o.Answers)))
	}
	return out
}

func (m *Model) proofItems() []string {
	var out []string
	for _, v := range m.Verifications {
		if v.State == plan.Verified && !v.New {
			continue
		}
		var b bytes.Buffer
		m.proof(&b, Style{}, v)
		text := strings.Split(strings.TrimSpace(b.String()), "\n")
		item := "- " + prose(strings.TrimLeft(text[0], "!?* "))
		for _, line := range text[1:] {
			item += "\n  - " + prose(strings.TrimSpace(line))
		}
		out = append(out, item+"\n")
	}
	return out
}

func (m *Model) nodeItems() []string {
	var out []string
	for _, n := range m.NodesBehind {
		item := fmt.Sprintf("- %s runs revision %d and not revision %d", code(n.Name), n.Serial, m.BaseSerial)
		if n.Error != "" {
			item += ", which it refused: " + prose(n.Error)
		}
		out = append(out, item+"\n")
	}
	for _, n := range m.NodesGone {
		out = append(out, fmt.Sprintf("- %s has ended without a word, and what it has in its queue waits there\n", code(n.Name)))
	}
	return out
}

func (m *Model) waitItems() []string {
	var out []string
	for _, p := range m.Pending {
		out = append(out, fmt.Sprintf("- %s %s: %s\n", prose(When(p.NotBefore, p.Needs)), code(p.Address), prose(because(p.NotBefore, p.Needs, p.Reason))))
	}
	for _, rc := range m.ResourceChanges {
		if rc.Held {
			out = append(out, fmt.Sprintf("- %s %s\n", code(rc.Address), prose(rc.held())))
		}
	}
	return out
}

// handItems are the zones that people edit, each with its lines.
func (m *Model) handItems() []string {
	var out []string
	for _, zone := range m.zones() {
		var b bytes.Buffer
		zoneLines(&b, Style{}, zone)
		item := fmt.Sprintf("In %s:\n\n%s\n", code(zone[0].Zone.String()), fence("diff", signed(b.String())))
		for _, c := range zone {
			item += fmt.Sprintf("- %s %s %s %d %s\n", todo(c.Do), code(c.Host), c.Type, c.TTL, code(c.Value))
		}
		out = append(out, item+"\n")
	}
	return out
}

// diffs are changes, folded.
func (m *Model) diffs(all []ResourceChange, drift bool) []string {
	known := newDefaults()
	var out []string
	for _, rc := range all {
		what, symbol := rc.what(), Style{}.symbol(rc.Change.Actions[0])
		if drift {
			what = map[bool]string{true: "has been deleted", false: "has changed"}[rc.Change.Actions[0] == "delete"]
		}
		var b bytes.Buffer
		rc.remarks(&b, Style{})
		rc.body(&b, Style{}, known)
		out = append(out, fmt.Sprintf("<details><summary>%s <code>%s</code> %s</summary>\n\n%s\n</details>\n\n", strings.TrimSpace(symbol), element(rc.Address), element(what), fence("diff", signed(b.String()))))
	}
	return out
}

// signed puts the signs of a diff at the beginning of lines, where it is coloured by
// them. A change in place has the sign "!" there.
func signed(text string) string {
	sign := regexp.MustCompile(`(?m)^( +)([-+~]) `)
	text = sign.ReplaceAllStringFunc(text, func(s string) string {
		trimmed := strings.TrimSpace(s)
		if trimmed == "~" {
			trimmed = "!"
		}
		return trimmed + " " + s[:len(s)-2]
	})
	return strings.TrimRight(text, "\n")
}

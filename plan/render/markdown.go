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

// markdown is what the parts of a comment are written with.
type markdown struct {
	*Model
	Options
	words
	declared func(address string) string
	sign     *regexp.Regexp
}

// Markdown writes the model for a comment on a pull request: what it comes to, what
// that means for the mail, and everything else folded. Values are escaped: none of
// them can be taken for Markdown or HTML.
func Markdown(w io.Writer, m *Model, o Options) error {
	before, after, err := m.flow()
	if err != nil {
		return err
	}
	d := &markdown{m, o, newWords(), m.declared(), regexp.MustCompile(`(?m)^( +)([-+~]) `)}
	text, err := o.document(d.head(), []section{
		{title: "What changes for the mail", noun: "line", pieces: d.reachItems()},
		{title: "Expectations that are not met", noun: "expectation", pieces: d.unmetItems()},
		{title: "Findings", noun: "finding", pieces: d.findingItems()},
		{title: "What is not known", noun: "object", intro: "Nothing is done to these.", pieces: d.openItems()},
		{title: "Domains whose ownership is not verified", noun: "domain", pieces: d.proofItems()},
		{title: "Relays", noun: "relay node", pieces: d.nodeItems()},
		{title: "What waits for its time", noun: "change", pieces: d.waitItems()},
		{title: "What a person has to enter", noun: "zone", pieces: d.handItems()},
		{title: "Mail flow", noun: "drawing", pieces: mermaids(before, after)},
		{title: "What others have changed", noun: "object", pieces: d.diffs(d.ResourceDrift, true)},
		{title: d.changesTitle(), noun: "diff", pieces: d.diffs(d.ResourceChanges, false)},
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
func (d *markdown) head() string {
	var b strings.Builder
	where := ""
	if d.Folder != "" {
		where = " of " + code(d.Folder)
	}
	kind := "plan"
	if d.Revision != nil {
		kind = "state"
	}
	fmt.Fprintf(&b, "%s\n## mailrelay %s%s: %s\n\n", d.Marker(), kind, where, d.prose(d.verdict()))
	for _, c := range d.cautions() {
		fmt.Fprintf(&b, "**Note:** %s\n\n", d.prose(c))
	}
	for _, c := range d.counts() {
		fmt.Fprintf(&b, "%s\n", d.prose(c))
	}
	var gravest []string
	for _, f := range d.sorted() {
		if f.Severity == check.Error && f.Allowed == "" {
			gravest = append(gravest, fmt.Sprintf("- **Error** %s %s: %s\n", f.Code, d.prose(clip(f.Summary, 100)), code(clip(f.Addr.String(), 100))))
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
	if d.Revision == nil {
		base := "nothing was applied before"
		if d.Base != "" {
			base = fmt.Sprintf("from revision %d", d.BaseSerial)
		}
		fmt.Fprintf(&b, "\n_Made %s, %s._\n", d.Timestamp.UTC().Format(time.RFC3339), base)
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

func (d *markdown) reachItems() []string {
	var out []string
	for _, l := range d.Reach.Lines {
		out = append(out, fmt.Sprintf("- `%s` %s\n", l.Symbol(), d.prose(l.Text())))
	}
	return out
}

func (d *markdown) unmetItems() []string {
	var out []string
	for _, c := range d.Checks {
		if c.Status == "pass" {
			continue
		}
		word := map[string]string{"fail": "unmet", "unknown": "inconclusive"}[c.Status]
		item := fmt.Sprintf("- **%s** %s%s: %s", word, code(c.Address.ToDisplay), d.at(d.declared(c.Address.ToDisplay)), d.prose(c.Problem))
		if len(c.MetBy) > 0 {
			item += ". " + d.prose(strings.Join(c.MetBy, " and ")+", which this plan writes, will meet it")
		}
		out = append(out, item+d.answerItems(c.Answers)+"\n")
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

func (d *markdown) answerItems(all []Answer) string {
	var out string
	for _, a := range all {
		if a.Error == "" {
			out += "\n  - " + d.prose(a.Text)
		}
	}
	return out
}

func (d *markdown) findingItems() []string {
	var out []string
	for _, f := range d.sorted() {
		out = append(out, d.findingItem(f))
	}
	return out
}

func (d *markdown) findingItem(f plan.Finding) string {
	decl := f.Decl
	if decl == "" && !f.Addr.IsZero() {
		decl = d.declared(f.Addr.String())
	}
	item := fmt.Sprintf("- **%s** %s %s", f.Severity, d.prose(f.Code), d.prose(f.Summary))
	if !f.Addr.IsZero() {
		item += ": " + code(f.Addr.String())
	}
	item += d.at(decl)
	if f.Allowed != "" {
		item += ", accepted: " + d.prose(f.Allowed)
	}
	return item + "  \n  " + d.prose(f.Detail) + "\n"
}

func (d *markdown) openItems() []string {
	var out []string
	for _, open := range d.alike() {
		names := make([]string, len(open.addresses))
		for i, a := range open.addresses {
			names[i] = code(a)
		}
		out = append(out, fmt.Sprintf("- %s: %s%s\n", strings.Join(few(names), ", "), d.prose(open.Reason), d.answerItems(open.Answers)))
	}
	return out
}

func (d *markdown) proofItems() []string {
	var out []string
	for _, v := range d.Verifications {
		if v.State == plan.Verified && !v.New {
			continue
		}
		var b bytes.Buffer
		d.proof(&b, Style{}, v)
		text := strings.Split(strings.TrimSpace(b.String()), "\n")
		item := "- " + d.prose(strings.TrimLeft(text[0], "!?* "))
		for _, line := range text[1:] {
			item += "\n  - " + d.prose(strings.TrimSpace(line))
		}
		out = append(out, item+"\n")
	}
	return out
}

func (d *markdown) nodeItems() []string {
	var out []string
	for _, n := range d.NodesBehind {
		item := fmt.Sprintf("- %s runs revision %d and not revision %d", code(n.Name), n.Serial, d.BaseSerial)
		if n.Error != "" {
			item += ", which it refused: " + d.prose(n.Error)
		}
		out = append(out, item+"\n")
	}
	for _, n := range d.NodesGone {
		out = append(out, fmt.Sprintf("- %s has ended without a word, and what it has in its queue waits there\n", code(n.Name)))
	}
	return out
}

func (d *markdown) waitItems() []string {
	var out []string
	for _, p := range d.Pending {
		out = append(out, fmt.Sprintf("- %s %s: %s\n", d.prose(When(p.NotBefore, p.Needs)), code(p.Address), d.prose(because(p.NotBefore, p.Needs, p.Reason))))
	}
	for _, rc := range d.ResourceChanges {
		if rc.Held {
			out = append(out, fmt.Sprintf("- %s %s\n", code(rc.Address), d.prose(rc.held())))
		}
	}
	return out
}

// handItems are the zones that people edit, each with its lines.
func (d *markdown) handItems() []string {
	var out []string
	for _, zone := range d.zones() {
		var b bytes.Buffer
		zoneLines(&b, Style{}, zone)
		item := fmt.Sprintf("In %s:\n\n%s\n", code(zone[0].Zone.String()), fence("diff", d.signed(b.String())))
		for _, c := range zone {
			item += fmt.Sprintf("- %s %s %s %d %s\n", todo(c.Do), code(c.Host), c.Type, c.TTL, code(c.Value))
		}
		out = append(out, item+"\n")
	}
	return out
}

// diffs are changes, folded.
func (d *markdown) diffs(all []ResourceChange, drift bool) []string {
	known := newDefaults()
	var out []string
	for _, rc := range all {
		symbol := Style{}.symbol(rc.Change.Actions[0])
		var b bytes.Buffer
		rc.remarks(&b, Style{})
		rc.body(&b, Style{}, known)
		out = append(out, fmt.Sprintf("<details><summary>%s <code>%s</code> %s</summary>\n\n%s\n</details>\n\n", strings.TrimSpace(symbol), element(rc.Address), element(rc.whatIn(drift)+d.beside(rc.Decl)), fence("diff", d.signed(b.String()))))
	}
	return out
}

// signed puts the signs of a diff at the beginning of lines, where it is coloured by
// them. A change in place has the sign "!" there.
func (d *markdown) signed(text string) string {
	text = d.sign.ReplaceAllStringFunc(text, func(s string) string {
		trimmed := strings.TrimSpace(s)
		if trimmed == "~" {
			trimmed = "!"
		}
		return trimmed + " " + s[:len(s)-2]
	})
	return strings.TrimRight(text, "\n")
}

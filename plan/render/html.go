package render

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/plan"
)

//go:embed page.html
var pageTemplate string

//go:embed page.css
var pageStyle string

// openDiffs is how many diffs a page shows unfolded.
const openDiffs = 100

// page is what the template of the HTML page is filled with.
type page struct {
	Heading, Made, Left string
	Style               template.CSS
	Cautions, Counts    []string
	Same                bool
	Drawings            []figure
	Lists               []list
	Zones               []zonePage
	Diffs               []diffList
}

type (
	figure struct {
		Title   string
		Picture template.HTML
	}
	list struct {
		ID, Title, Intro string
		Items            []item
	}
	item struct {
		Class, Word, Code, Title, Address, Place string
		Text                                     []string
	}
	zonePage struct {
		ID, Title string
		Lines     []line
		Fields    []field
	}
	field struct {
		Do, Host, Type, Value string
		TTL                   uint32
	}
	diffList struct {
		ID, Title string
		Diffs     []diffPage
	}
	diffPage struct {
		Open                       bool
		Sign, Class, Address, What string
		Lines                      []line
	}
	line struct{ Class, Text string }
)

// HTML writes the model as one page that needs nothing else: no script, no picture
// and no font from elsewhere.
func HTML(w io.Writer, m *Model, o Options) error {
	t, err := template.New("page").Parse(pageTemplate)
	if err != nil {
		return err
	}
	before, after, err := m.flow()
	if err != nil {
		return err
	}
	p := m.page(o)
	p.draw(before, after)
	lists, zones, diffs := p.Lists, p.Zones, p.Diffs
	total := 0
	for _, l := range lists {
		total += len(l.Items)
	}
	total += len(zones)
	for _, d := range diffs {
		total += len(d.Diffs)
	}
	return o.fit(w, total, func(b *bytes.Buffer, n int) error {
		p.Lists, p.Zones, p.Diffs, p.Left = nil, nil, nil, ""
		if left := total - n; left > 0 {
			p.Left = count(left, "entry")
			if left > 1 {
				p.Left = fmt.Sprintf("%d entries", left)
			}
		}
		take := func(have int) int {
			k := min(n, have)
			n -= k
			return k
		}
		for _, l := range lists {
			if l.Items = l.Items[:take(len(l.Items))]; len(l.Items) > 0 {
				p.Lists = append(p.Lists, l)
			}
		}
		p.Zones = zones[:take(len(zones))]
		for _, d := range diffs {
			if d.Diffs = d.Diffs[:take(len(d.Diffs))]; len(d.Diffs) > 0 {
				p.Diffs = append(p.Diffs, d)
			}
		}
		return t.Execute(b, p)
	})
}

// draw puts the pictures on the page: one, if there is no difference.
func (p *page) draw(before, after drawing) {
	switch p.Same = before.same() && after.same(); {
	case before.empty() && after.empty():
	case p.Same:
		p.Drawings = []figure{{"Now", after.svg("now", "Mail flow")}}
	default:
		for _, d := range []struct {
			title string
			drawing
		}{{"Before", before}, {"After", after}} {
			if !d.empty() {
				p.Drawings = append(p.Drawings, figure{d.title, d.svg(strings.ToLower(d.title), "Mail flow "+strings.ToLower(d.title))})
			}
		}
	}
}

func (m *Model) page(o Options) *page {
	p := &page{Style: template.CSS(pageStyle), Cautions: m.cautions(), Counts: m.counts()}
	kind := "plan"
	if m.Revision != nil {
		kind = "state"
	}
	if o.Folder != "" {
		kind += " of " + visible(o.Folder)
	}
	p.Heading = fmt.Sprintf("mailrelay %s: %s", kind, m.verdict())
	if m.Revision == nil {
		p.Made = "Made " + m.Timestamp.UTC().Format(time.RFC3339) + ", nothing was applied before."
		if m.Base != "" {
			p.Made = fmt.Sprintf("Made %s, from revision %d.", m.Timestamp.UTC().Format(time.RFC3339), m.BaseSerial)
		}
	}
	add := func(id, title, intro string, items []item) {
		if len(items) > 0 {
			p.Lists = append(p.Lists, list{id, title, intro, items})
		}
	}
	add("mail", "What changes for the mail", "", m.reachPage())
	add("unmet", "Expectations that are not met", "", m.unmetPage(o))
	add("findings", "Findings", "", m.findingPage(o))
	add("open", "What is not known", "Nothing is done to these.", m.openPage())
	add("ownership", "Domains whose ownership is not verified", "", m.proofPage())
	add("relays", "Relays", "", m.nodePage())
	add("waits", "What waits for its time", "", m.waitPage())
	for i, zone := range m.zones() {
		z := zonePage{ID: fmt.Sprintf("zone%d", i), Title: zone[0].Zone.String()}
		var b bytes.Buffer
		zoneLines(&b, Style{}, zone)
		z.Lines = dressed(b.String())
		for _, c := range zone {
			z.Fields = append(z.Fields, field{todo(c.Do), visible(c.Host), c.Type, visible(c.Value), c.TTL})
		}
		p.Zones = append(p.Zones, z)
	}
	if len(m.ResourceDrift) > 0 {
		p.Diffs = append(p.Diffs, diffList{"drift", "What others have changed", o.diffPages(m.ResourceDrift, true)})
	}
	if len(m.ResourceChanges) > 0 {
		p.Diffs = append(p.Diffs, diffList{"changes", m.changesTitle(), o.diffPages(m.ResourceChanges, false)})
	}
	return p
}

func (m *Model) reachPage() []item {
	var out []item
	for _, l := range m.Reach.Lines {
		out = append(out, item{Class: signClass(l.Symbol()), Word: l.Symbol(), Title: visible(l.Text())})
	}
	return out
}

func (m *Model) unmetPage(o Options) []item {
	declared := m.declared()
	var out []item
	for _, c := range m.Checks {
		if c.Status == "pass" {
			continue
		}
		i := item{Class: "warning", Word: map[string]string{"fail": "unmet", "unknown": "inconclusive"}[c.Status], Address: visible(c.Address.ToDisplay), Place: o.spot(declared(c.Address.ToDisplay)), Text: []string{visible(c.Problem)}}
		if len(c.MetBy) > 0 {
			i.Text = append(i.Text, visible(strings.Join(c.MetBy, " and "))+", which this plan writes, will meet it.")
		}
		i.Text = append(i.Text, answerTexts(c.Answers)...)
		out = append(out, i)
	}
	return out
}

func answerTexts(all []Answer) []string {
	var out []string
	for _, a := range all {
		if a.Error == "" {
			out = append(out, visible(a.Text))
		}
	}
	return out
}

// spot is a place in words.
func (o Options) spot(decl string) string {
	file, line := o.place(decl)
	if file == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", visible(file), line)
}

// beside is a place behind a sentence.
func (o Options) beside(decl string) string {
	if s := o.spot(decl); s != "" {
		return " (" + s + ")"
	}
	return ""
}

func (m *Model) findingPage(o Options) []item {
	declared := m.declared()
	var out []item
	for _, f := range m.sorted() {
		i := item{Class: f.Severity, Word: f.Severity, Code: f.Code, Title: visible(f.Summary), Text: []string{visible(f.Detail)}}
		if !f.Addr.IsZero() {
			i.Address = visible(f.Addr.String())
			if f.Decl == "" {
				f.Decl = declared(f.Addr.String())
			}
		}
		i.Place = o.spot(f.Decl)
		if f.Allowed != "" {
			i.Class = "accepted"
			i.Text = append([]string{"Accepted: " + visible(f.Allowed)}, i.Text...)
		}
		out = append(out, i)
	}
	return out
}

func (m *Model) openPage() []item {
	var out []item
	for _, o := range m.alike() {
		out = append(out, item{Class: "warning", Address: visible(strings.Join(few(o.addresses), ", ")), Text: append([]string{visible(o.Reason)}, answerTexts(o.Answers)...)})
	}
	return out
}

func (m *Model) proofPage() []item {
	var out []item
	for _, v := range m.Verifications {
		if v.State == plan.Verified && !v.New {
			continue
		}
		var b bytes.Buffer
		m.proof(&b, Style{}, v)
		var i item
		for l := range strings.Lines(strings.TrimSpace(b.String())) {
			i.Text = append(i.Text, visible(strings.TrimLeft(strings.TrimSpace(l), "!?* ")))
		}
		out = append(out, i)
	}
	return out
}

func (m *Model) nodePage() []item {
	var out []item
	for _, n := range m.NodesBehind {
		text := fmt.Sprintf("runs revision %d and not revision %d", n.Serial, m.BaseSerial)
		if n.Error != "" {
			text += ", which it refused: " + visible(n.Error)
		}
		out = append(out, item{Class: "warning", Address: visible(n.Name), Text: []string{text}})
	}
	for _, n := range m.NodesGone {
		out = append(out, item{Class: "warning", Address: visible(n.Name), Text: []string{"has ended without a word, and what it has in its queue waits there"}})
	}
	return out
}

func (m *Model) waitPage() []item {
	var out []item
	for _, p := range m.Pending {
		out = append(out, item{Address: visible(p.Address), Place: When(p.NotBefore, p.Needs), Text: []string{visible(because(p.NotBefore, p.Needs, p.Reason))}})
	}
	for _, rc := range m.ResourceChanges {
		if rc.Held {
			out = append(out, item{Address: visible(rc.Address), Text: []string{visible(rc.held())}})
		}
	}
	return out
}

// diffPages are changes with their lines.
func (o Options) diffPages(all []ResourceChange, drift bool) []diffPage {
	known := newDefaults()
	var out []diffPage
	for _, rc := range all {
		var b bytes.Buffer
		rc.remarks(&b, Style{})
		rc.body(&b, Style{}, known)
		d := diffPage{Open: len(all) <= openDiffs, Sign: strings.TrimSpace(Style{}.symbol(rc.Change.Actions[0])), Address: visible(rc.Address), What: visible(rc.whatIn(drift) + o.beside(rc.Decl)), Lines: dressed(b.String())}
		d.Class = signClass(d.Sign)
		out = append(out, d)
	}
	return out
}

func signClass(sign string) string {
	return map[string]string{"+": "add", "-": "del", "~": "mod", "!": "mod"}[sign]
}

// dressed are the lines of a diff with the class of their signs.
func dressed(text string) []line {
	var out []line
	for l := range strings.Lines(strings.TrimRight(text, "\n")) {
		l = strings.TrimSuffix(l, "\n")
		sign, _, _ := strings.Cut(strings.TrimLeft(l, " "), " ")
		out = append(out, line{signClass(sign), visible(unpadded(l))})
	}
	return out
}

// unpadded is a line of a diff without the spaces that put the signs of equality
// below each other, for which a phone has no room.
func unpadded(l string) string {
	name, value, ok := strings.Cut(l, "= ")
	if !ok || strings.Contains(name, `"`) {
		return l
	}
	return strings.TrimRight(name, " ") + " = " + value
}

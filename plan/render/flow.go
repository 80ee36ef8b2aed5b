package render

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// drawing is the way of mail at one time: who sends it to whom, and where relays
// send it on.
type drawing struct {
	In, Out []way
	Left    int // ways for which there is no room
	// marks are the boxes, by title, that are not in the other drawing.
	marks map[string]mark
}

// way is one arrow of a drawing.
type way struct {
	key      string // what is the same before and after
	From, To box
	What     []string // which mail, and how
	Mark     mark
}

// box is one end of an arrow. Boxes of one title are one.
type box struct {
	Title string
	About []string
}

// mark says what a change does to a way.
type mark string

const (
	comes   mark = "new"
	goes    mark = "gone"
	changes mark = "changed"
)

// mostWays is how many ways of one direction are drawn: those that differ first.
const mostWays = 12

// flow draws the mail flow before and after the plan. Both are equal if the plan
// does not change it, and empty if the configuration says nothing of it.
func (m *Model) flow() (before, after drawing, err error) {
	was, is := m.sides()
	old, err := newScene(was, m)
	if err != nil {
		return drawing{}, drawing{}, fmt.Errorf("drawing the mail flow before: %w", err)
	}
	now, err := newScene(is, m)
	if err != nil {
		return drawing{}, drawing{}, fmt.Errorf("drawing the mail flow after: %w", err)
	}
	oldIn, newIn := old.connectors(), now.connectors()
	for _, g := range m.exchanges(old, now) {
		if w, ok := old.exchange(g, g.before); ok {
			oldIn = append(oldIn, w)
		}
		if w, ok := now.exchange(g, g.after); ok {
			newIn = append(newIn, w)
		}
	}
	oldOut, newOut := old.routes(), now.routes()
	compare(oldIn, newIn)
	compare(oldOut, newOut)
	before, after = draw(oldIn, oldOut), draw(newIn, newOut)
	before.marks, after.marks = alone(slices.Concat(oldIn, oldOut), slices.Concat(newIn, newOut), goes), alone(slices.Concat(newIn, newOut), slices.Concat(oldIn, oldOut), comes)
	return before, after, nil
}

// alone marks the boxes of ways that are not in others.
func alone(ways, others []way, m mark) map[string]mark {
	out := map[string]mark{}
	for _, w := range ways {
		out[w.From.Title], out[w.To.Title] = m, m
	}
	for _, w := range others {
		delete(out, w.From.Title)
		delete(out, w.To.Title)
	}
	return out
}

// same reports whether nothing in d is marked.
func (d drawing) same() bool {
	marked := func(w way) bool { return w.Mark != "" }
	return !slices.ContainsFunc(d.In, marked) && !slices.ContainsFunc(d.Out, marked)
}

func (d drawing) empty() bool { return len(d.In)+len(d.Out) == 0 }

// compare marks what differs.
func compare(before, after []way) {
	at := map[string]int{}
	for i, w := range before {
		at[w.key] = i
		before[i].Mark = goes
	}
	for j, w := range after {
		i, ok := at[w.key]
		switch {
		case !ok:
			after[j].Mark = comes
		case before[i].From.equal(w.From) && before[i].To.equal(w.To) && slices.Equal(before[i].What, w.What):
			before[i].Mark = ""
		default:
			before[i].Mark, after[j].Mark = changes, changes
		}
	}
}

func (b box) equal(c box) bool { return b.Title == c.Title && slices.Equal(b.About, c.About) }

// draw keeps the ways that have room, with those together that share the box in
// which several arrows end or begin.
func draw(in, out []way) drawing {
	d := drawing{}
	keep := func(all []way, shared func(way) string) []way {
		slices.SortStableFunc(all, func(a, b way) int {
			return cmp.Or(cmp.Compare(bit(a.Mark == ""), bit(b.Mark == "")), cmp.Compare(a.key, b.key))
		})
		if n := len(all) - mostWays; n > 0 {
			d.Left += n
			all = all[:mostWays]
		}
		slices.SortStableFunc(all, func(a, b way) int { return cmp.Or(cmp.Compare(shared(a), shared(b)), cmp.Compare(a.key, b.key)) })
		return all
	}
	d.In = keep(in, func(w way) string { return w.To.Title })
	d.Out = keep(out, func(w way) string { return w.From.Title })
	return d
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// scene is the configuration at one time, as far as it is drawn.
type scene struct {
	config *schema.Config
	policy *decide.Policy
	model  *Model
}

// drawn are the types of blocks that say where mail goes.
var drawn = []string{"mailrelay", "domain", "relay", "allowlist", "receive_connector", "send_connector", "recipients"}

// sides gives the blocks that are drawn, before and after the plan.
func (m *Model) sides() (before, after []revision.Object) {
	changed := map[string]ResourceChange{}
	for _, rc := range m.ResourceChanges {
		if slices.Contains(drawn, rc.Type) && !strings.Contains(rc.Address, ".verification") {
			changed[rc.Address] = rc
		}
	}
	put := func(into *[]revision.Object, addr string, value json.RawMessage, decl string) {
		a, err := schema.ParseAddr(addr)
		if err != nil || len(value) == 0 || string(value) == "null" {
			return
		}
		*into = append(*into, revision.Object{Addr: a, Value: value, Decl: decl})
	}
	for _, o := range m.Target {
		if !slices.Contains(drawn, o.Addr.Type) {
			continue
		}
		after = append(after, o)
		rc, ok := changed[o.Addr.String()]
		if !ok {
			before = append(before, o)
			continue
		}
		put(&before, cmp.Or(rc.PreviousAddress, rc.Address), rc.Change.Before, rc.Decl)
	}
	for _, rc := range m.ResourceChanges {
		if _, ok := changed[rc.Address]; ok && rc.Change.Actions[0] == "delete" {
			put(&before, rc.Address, rc.Change.Before, rc.Decl)
		}
	}
	return before, after
}

func newScene(objects []revision.Object, m *Model) (*scene, error) {
	c, err := revision.Config(objects)
	if err != nil {
		return nil, err
	}
	p, err := decide.Compile(c)
	if err != nil {
		return nil, err
	}
	return &scene{c, p, m}, nil
}

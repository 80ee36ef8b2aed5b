package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// holding decides what of the relay stays in force while caches may still lead mail
// to what stands now, and on what evidence the rest goes. It is nil where nothing of
// the plan leads mail.
type holding struct {
	p       *Plan
	base    *revision.Revision
	c       *schema.Config
	narrow  *narrowing // once something changes
	types   []*schema.Type
	choices []choice
	mail    func(revision.Switched) bool // concerns any accepted domain; nil: nobody asked
}

// choice is something that should stay in force.
type choice struct {
	kept   revision.Object
	wait   wait
	change int // in Plan.Changes
}

// holding begins.
func (p *Plan) holding(c *schema.Config, base *revision.Revision) *holding {
	_, waits := p.waitFor(func(revision.Switched) bool { return true })
	if !waits && len(p.leading) == 0 {
		return nil
	}
	return &holding{p: p, base: base, c: c, types: schema.Types()}
}

// look reads what is in force, which mostly nobody asks for: it costs more than the
// rest of a plan.
func (h *holding) look() error {
	if h.narrow != nil {
		return nil
	}
	force, err := h.base.InForce()
	if err != nil {
		return fmt.Errorf("reading revision %d: %w", h.base.Serial, err)
	}
	h.narrow = newNarrowing(h.c, force)
	return nil
}

// change notes what must stay for the last change of the plan, which makes next of
// the block that is in force at its address; next is nil if that goes.
func (h *holding) change(next schema.Block) error {
	if h == nil {
		return nil
	}
	if err := h.look(); err != nil {
		return err
	}
	i := len(h.p.Changes) - 1
	old := h.narrow.force.Block(h.p.Changes[i].Addr)
	stays := h.narrow.of(old, next)
	if len(stays) == 0 {
		return nil
	}
	concerns := h.concerns(old)
	w, waits := h.p.waitFor(concerns)
	if !waits {
		h.p.rely(concerns)
		return nil
	}
	for _, k := range stays {
		o, err := revision.NewObject(k.addr, schema.TypeNamed(h.types, k.addr.Type), k.value, old.Decl())
		if err != nil {
			return err
		}
		h.choices = append(h.choices, choice{o, w, i})
	}
	return nil
}

// over reports whether nothing is left to keep of what stayed beside a block.
func (h *holding) over(a schema.Addr) (bool, error) {
	if h == nil || a.Part == "" {
		return false, nil
	}
	if err := h.look(); err != nil {
		return false, err
	}
	return len(h.narrow.of(h.narrow.force.Block(a), nil)) == 0, nil
}

// concerns says which switches have to do with a block: those of a domain's own
// mail for the domain and its recipients, those of every accepted domain for what
// else lets mail in and out, and those of addresses for where clients that may relay
// find the relay.
func (h *holding) concerns(b schema.Block) func(revision.Switched) bool {
	switch b := b.(type) {
	case *schema.Domain:
		return leadsTo(b.Name)
	case *schema.Recipients:
		if d := schema.At[*schema.Domain](h.narrow.force, b.Domain); d != nil {
			return leadsTo(d.Name)
		}
	case *schema.ReceiveConnector:
		if everybodyRelays(b) {
			return ofAddress
		}
	}
	if h.mail == nil {
		h.mail = leadsToAny(schema.All[*schema.Domain](h.narrow.force))
	}
	return h.mail
}

// settle keeps what can be kept. What would contradict the configuration is given
// up, what is newest first, and a finding (MR402) says so; what would keep the relay
// open for strangers is given up too.
func (h *holding) settle() error {
	if h == nil || len(h.choices) == 0 {
		return nil
	}
	recorded := map[schema.Addr]bool{}
	for _, k := range h.base.Retained {
		recorded[k.Object.Addr] = true
	}
	order := slices.Clone(h.choices)
	slices.SortStableFunc(order, func(a, b choice) int { // what others refer to first
		age := func(c choice) int {
			if recorded[c.kept.Addr] {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(age(a), age(b)), cmp.Compare(rank(a.kept.Addr), rank(b.kept.Addr)), a.kept.Addr.Compare(b.kept.Addr))
	})
	known := map[trouble]bool{}
	found, err := h.troubles(nil, known)
	if err != nil {
		return err
	}
	for _, t := range found {
		known[t] = true
	}
	fit, err := h.fit(nil, order, known)
	if err != nil {
		return err
	}
	target := map[schema.Addr]revision.Object{}
	for _, o := range h.base.Target {
		target[o.Addr] = o
	}
	for _, k := range fit {
		h.p.Retained = append(h.p.Retained, revision.Retained{Object: k.kept, Until: k.wait.until})
		ch := &h.p.Changes[k.change]
		ch.hold(k.wait)
		ch.Pending, err = h.asked(target, *ch)
		if err != nil {
			return err
		}
	}
	slices.SortFunc(h.p.Retained, func(a, b revision.Retained) int { return a.Object.Addr.Compare(b.Object.Addr) })
	return nil
}

// rank orders types so that what is referred to comes first.
func rank(a schema.Addr) int {
	return slices.Index([]string{"relay", "allowlist", "domain", "send_connector", "receive_connector", "recipients"}, a.Type)
}

// asked reports whether the revision has a change in its target already.
func (h *holding) asked(target map[schema.Addr]revision.Object, ch Change) (bool, error) {
	o, ok := target[ch.Addr]
	if ch.Action == Delete || !ok {
		return !ok, nil
	}
	v, err := o.Cty(schema.TypeNamed(h.types, ch.Addr.Type))
	return err == nil && v.RawEquals(ch.After), err
}

// fit gives those of more that can stand with the configuration and with have.
func (h *holding) fit(have, more []choice, known map[trouble]bool) ([]choice, error) {
	all := slices.Concat(have, more)
	found, err := h.troubles(all, known)
	switch {
	case err != nil:
		return nil, err
	case len(found) == 0:
		return all, nil
	case len(more) == 1:
		h.giveUp(more[0], found[0])
		return have, nil
	}
	half := len(more) / 2
	if have, err = h.fit(have, more[:half], known); err != nil {
		return nil, err
	}
	return h.fit(have, more[half:], known)
}

// trouble is why something cannot stay.
type trouble struct {
	text string
	open bool // the configuration has a meaning, but opens the relay for strangers
}

// troubles are what makes the configuration with the choices invalid or, if nothing
// does, an open relay, but for what is known. Who closes that, means now.
func (h *holding) troubles(choices []choice, known map[trouble]bool) ([]trouble, error) {
	r := revision.Revision{Target: h.p.Target}
	for _, k := range choices {
		r.Retained = append(r.Retained, revision.Retained{Object: k.kept})
	}
	c, err := r.InForce()
	if err != nil {
		return nil, err
	}
	var out []trouble
	invalid := schema.Validate(c)
	for _, problem := range invalid {
		if t := (trouble{problem.String(), false}); !known[t] {
			out = append(out, t)
		}
	}
	if len(invalid) > 0 {
		return out, nil
	}
	found, err := check.Config(c, h.p.Made)
	for _, f := range found {
		if t := (trouble{f.Summary, true}); f.Severity == check.Error && f.Allowed == "" && !known[t] {
			out = append(out, t)
		}
	}
	return out, err
}

// giveUp says that something cannot stay. MR402: what stands now would have to stay
// in force until caches have forgotten where mail went before, and cannot.
func (h *holding) giveUp(k choice, t trouble) {
	ch := &h.p.Changes[k.change]
	if t.open {
		ch.Why = fmt.Sprintf("at once, though %s: while it stands, %s", k.wait.why, t.text)
		return
	}
	f := Finding{Code: "MR402", Severity: "warning", Addr: ch.Addr, Summary: fmt.Sprintf("%s cannot stay as it is until it is safe", ch.Addr),
		Detail: fmt.Sprintf("%s, and mail that follows it may be refused. It does not go with the new configuration: %s. Apply the change of the record first, and this one when its time has come.", sentence(k.wait.why), t.text)}
	if b := h.narrow.c.Block(ch.Addr); b != nil {
		f.Decl, f.Allowed = schema.Place(b.Decl()), b.Allowed()["MR402"]
	}
	h.p.Findings = append(h.p.Findings, f)
}

func sentence(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

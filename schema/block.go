// Package schema is what a configuration of mailrelay means, apart from the
// language it was written in: its blocks, their addresses, their defaults and
// what makes no sense. It does no I/O and reads no clock.
//
// Each kind of block has one description, a Type, which says which attributes it
// takes, of which Kind, with which default. The description gives a block its
// canonical cty.Value, which is what is compared, stored and printed, and the
// typed struct that the rest of the program reads.
package schema

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
)

// Block is one evaluated block: *Zone, *Record, *Expect, *Domain, *Relay,
// *Allowlist, *ReceiveConnector, *SendConnector, *Recipients, *Stage, *Service,
// *Probe or *Settings.
type Block interface {
	Addr() Addr
	// Value is canonical: equal values mean the same. It is made anew for whoever
	// asks; Field gives one attribute or nested block of it for nothing.
	Value() cty.Value
	// Field is the canonical value of the attribute or nested block called name,
	// which must be one of the type of the block.
	Field(name string) cty.Value
	// Refs are the blocks whose values this one takes, sorted. What merely orders
	// (OrderKind) is not among them.
	Refs() []Addr
	// Decl is where the block was declared. Only Filename and Start are set in a
	// block that was read back from a revision.
	Decl() hcl.Range
	// Allowed gives the findings that an allow block of this block accepts, with
	// the reason, by code.
	Allowed() map[string]string
	object() object
}

// Place writes where something was declared, as file:line; empty if that is not known.
func Place(r hcl.Range) string {
	if r.Filename == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line)
}

// Type describes a kind of block.
type Type struct {
	Name string
	Body *Body
	Doc  string
	// Counted reports whether the summary line of a plan counts such blocks.
	Counted bool
	// Nameless is a block without a label, which stands at most once.
	Nameless bool
	// Kinds are what the first of two labels may be; nil: there is one label. The
	// name in the address is both, joined by a dot.
	Kinds []string
	build func(header, object) Block
}

// Types describes every kind of block, sorted by name.
func Types() []*Type {
	types := []*Type{
		allowlistType(), domainType(), expectType(), settingsType(), probeType(), receiveType(),
		recipientsType(), recordType(), relayType(), sendType(), serviceType(), stageType(), zoneType(),
	}
	for _, t := range types {
		t.Body.Blocks = append(t.Body.Blocks, allowBlock())
		t.Body.complete()
	}
	return types
}

// allowBlock is what every block may hold: allow "MR101" { reason = "…" }.
func allowBlock() Nested {
	return Nested{Name: "allow", Label: FindingCode(), Doc: "A finding that is known and accepted for this block.", Body: &Body{Attrs: []Attr{
		{Name: "reason", Kind: Reason(), Required: true, Doc: "Why; reports show it."},
	}}}
}

// TypeNamed finds a description by name. It gives nil where there is none.
func TypeNamed(types []*Type, name string) *Type {
	for _, t := range types {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// New makes the block at a from v, which must be of t.Body.Type(). It applies
// defaults and checks every value; the error is a cty.PathError that leads to the
// attribute at fault.
func (t *Type) New(a Addr, v cty.Value, decl hcl.Range) (Block, error) {
	return t.Make(a, t.Body.split(v), nil, decl)
}

// Make makes the block at a from the values of its attributes and of its nested
// blocks, in the order of t.Body. Each must be of its own type, and the slice
// becomes the block's. Those that like has already, which is a block of the same
// type or nil, are the zero Value: they are taken from it as they are. The rest is
// as with New.
func (t *Type) Make(a Addr, values []cty.Value, like Block, decl hcl.Range) (Block, error) {
	var given []cty.Value
	if like != nil {
		given = like.object().values
	}
	if err := t.Body.canon(values, given); err != nil {
		return nil, err
	}
	o := object{body: t.Body, values: values}
	return t.build(header{a, o, refsIn(t.Body, values), decl}, o), nil
}

// header is what all blocks share.
type header struct {
	addr Addr
	obj  object
	refs []Addr
	decl hcl.Range
}

func (h *header) Addr() Addr                  { return h.addr }
func (h *header) Value() cty.Value            { return h.obj.value() }
func (h *header) Field(name string) cty.Value { return h.obj.get(name) }
func (h *header) Refs() []Addr                { return h.refs }
func (h *header) Decl() hcl.Range             { return h.decl }
func (h *header) object() object              { return h.obj }

func (h *header) Allowed() map[string]string {
	out := map[string]string{}
	h.obj.each("allow", func(code string, o object) { out[code] = o.str("reason") })
	return out
}

// refsIn collects the addresses in the canonical values of a body.
func refsIn(b *Body, values []cty.Value) []Addr {
	var out []Addr
	add := func(s cty.Value) {
		if a, err := ParseAddr(s.AsString()); err == nil && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	for i := range b.Attrs {
		av := values[i]
		if av.IsNull() {
			continue
		}
		switch k := b.Attrs[i].Kind.(type) {
		case RefKind:
			add(av)
		case collection:
			switch k.elem.(type) {
			case RefKind:
				for _, ev := range elements(av) {
					add(ev)
				}
			}
		}
	}
	for i := range b.Blocks {
		n, nv := &b.Blocks[i], values[len(b.Attrs)+i]
		if n.Label == nil && n.Variants == nil && !nv.IsNull() {
			for _, a := range refsIn(n.Body, n.Body.split(nv)) {
				add(cty.StringVal(a.String()))
			}
		}
	}
	slices.SortFunc(out, Addr.Compare)
	return out
}

// Config is a whole configuration: evaluated, validated, sorted by address.
type Config struct {
	Blocks  []Block
	Moved   []Moved              // in the order of their declaration
	Uses    map[Addr][]Addr      // whose values the expressions of a block take, without keys; nil if read back from a revision
	Sources map[string]*hcl.File // for snippets in diagnostics; nil if read back from a revision
	// Gated are the domains whose mail waits with its senders until their ownership
	// is proved. Only what a relay runs from has any (revision.InForce): everybody
	// else asks what a configuration means once it is in force.
	Gated map[Addr]bool
	index map[Addr]Block
	zones map[string][]*Zone // by name
}

// Moved says that an object has another address than before. Without a key it is
// about every instance.
type Moved struct {
	From Addr `json:"from"`
	To   Addr `json:"to"`
}

// NewConfig makes a Config of blocks. It does not validate.
func NewConfig(blocks []Block, sources map[string]*hcl.File) *Config {
	c := &Config{Blocks: blocks, Sources: sources, index: make(map[Addr]Block, len(blocks)), zones: map[string][]*Zone{}}
	slices.SortFunc(c.Blocks, func(a, b Block) int { return a.Addr().Compare(b.Addr()) })
	for _, b := range blocks {
		c.index[b.Addr()] = b
		if z, ok := b.(*Zone); ok {
			c.zones[z.Name] = append(c.zones[z.Name], z)
		}
	}
	return c
}

// Block gives the block at a, or nil.
func (c *Config) Block(a Addr) Block { return c.index[a] }

// All gives the blocks of one type, sorted by address.
func All[B Block](c *Config) []B {
	var out []B
	for _, b := range c.Blocks {
		if x, ok := b.(B); ok {
			out = append(out, x)
		}
	}
	return out
}

// At gives the block at a if it is of type B, else nil.
func At[B Block](c *Config, a Addr) B {
	b, _ := c.index[a].(B)
	return b
}

// Settings gives the mailrelay block, or one with the defaults.
func (c *Config) Settings() *Settings {
	if all := All[*Settings](c); len(all) > 0 {
		return all[0]
	}
	t := TypeNamed(Types(), "mailrelay")
	o := object{body: t.Body, values: t.Body.split(t.Body.Defaults())}
	return t.build(header{addr: Addr{Type: "mailrelay"}, obj: o}, o).(*Settings)
}

// Defaults is the canonical value of a body in which nothing was written.
func (b *Body) Defaults() cty.Value {
	out := map[string]cty.Value{}
	for _, a := range b.Attrs {
		out[a.Name] = a.Default
		if a.Default == cty.NilVal {
			out[a.Name] = cty.NullVal(a.Kind.Type())
		}
	}
	for _, n := range b.Blocks {
		out[n.Name] = cty.NullVal(n.Type())
	}
	return cty.ObjectVal(out)
}

// Problem is something in a configuration that has no meaning. lang makes a
// diagnostic of it.
type Problem struct {
	Addr    Addr
	Attr    string // the attribute or nested block at fault ("tls.key" inside one); empty for the block
	Summary string
	Detail  string // whole sentences: why, and what to do
}

func (p Problem) String() string {
	return fmt.Sprintf("%s: %s: %s", p.Addr, p.Summary, strings.TrimSpace(p.Detail))
}

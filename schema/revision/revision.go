// Package revision is an applied configuration: what a relay runs from and what a
// plan compares with. A revision is immutable, and the state is a chain of them.
package revision

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Format is the version of the form in which revisions are stored.
const Format = 1

// Hash names the content of a revision: SHA-256, in hex. The empty Hash is "none".
type Hash string

// Short is enough of h for a person.
func (h Hash) Short() string { return string(h)[:min(len(h), 12)] }

// Revision is an applied configuration with all that was known when it was put.
type Revision struct {
	Format   int        `json:"format"`
	Lineage  string     `json:"lineage"` // made at random with the first revision, the same in all that follow
	Serial   uint64     `json:"serial"`  // 1 for the first
	Parent   Hash       `json:"parent,omitempty"`
	Hash     Hash       `json:"hash"`
	Applied  time.Time  `json:"applied"`
	By       string     `json:"by"`
	Target   []Object   `json:"target"`             // what was asked for, sorted by address
	Owned    []Owned    `json:"owned,omitempty"`    // what is ours in DNS
	Intent   []Step     `json:"intent,omitempty"`   // about to be written, or written and not yet read back
	Switched []Switched `json:"switched,omitempty"` // what caches may still answer as it was
	Pending  []Step     `json:"pending,omitempty"`  // of DNS, waits until it is safe
	Manual   []Step     `json:"manual,omitempty"`   // of DNS, waits for a person; nothing of it is ours yet
	Retained []Retained `json:"retained,omitempty"` // of the relay, stays in force until then
	Proofs   []Proof    `json:"proofs,omitempty"`   // of the ownership of domains, sorted by address
	Stages   []Entered  `json:"stages,omitempty"`
	Awaited  []Awaited  `json:"awaited,omitempty"` // what others must still write, sorted by address
	// Former are zones as they were, which the target has no more, or under another
	// name, and in which something is still ours.
	Former []Object `json:"former,omitempty"`
	// Rollout are the nodes that go first; nil: all nodes take the revision over.
	Rollout []Canary `json:"rollout,omitempty"`
}

// Object is one block of the target.
type Object struct {
	Addr  schema.Addr     `json:"address"`
	Value json.RawMessage `json:"value"`          // the canonical value, as cty's JSON of the block's type
	Decl  string          `json:"decl,omitempty"` // file:line, where it was declared
}

// Owned is record data that is ours, because we wrote or adopted it.
type Owned struct {
	Addr      schema.Addr `json:"address"`
	Zone      schema.Addr `json:"zone"`
	Set       rr.Set      `json:"set"`       // our values alone
	Exclusive bool        `json:"exclusive"` // the whole RRset is ours
	// Before is what stood there before us, and is put back on the way back; nil is
	// nothing. Beside values of others it holds those of ours that we found there,
	// maybe none, and the TTL that they had.
	Before  *rr.Set `json:"before,omitempty"`
	Adopted bool    `json:"adopted,omitempty"`
}

// Step is one RRset on its way from before to after.
type Step struct {
	Addrs     []schema.Addr `json:"addresses"`
	Zone      schema.Addr   `json:"zone"`
	Before    *rr.Set       `json:"before,omitempty"` // the whole RRset; nil: absent
	After     *rr.Set       `json:"after,omitempty"`
	Owned     []Owned       `json:"owned,omitempty"`     // what is ours of After once it is there
	NotBefore time.Time     `json:"not_before,omitzero"` // of what is pending; zero: not known yet
}

// Key is the RRset that the step is about.
func (s Step) Key() rr.Key {
	if s.After != nil {
		return s.After.Key()
	}
	return s.Before.Key()
}

// Awaited is an expectation that was unmet, and since when it is known to be.
type Awaited struct {
	Addr  schema.Addr `json:"address"`
	Since time.Time   `json:"since"`
}

// Entered is the stage that a domain is in.
type Entered struct {
	Domain schema.Addr `json:"domain"`
	Stage  schema.Addr `json:"stage"`
	Since  time.Time   `json:"since"` // zero: what belongs to it has not all been written
}

// Objects gives the blocks of c in the form that is stored.
func Objects(c *schema.Config) ([]Object, error) {
	out := make([]Object, 0, len(c.Blocks))
	types := schema.Types()
	var raw []byte
	for _, b := range c.Blocks {
		var err error
		if raw, err = schema.TypeNamed(types, b.Addr().Type).AppendJSON(raw[:0], b); err != nil {
			return nil, fmt.Errorf("%s: %w", b.Addr(), err)
		}
		o := Object{Addr: b.Addr(), Value: slices.Clone(raw)}
		if d := b.Decl(); d.Filename != "" {
			o.Decl = d.Filename + ":" + strconv.Itoa(d.Start.Line)
		}
		out = append(out, o)
	}
	return out, nil
}

// NewObject stores the value v of a block of type t, which becomes canonical.
func NewObject(a schema.Addr, t *schema.Type, v cty.Value, d hcl.Range) (Object, error) {
	b, err := t.New(a, v, d)
	if err != nil {
		return Object{}, fmt.Errorf("%s: %w", a, err)
	}
	raw, err := t.AppendJSON(nil, b)
	if err != nil {
		return Object{}, fmt.Errorf("%s: %w", a, err)
	}
	o := Object{Addr: a, Value: raw}
	if d.Filename != "" {
		o.Decl = d.Filename + ":" + strconv.Itoa(d.Start.Line)
	}
	return o, nil
}

// Config makes a configuration of stored objects. A type or an attribute that
// this version does not know is an error: such a revision must not run.
func Config(objects []Object) (*schema.Config, error) {
	types := schema.Types()
	blocks := make([]schema.Block, 0, len(objects))
	for _, o := range objects {
		t := schema.TypeNamed(types, o.Addr.Type)
		if t == nil {
			return nil, fmt.Errorf("%s: this version of mailrelay does not know blocks of type %q", o.Addr, o.Addr.Type)
		}
		b, err := t.FromJSON(o.Addr, o.Value, o.Range())
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Addr, err)
		}
		blocks = append(blocks, b)
	}
	return schema.NewConfig(blocks, nil), nil
}

// Range is where the object was declared, as far as it is known.
func (o Object) Range() hcl.Range {
	var r hcl.Range
	for i := len(o.Decl) - 1; i > 0; i-- {
		if o.Decl[i] == ':' {
			r.Filename = o.Decl[:i]
			r.Start.Line, _ = strconv.Atoi(o.Decl[i+1:])
			r.End = r.Start
			break
		}
	}
	return r
}

// Cty is the value of the object as cty, for comparison and display.
func (o Object) Cty(t *schema.Type) (cty.Value, error) {
	return ctyjson.Unmarshal(o.Value, t.Body.Type())
}

// ConfigHash names what the objects mean. Where they were declared does not
// count.
func ConfigHash(objects []Object) Hash {
	if len(objects) == 0 {
		return hash(objects)
	}
	sum := sha256.New()
	text := []byte{'['}
	for i, o := range objects {
		if i > 0 {
			text = append(text[:0], ',')
		}
		text = appendJSON(append(text, `{"address":`...), o.Addr)
		text = append(text, `,"value":`...)
		if tight(o.Value) {
			text = append(text, o.Value...)
		} else {
			text = appendJSON(text, o.Value)
		}
		sum.Write(append(text, '}'))
	}
	sum.Write([]byte{']'})
	return Hash(hex.EncodeToString(sum.Sum(nil)))
}

// Seal sets the hash of r, which must be complete otherwise.
func (r *Revision) Seal() {
	r.Format = Format
	r.Hash = ""
	r.Hash = hash(r)
}

// Check reports whether r is whole: of a format that this version reads, and
// unchanged since it was sealed.
func (r *Revision) Check() error {
	if r.Format > Format {
		return fmt.Errorf("revision %d has format %d, and this version of mailrelay reads up to %d: use a newer one", r.Serial, r.Format, Format)
	}
	c := *r
	c.Seal()
	if c.Hash != r.Hash {
		return fmt.Errorf("revision %d is damaged: its content does not match its hash", r.Serial)
	}
	return nil
}

// tight reports whether raw is JSON that encoding/json would write as it stands:
// without spaces between values, and without what it escapes. It is false for some
// that is.
func tight(raw json.RawMessage) bool {
	quoted := false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c < ' ', c > '~', c == '<', c == '>', c == '&', c == ' ' && !quoted:
			return false
		case c == '"':
			quoted = !quoted
		case c == '\\':
			i++
		}
	}
	return len(raw) > 0
}

// hash is the SHA-256 of the JSON of v, which is canonical: fields stand in the
// order of the struct, and values were marshalled from cty with sorted keys.
func hash(v any) Hash {
	sum := sha256.Sum256(appendJSON(nil, v))
	return Hash(hex.EncodeToString(sum[:]))
}

func appendJSON(buf []byte, v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // only types of this package come here, and all of them marshal
	}
	return append(buf, raw...)
}

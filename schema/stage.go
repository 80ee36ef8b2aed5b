package schema

import (
	"slices"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// Stage is a step of a migration. Its further attributes are the values that it
// stands for; what orders it carries no value.
type Stage struct {
	header
	After    Addr          // the stage that must have been applied before; zero: none
	Hold     time.Duration // for at least so long
	Requires []Addr        // what must be met before it is entered
	Values   cty.Value     // an object
}

// Order is everything that s names to be ordered behind it: After and Requires.
func (s *Stage) Order() []Addr {
	out := slices.Clone(s.Requires)
	if !s.After.IsZero() {
		out = append(out, s.After)
	}
	return out
}

// OrderKind is a reference that orders and carries no value: it is read from the
// expression and is no edge of the value graph. To names the type of block, or is
// empty for any. The canonical value is the address as a string. An address
// without the key of a block with for_each means all its instances.
type OrderKind struct{ To string }

// Type implements Kind.
func (OrderKind) Type() cty.Type { return cty.String }

// What implements Kind.
func (k OrderKind) What() string {
	if k.To == "" {
		return "a reference like expect.NAME"
	}
	return RefKind(k).What()
}

// Canon implements Kind.
func (k OrderKind) Canon(v cty.Value) (cty.Value, error) {
	if k.To != "" {
		return RefKind(k).Canon(v)
	}
	_, err := ParseAddr(v.AsString())
	return v, err
}

type anyKind struct{}

// Anything is any value; it is what a body that is Open collects into.
func Anything() Kind { return anyKind{} }

func (anyKind) Type() cty.Type                       { return cty.DynamicPseudoType }
func (anyKind) What() string                         { return "any value" }
func (anyKind) Canon(v cty.Value) (cty.Value, error) { return v, nil }

func stageType() *Type {
	return &Type{
		Name: "stage",
		Doc:  "A step of a migration, with the values that it stands for. Entering it is refused until its gates are met.",
		Body: &Body{
			Attrs: []Attr{
				{Name: "after", Kind: OrderKind{"stage"}, Doc: "The stage that must have been applied before."},
				{Name: "hold", Kind: Duration(0, 10000*time.Hour), Default: cty.StringVal("0s"), Doc: "How long the stage before must have been applied at least."},
				{Name: "requires", Kind: List(OrderKind{}), Default: cty.ListValEmpty(cty.String), Doc: "What must be met before it is entered: records, expectations, services and others."},
				{Name: "values", Kind: Anything(), Default: cty.EmptyObjectVal, Doc: "The further attributes."},
			},
			Open: "values",
		},
		build: func(h header, o object) Block {
			return &Stage{header: h, After: o.ref("after"), Hold: o.duration("hold"), Requires: o.refs("requires"), Values: o.get("values")}
		},
	}
}

// Probe is a test message that mailrelay probe sends.
type Probe struct {
	header
	Relay       Addr
	From, To    string
	RequireTLS  bool
	Within      time.Duration
	ExpectReply bool
}

func probeType() *Type {
	return &Type{
		Name: "probe",
		Doc:  "A test message through the relay, followed until the next hop has taken it.",
		Body: &Body{Attrs: []Attr{
			{Name: "relay", Kind: Ref("relay"), Required: true, Doc: "The relay it goes through."},
			{Name: "from", Kind: MailAddress(), Required: true, Doc: "Its sender."},
			{Name: "to", Kind: MailAddress(), Required: true, Doc: "Its recipient."},
			{Name: "require_tls", Kind: Bool(), Default: cty.False, Doc: "Whether every hop must be under TLS."},
			{Name: "within", Kind: Duration(time.Second, 10000*time.Hour), Default: cty.StringVal("2m"), Doc: "After this long it has failed."},
			{Name: "expect_reply", Kind: Bool(), Default: cty.False, Doc: "Whether an answer to it must arrive too."},
		}},
		build: func(h header, o object) Block {
			return &Probe{header: h, Relay: o.ref("relay"), From: o.str("from"), To: o.str("to"), RequireTLS: o.flag("require_tls"), Within: o.duration("within"), ExpectReply: o.flag("expect_reply")}
		},
	}
}

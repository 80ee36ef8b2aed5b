package schema

import (
	"time"

	"github.com/zclconf/go-cty/cty"
	"go4.org/netipx"
)

// Allowlist is a set of addresses that connectors may refer to.
type Allowlist struct {
	header
	Addresses []netipx.IPRange
	Entries   []Entry // sorted by label
}

// Entry is an address of an allowlist with what is known about it.
type Entry struct {
	Label          string // as written: an address, network or range
	Range          netipx.IPRange
	Owner, Comment string
	Expires        time.Time // the first instant at which it no longer counts; zero: never
	RequireTLS     bool
}

func allowlistType() *Type {
	entry := &Body{Attrs: []Attr{
		{Name: "owner", Kind: Text(), Doc: "Who answers for it."},
		{Name: "comment", Kind: Text(), Doc: "What it is."},
		{Name: "expires", Kind: Date(), Doc: "The last day, UTC, on which it counts."},
		{Name: "require_tls", Kind: Bool(), Default: cty.False, Doc: "Whether mail is taken under TLS alone."},
	}}
	return &Type{
		Name: "allowlist", Counted: true,
		Doc: "Addresses that receive connectors may refer to.",
		Body: &Body{
			Attrs:  []Attr{{Name: "addresses", Kind: Set(IPRange()), Default: cty.SetValEmpty(cty.String), Doc: "Addresses, networks and ranges."}},
			Blocks: []Nested{{Name: "entry", Label: IPRange(), Body: entry, Doc: "An address with its owner and its end."}},
		},
		build: func(h header, o object) Block {
			a := &Allowlist{header: h, Addresses: o.ranges("addresses")}
			o.each("entry", func(label string, o object) {
				r, _ := ParseRange(label)
				e := Entry{Label: label, Range: r, Owner: o.str("owner"), Comment: o.str("comment"), RequireTLS: o.flag("require_tls")}
				if day, err := time.Parse(time.DateOnly, o.str("expires")); err == nil {
					e.Expires = day.AddDate(0, 0, 1)
				}
				a.Entries = append(a.Entries, e)
			})
			return a
		},
	}
}

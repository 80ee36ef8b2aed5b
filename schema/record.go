package schema

import (
	"time"

	"github.com/zclconf/go-cty/cty"
)

// Record is an RRset, or values in one, that mailrelay writes.
type Record struct {
	header
	Zone      Addr
	Name      string   // relative to the zone, "@" for the zone itself
	Type      string   // upper case
	Values    []string // as the user wrote them; package rr reads them
	TTL       *uint32  // seconds; nil leaves it to the rules of LANGUAGE
	Exclusive bool     // the RRset holds these values and no others
	Or        []string // other data that is left if it is what stands there
}

// Expect is an RRset that somebody else writes.
type Expect struct {
	header
	Zone   Addr // zero if Name is a full name
	Name   string
	Type   string
	Values []string
	TTL    *uint32 // seconds; nil accepts any
	Absent bool    // nothing of that type may be there
	Within time.Duration

	Contains string   // instead of Values: a term that the one SPF record must hold
	Or       []string // other data that is met too
}

func ttlAttr(doc string) Attr {
	return Attr{Name: "ttl", Kind: Int(0, 1<<31-1), Doc: doc}
}

func recordType() *Type {
	return &Type{
		Name: "record", Counted: true,
		Doc: "Record data that mailrelay writes into a zone.",
		Body: &Body{Attrs: []Attr{
			{Name: "zone", Kind: Ref("zone"), Required: true, Doc: "The zone it stands in."},
			{Name: "name", Kind: RecordName(), Default: cty.StringVal("@"), Doc: "The owner name, relative to the zone."},
			{Name: "type", Kind: RRType(), Required: true, Doc: "The record type."},
			{Name: "values", Kind: Some(Text()), Required: true, Doc: "Record data as in a zone file; TXT as the joined text without quotes."},
			ttlAttr("Time to live in seconds; 3600 if not given, but a set that is not exclusive keeps the one it has."),
			{Name: "exclusive", Kind: Bool(), Doc: "Whether the RRset holds these values and no others; true if not given, but for TXT."},
		}},
		build: func(h header, o object) Block {
			r := &Record{header: h, Zone: o.ref("zone"), Name: o.str("name"), Type: o.str("type"), Values: o.strs("values"), TTL: o.ttl(), Exclusive: o.str("type") != "TXT"}
			if o.has("exclusive") {
				r.Exclusive = o.flag("exclusive")
			}
			return r
		},
	}
}

func expectType() *Type {
	return &Type{
		Name: "expect",
		Doc:  "Record data that somebody else writes, which mailrelay checks and waits for.",
		Body: &Body{Attrs: []Attr{
			{Name: "zone", Kind: Ref("zone"), Doc: "The zone it stands in; without it, name is a full name."},
			{Name: "name", Kind: ExpectName(), Default: cty.StringVal("@"), Doc: "The owner name, relative to the zone, or full."},
			{Name: "type", Kind: RRType(), Required: true, Doc: "The record type."},
			{Name: "values", Kind: List(Text()), Doc: "Record data as in a zone file."},
			ttlAttr("Time to live in seconds; any if not given."),
			{Name: "absent", Kind: Bool(), Default: cty.False, Doc: "True if nothing of that type may be there."},
			{Name: "within", Kind: Duration(time.Second, 10000*time.Hour), Default: cty.StringVal("48h"), Doc: "After this long unmet it is reported as overdue."},
		}},
		build: func(h header, o object) Block {
			return &Expect{header: h, Zone: o.ref("zone"), Name: o.str("name"), Type: o.str("type"), Values: o.strs("values"), TTL: o.ttl(), Absent: o.flag("absent"), Within: o.duration("within")}
		},
	}
}

func (o object) ttl() *uint32 {
	if !o.has("ttl") {
		return nil
	}
	ttl := uint32(o.num("ttl"))
	return &ttl
}

// Package rr is DNS record data in canonical form. It is the only place that
// reads the text of a record: two records mean the same exactly if their Data are
// equal.
package rr

import (
	"slices"
	"strings"
)

// Data is the data of one record in canonical form: the text of a zone file with
// names in lower case, full and with the final dot, and numbers without leading
// zeros. TXT is the joined text, in which a backslash stands as \\ and any byte
// beyond printable ASCII as \DDD.
type Data string

// Set is an RRset. Data is sorted and holds no value twice.
type Set struct {
	Name string `json:"name"` // full, lower case, with the final dot
	Type string `json:"type"`
	TTL  uint32 `json:"ttl"` // seconds
	Data []Data `json:"values"`
}

// NewSet makes a Set, sorting data and dropping what stands twice.
func NewSet(name, typ string, ttl uint32, data ...Data) Set {
	d := slices.Clone(data)
	slices.Sort(d)
	return Set{Name: name, Type: typ, TTL: ttl, Data: slices.Compact(d)}
}

// Key is the identity of an RRset.
type Key struct{ Name, Type string }

// Key gives the identity of s.
func (s Set) Key() Key { return Key{s.Name, s.Type} }

func (k Key) String() string { return k.Name + " " + k.Type }

// Compare orders keys by name, then type.
func (k Key) Compare(l Key) int {
	if c := strings.Compare(k.Name, l.Name); c != 0 {
		return c
	}
	return strings.Compare(k.Type, l.Type)
}

// Same reports whether s and t hold the same data; TTLs do not count.
func (s Set) Same(t Set) bool { return s.Key() == t.Key() && slices.Equal(s.Data, t.Data) }

// Has reports whether d is in s.
func (s Set) Has(d Data) bool { return slices.Contains(s.Data, d) }

// Full is the full name of an owner name relative to the zone: "@" is the zone
// itself. zone may lack the final dot, the result has it. With the empty zone,
// name is a full name already.
func Full(name, zone string) string {
	name, zone = strings.ToLower(name), strings.ToLower(strings.TrimSuffix(zone, "."))
	if name == "@" || name == "" {
		return zone + "."
	}
	if zone == "" {
		return strings.TrimSuffix(name, ".") + "."
	}
	return name + "." + zone + "."
}

// Equal reports whether two RRsets are alike, TTL included; nil is an RRset that is
// absent.
func Equal(a, b *Set) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Same(*b) && a.TTL == b.TTL
}

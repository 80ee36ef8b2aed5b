package schema

import (
	"net/netip"
	"time"

	"github.com/zclconf/go-cty/cty"
	"go4.org/netipx"
)

// object reads typed values out of a canonical one. What is null reads as the
// zero value. A canonical value always parses, so nothing here fails.
type object struct{ v cty.Value }

func (o object) has(name string) bool { return !o.v.GetAttr(name).IsNull() }

func (o object) str(name string) string {
	if !o.has(name) {
		return ""
	}
	return o.v.GetAttr(name).AsString()
}

func (o object) strs(name string) []string {
	var out []string
	if o.has(name) {
		for _, v := range o.v.GetAttr(name).AsValueSlice() {
			out = append(out, v.AsString())
		}
	}
	return out
}

func (o object) flag(name string) bool { return o.has(name) && o.v.GetAttr(name).True() }

func (o object) num(name string) int {
	if !o.has(name) {
		return 0
	}
	n, _ := o.v.GetAttr(name).AsBigFloat().Int64()
	return int(n)
}

func (o object) duration(name string) time.Duration {
	d, _ := ParseDuration(o.str(name))
	return d
}

func (o object) size(name string) int64 {
	if !o.has(name) {
		return 0
	}
	n, _ := ParseSize(o.str(name))
	return n
}

func (o object) ref(name string) Addr {
	a, _ := ParseAddr(o.str(name))
	return a
}

func (o object) refs(name string) []Addr {
	var out []Addr
	for _, s := range o.strs(name) {
		a, _ := ParseAddr(s)
		out = append(out, a)
	}
	return out
}

func (o object) ranges(name string) []netipx.IPRange {
	var out []netipx.IPRange
	for _, s := range o.strs(name) {
		r, _ := ParseRange(s)
		out = append(out, r)
	}
	return out
}

func (o object) addrs(name string) []netip.Addr {
	var out []netip.Addr
	for _, s := range o.strs(name) {
		a, _ := netip.ParseAddr(s)
		out = append(out, a)
	}
	return out
}

func (o object) secret(name string) Secret {
	if !o.has(name) {
		return Secret{}
	}
	s := object{o.v.GetAttr(name)}
	return Secret{File: s.str("secret_file"), Env: s.str("secret_env")}
}

// sub gives the nested block called name and whether it is there.
func (o object) sub(name string) (object, bool) {
	return object{o.v.GetAttr(name)}, o.has(name)
}

// each calls f for each nested block with a label, in the order of the labels.
func (o object) each(name string, f func(label string, o object)) {
	if !o.has(name) {
		return
	}
	for it := o.v.GetAttr(name).ElementIterator(); it.Next(); {
		k, v := it.Element()
		f(k.AsString(), object{v})
	}
}

// Secret says where a secret is read at the moment of use. It is never the
// secret itself. The zero Secret is none.
type Secret struct{ File, Env string }

// IsZero reports whether no secret is meant.
func (s Secret) IsZero() bool { return s == Secret{} }

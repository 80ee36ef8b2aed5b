package plan

import (
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

// Forget gives base without blocks of DNS, as if they had never been applied: what
// they stand for stays where it is, and is nobody's. With a zone goes all that is
// ours in it, for which gone are the addresses. An address without a key is that of
// all instances. Blocks from which relays run cannot be forgotten.
func Forget(base *revision.Revision, addrs []schema.Addr) (next *revision.Revision, gone []schema.Addr, err error) {
	f := forgetting{zones: map[schema.Addr]bool{}, blocks: map[schema.Addr]bool{}}
	for _, a := range addrs {
		found := false
		for _, known := range Addresses(base) {
			if !Names(a, known) {
				continue
			}
			found = true
			switch {
			case known.Type == "zone":
				f.zones[known] = true
			case known.Part == "" && !slices.Contains([]string{"record", "expect", "service"}, known.Type):
				return nil, nil, fmt.Errorf("%s is what relays run from, and forgetting it would change what they do: take it out of the configuration and apply", known)
			}
			f.blocks[known] = true
		}
		if !found {
			return nil, nil, fmt.Errorf("%s is not in the state: mailrelay state list shows what is", a)
		}
	}
	types := schema.Types()
	out := *base
	out.Target = nil
	for _, o := range base.Target {
		in, err := f.in(types, o)
		if err != nil {
			return nil, nil, err
		}
		if f.blocks[o.Addr] = f.blocks[o.Addr] || in; f.blocks[o.Addr] {
			gone = append(gone, o.Addr)
			continue
		}
		out.Target = append(out.Target, o)
	}
	out.Owned = slices.DeleteFunc(slices.Clone(base.Owned), func(o revision.Owned) bool {
		drop := f.drops(o.Zone, o.Addr)
		if drop {
			gone = append(gone, o.Addr)
		}
		return drop
	})
	out.Intent, out.Pending, out.Manual = f.steps(base.Intent), f.steps(base.Pending), f.steps(base.Manual)
	out.Switched = slices.DeleteFunc(slices.Clone(base.Switched), func(s revision.Switched) bool { return f.zones[s.Zone] })
	out.Former = slices.DeleteFunc(slices.Clone(base.Former), func(o revision.Object) bool { return f.zones[o.Addr] })
	out.Awaited = slices.DeleteFunc(slices.Clone(base.Awaited), func(a revision.Awaited) bool { return f.drops(schema.Addr{}, a.Addr) })
	slices.SortFunc(gone, schema.Addr.Compare)
	return &out, slices.Compact(gone), nil
}

// Addresses are those of everything that a revision knows, sorted: of blocks, of
// what they imply in DNS, and of zones in which something is left.
func Addresses(r *revision.Revision) []schema.Addr {
	var out []schema.Addr
	for _, o := range slices.Concat(r.Target, r.Former) {
		out = append(out, o.Addr)
	}
	for _, o := range r.Owned {
		out = append(out, o.Addr)
	}
	for _, k := range r.Retained {
		out = append(out, k.Object.Addr)
	}
	slices.SortFunc(out, schema.Addr.Compare)
	return slices.Compact(out)
}

// Names reports whether a names b: the same object, all instances of a block, or
// what a block implies.
func Names(a, b schema.Addr) bool {
	return a.Type == b.Type && a.Name == b.Name && (a.Key == "" || a.Key == b.Key) && (a.Part == "" || a.Part == b.Part)
}

// forgetting is what is to be forgotten.
type forgetting struct{ zones, blocks map[schema.Addr]bool }

// drops reports whether what is at an address in a zone is forgotten.
func (f forgetting) drops(zone, a schema.Addr) bool {
	return f.zones[zone] || f.blocks[a] || f.blocks[schema.Addr{Type: a.Type, Name: a.Name, Key: a.Key}]
}

// in reports whether a block stands in a zone that is forgotten.
func (f forgetting) in(types []*schema.Type, o revision.Object) (bool, error) {
	if len(f.zones) == 0 || !slices.Contains([]string{"record", "expect", "service"}, o.Addr.Type) {
		return false, nil
	}
	v, err := o.Cty(schema.TypeNamed(types, o.Addr.Type))
	if err != nil {
		return false, fmt.Errorf("%s: %w", o.Addr, err)
	}
	zone := v.GetAttr("zone")
	if zone.IsNull() {
		return false, nil
	}
	a, err := schema.ParseAddr(zone.AsString())
	return err == nil && f.zones[a], nil
}

func (f forgetting) steps(in []revision.Step) []revision.Step {
	var out []revision.Step
	for _, s := range in {
		drop := func(a schema.Addr) bool { return f.drops(s.Zone, a) }
		s.Addrs = slices.DeleteFunc(slices.Clone(s.Addrs), drop)
		s.Owned = slices.DeleteFunc(slices.Clone(s.Owned), func(o revision.Owned) bool { return drop(o.Addr) })
		if len(s.Addrs) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// Move gives base with a block, and what it implies, under another address, by
// which all others refer to it. Addresses without a key move all instances.
func Move(base *revision.Revision, from, to schema.Addr) (*revision.Revision, error) {
	switch {
	case from.Part != "" || to.Part != "":
		return nil, fmt.Errorf("%s and what it implies move together: give the addresses of the blocks", from)
	case from.Type != to.Type:
		return nil, fmt.Errorf("%s cannot become %s: a block keeps its type", from, to)
	case schema.TypeNamed(schema.Types(), to.Type) == nil:
		return nil, fmt.Errorf("there are no blocks of type %q", to.Type)
	}
	c := schema.NewConfig(nil, nil)
	c.Moved = []schema.Moved{{From: from, To: to}}
	all := schema.Addr{Type: to.Type, Name: to.Name}
	for _, a := range Addresses(base) {
		if a == to || to == all && Names(all, a) {
			return nil, fmt.Errorf("%s is in the state already: nothing moves over it", to)
		}
	}
	next, _, done, err := rename(base, c)
	if err != nil {
		return nil, err
	}
	if len(done) == 0 {
		return nil, fmt.Errorf("%s is not in the state: mailrelay state list shows what is", from)
	}
	return next, nil
}

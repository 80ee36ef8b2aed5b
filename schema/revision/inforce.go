package revision

import (
	"slices"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Switched is a change of an RRset that leads mail. After it, caches may give the
// old answer for as long as its TTL says: what takes mail that follows the old
// answer must stay.
type Switched struct {
	Addrs []schema.Addr `json:"addresses,omitempty"` // the records that the RRset is made of
	Zone  schema.Addr   `json:"zone"`
	Name  string        `json:"name"`
	Type  string        `json:"type"`
	Leads []string      `json:"leads,omitempty"` // full names of the domains whose mail it leads
	Was   []rr.Data     `json:"was"`
	TTL   uint32        `json:"ttl"` // of the old answer, seconds
	// Since is when all servers gave another answer; zero: not seen yet.
	Since time.Time `json:"since,omitzero"`
	// Lowered says that the data stayed and only the TTL became lower. That holds
	// nothing, until the data changes too while caches may hold the higher TTL.
	Lowered bool `json:"lowered,omitempty"`
}

// Key is the RRset that was switched.
func (s Switched) Key() rr.Key { return rr.Key{Name: s.Name, Type: s.Type} }

// Until is when the last cache has forgotten the old answer; zero: not known yet.
func (s Switched) Until() time.Time {
	if s.Since.IsZero() {
		return time.Time{}
	}
	return s.Since.Add(time.Duration(s.TTL) * time.Second)
}

// Retained is a block, or a part of one, that left the target and stays in force
// until an apply takes it away. It stands in the place of the target's block of
// the same address, or beside the others.
type Retained struct {
	Object Object `json:"object"`
	// Until is the time from which an apply may take it away; zero: not known yet.
	Until time.Time `json:"until,omitzero"`
}

// InForceObjects gives the objects that a relay runs from: the target, with what is
// retained in the place of what has the same address, or beside it.
func (r *Revision) InForceObjects() []Object {
	objects := slices.Clone(r.Target)
	if len(r.Retained) == 0 {
		return objects
	}
	at := make(map[schema.Addr]int, len(objects))
	for i, o := range objects {
		at[o.Addr] = i
	}
	for _, k := range r.Retained {
		if i, ok := at[k.Object.Addr]; ok {
			objects[i] = k.Object
			continue
		}
		at[k.Object.Addr] = len(objects)
		objects = append(objects, k.Object)
	}
	return objects
}

// InForce gives the configuration that a relay runs. It does not depend on the
// time: what is retained stays until another revision takes it away. A domain that
// is the default because it is the target's only one stays the default. Mail for a
// new domain whose ownership is not proved is gated.
func (r *Revision) InForce() (*schema.Config, error) {
	c, err := Config(r.InForceObjects())
	if err != nil {
		return nil, err
	}
	c.Gated = r.Gated(c)
	var sole *schema.Domain
	n := 0
	for _, o := range r.Target {
		if o.Addr.Type == "domain" {
			sole = schema.At[*schema.Domain](c, o.Addr)
			n++
		}
	}
	if n == 1 && sole != nil {
		sole.Default = true
	}
	return c, nil
}

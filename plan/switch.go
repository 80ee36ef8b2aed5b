package plan

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// leaders are the RRsets that lead mail, with the full names of the domains whose
// mail each leads: an MX leads that of its name, and an address or an alias that
// of every MX which points to it, or is about to, or did when it became ours.
type leaders map[string][]string // by the name of a host

func newLeaders(sets []rrset) leaders {
	l := leaders{}
	for _, s := range sets {
		if s.at.key.Type != "MX" {
			continue
		}
		data := s.wanted()
		if s.view.set != nil {
			data = append(data, s.view.set.Data...)
		}
		for _, o := range s.ours {
			data = append(data, o.Set.Data...)
		}
		for _, d := range data {
			_, host, _ := strings.Cut(string(d), " ")
			if !slices.Contains(l[host], s.at.key.Name) {
				l[host] = append(l[host], s.at.key.Name)
			}
		}
	}
	return l
}

// of are the domains whose mail the RRset leads; nil: it leads none.
func (l leaders) of(k rr.Key) []string {
	switch k.Type {
	case "MX":
		return []string{k.Name}
	case "A", "AAAA", "CNAME":
		return l[k.Name]
	}
	return nil
}

// route is the data of an RRset by which mail finds its way: without proofs of
// ownership and the null MX (RFC 7505).
func route(set *rr.Set) []rr.Data {
	drop := proofs(set, nil)
	return without(set, append(drop, "0 ."))
}

// way is the data of an RRset by which mail finds its way, and for how many seconds
// caches may hold it. Without an MX, mail goes to the addresses of the name itself, as
// an MX of preference 0 to it would have it (RFC 5321, 5.1), and caches hold that there
// is none.
func (v views) way(at place, w view) ([]rr.Data, uint32) {
	if w.set != nil {
		return route(w.set), w.set.TTL
	}
	if at.key.Type != "MX" || w.open != "" || w.cname != "" {
		return nil, 0
	}
	for _, typ := range []string{"A", "AAAA"} {
		if a := v[place{at.zone, rr.Key{Name: at.key.Name, Type: typ}}]; a.open == "" && a.set != nil {
			return []rr.Data{rr.Data("0 " + at.key.Name)}, cmp.Or(w.negative, a.set.TTL)
		}
	}
	return nil, 0
}

// switches finds out what caches may hold, once this plan is applied, of RRsets
// that lead mail: what base knows of, with the time at which all servers first
// gave another answer, and what this plan changes. unsure are the RRsets of which
// it is not known what they lead to.
//
//	recorded in base      there now              result
//	since a time          anything               kept until its TTL has passed
//	not seen yet          the old data           kept if this plan changes it, else it never was
//	not seen yet          other data             since now
//	not seen yet          not known              kept as it is
//	seen before           the old data again   not seen, unless this plan decides on the RRset
func (p *Plan) switches(c *schema.Config, base *revision.Revision, sets []rrset, views views) (unsure []revision.Switched) {
	l := newLeaders(sets)
	found := map[place][]revision.Switched{}
	left := map[place]bool{} // out of the plan's scope: they stay as they are
	ours := map[place]bool{} // of base's, those on which this plan decides
	for _, s := range base.Switched {
		ours[place{s.Zone, s.Key()}] = false
	}
	for _, s := range sets {
		if _, switched := ours[s.at]; switched {
			ours[s.at] = true
		}
		leads := l.of(s.at.key)
		if leads == nil {
			continue
		}
		if !p.Scope.concerns(s.want, s.ours) {
			left[s.at] = true
			continue
		}
		at := revision.Switched{Addrs: s.addrs(), Zone: s.at.zone, Name: s.at.key.Name, Type: s.at.key.Type, Leads: leads}
		if s.view.open != "" {
			unsure = append(unsure, at)
			continue
		}
		p.leading = append(p.leading, leading{at, s.view.set})
		after, _ := s.after()
		if p.Scope.RefreshOnly {
			after = s.view.set // nothing is written
		}
		now, ttl := views.way(s.at, s.view)
		next := route(after)
		if after == nil && s.view.set == nil {
			next = now
		}
		switch {
		case len(now) > 0 && !slices.Equal(now, next):
			at.Was, at.TTL = now, ttl
			found[s.at] = append(found[s.at], at)
		case len(now) > 0 && s.view.set != nil && after.TTL < s.view.set.TTL:
			at.Was, at.TTL, at.Lowered = now, s.view.set.TTL, true
			found[s.at] = append(found[s.at], at)
		}
		for _, o := range s.ours { // others wrote what is wanted now
			if was := route(&o.Set); o.Exclusive && len(was) > 0 && slices.Equal(now, next) && !slices.Equal(was, now) {
				at.Was, at.TTL, at.Since, at.Lowered = was, o.Set.TTL, p.moment(), false
				found[s.at] = append(found[s.at], at)
			}
		}
	}
	known := map[place][]revision.Switched{}
	for _, s := range base.Switched {
		at := place{s.Zone, s.Key()}
		if !ours[at] {
			s = p.again(c, base, s, views)
		}
		planned := left[at] || !ours[at] || p.Scope.RefreshOnly || slices.ContainsFunc(found[at], func(f revision.Switched) bool { return f.Since.IsZero() })
		if s.Since.IsZero() {
			if s = p.happened(c, base, s, views, planned); s.Was == nil {
				continue
			}
		}
		if s.Since.IsZero() || p.Made.Before(s.Until()) {
			known[at] = append(known[at], s)
		}
	}
	for at, list := range found {
		for _, f := range list {
			known[at] = note(known[at], f)
		}
	}
	for _, list := range known {
		p.Switched = append(p.Switched, list...)
	}
	slices.SortStableFunc(p.Switched, func(a, b revision.Switched) int {
		return cmp.Or(a.Zone.Compare(b.Zone), a.Key().Compare(b.Key()), slices.Compare(a.Was, b.Was), a.Since.Compare(b.Since), cmp.Compare(a.TTL, b.TTL))
	})
	return unsure
}

// happened finds out whether a switch that was recorded has happened. Without Was, it
// never did.
func (p *Plan) happened(c *schema.Config, base *revision.Revision, s revision.Switched, views views, planned bool) revision.Switched {
	v := views.at(s.Zone, s.Key())
	now, _ := views.way(place{s.Zone, s.Key()}, v)
	switch {
	case Zone(c, base, s.Zone, s.Key().Name) == nil: // nobody will ever be asked again
		s.Since = p.moment()
	case v.open != "":
	case !slices.Equal(now, s.Was):
		s.Since, s.Lowered = p.moment(), false
	case s.Lowered && v.set.TTL < s.TTL:
		s.Since = p.moment()
	case !planned:
		s.Was = nil
	}
	return s
}

// again notes how an RRset that was switched stands now, if nothing of it is wanted or
// ours any more. One that others turned back leads mail as it did before.
func (p *Plan) again(c *schema.Config, base *revision.Revision, s revision.Switched, views views) revision.Switched {
	v := views.at(s.Zone, s.Key())
	if v.open != "" || Zone(c, base, s.Zone, s.Key().Name) == nil {
		return s
	}
	p.leading = append(p.leading, leading{s, v.set})
	if now, _ := views.way(place{s.Zone, s.Key()}, v); !s.Lowered && slices.Equal(now, s.Was) {
		s.Since = time.Time{}
	}
	return s
}

// note adds to what is known of an RRset what this plan switches, unless it is
// known already. A lower TTL that was not yet everywhere when the data changes
// counts as if the data had changed then.
func note(known []revision.Switched, f revision.Switched) []revision.Switched {
	for i, s := range known {
		if s.Lowered && !f.Lowered {
			known[i].Lowered = false
		}
		if slices.Equal(s.Was, f.Was) && s.Lowered == f.Lowered && (s.Since.IsZero() || !f.Since.IsZero()) {
			known[i].TTL = max(s.TTL, f.TTL)
			known[i].Leads, known[i].Addrs = f.Leads, f.Addrs
			return known
		}
	}
	return append(known, f)
}

// moment is when the plan was made, in whole seconds, which is how times are shown.
func (p *Plan) moment() time.Time { return p.Made.Add(time.Second - 1).Truncate(time.Second) }

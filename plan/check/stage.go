package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// stages judges changes of MX records: one that goes, one that comes before its
// time, and one that caches keep for longer than the next stage allows.
func (i *inspection) stages() {
	for _, w := range i.facts.Writes {
		if w.Key.Type != "MX" || w.Before == nil || len(exchangers(w.Before.Data)) == 0 {
			continue
		}
		d := i.byName[w.Key.Name]
		if w.After == nil || len(w.After.Data) > 0 && len(exchangers(w.After.Data)) == 0 && !w.After.Has("0 .") {
			i.removed(w, d)
			continue
		}
		if d != nil {
			i.early(w, d)
			i.sts(w, d)
		}
	}
	for _, d := range i.index.domains {
		i.tooSlow(d)
	}
}

// removed reports MR404.
func (i *inspection) removed(w Write, d *schema.Domain) {
	name := strings.TrimSuffix(w.Key.Name, ".")
	var b schema.Block = schema.At[*schema.Zone](i.config, w.Zone)
	if d != nil {
		b = d
	}
	if b = i.block(w.Addrs, b); b == nil || b == (*schema.Zone)(nil) {
		return // zone and all: nothing is left that could be told
	}
	i.add(b, "MR404", Warning, "the MX of "+name+" goes",
		"Mail for %s then goes to the host of that name, if it has an address, and back to its senders if not. Leave an MX there, or, if the domain takes no mail any more, write the null MX \"0 .\" (RFC 7505), so that senders hear of it at once.", name)
}

// early reports MR405: an MX that takes the value of another stage, or leads to a
// service that still lacks what it expects.
func (i *inspection) early(w Write, d *schema.Domain) {
	hosts := fresh(w.Before, w.After)
	if len(hosts) == 0 {
		return
	}
	b := i.block(w.Addrs, d)
	name := strings.TrimSuffix(w.Key.Name, ".")
	if stage := schema.At[*schema.Stage](i.config, d.Stage); stage != nil {
		for _, other := range i.index.stages {
			if other == stage || !mentions(other, hosts) || mentions(stage, hosts) {
				continue
			}
			i.add(b, "MR405", Warning, "the MX of "+name+" is switched ahead of its stage",
				"It will lead to %s, which is what %s stands for, and %s is in %s: the gates and the hold of that stage do not count for it. Take the value from the domain's stage (values = %s.stage.NAME), and change the stage when its time has come.", words(hosts), other.Addr(), d.Addr(), stage.Addr(), d.Addr())
			return
		}
	}
	for _, s := range i.services[d.Addr()] {
		if s.MX == "" || !slices.Contains(hosts, s.MX+".") {
			continue
		}
		for _, a := range sorted(i.facts.Unmet) {
			if a.Type == s.Addr().Type && a.Name == s.Addr().Name && a.Key == s.Addr().Key {
				i.add(b, "MR405", Warning, "the MX of "+name+" is switched before what it needs is there",
					"It will lead to %s, and %s is not met: %s. Have that written first, and switch then; a stage with requires = [%s] sees to it.", s.MX, a, i.facts.Unmet[a], s.Addr())
				return
			}
		}
	}
}

// tooSlow reports MR406: caches keep an MX for longer than the next stage waits.
func (i *inspection) tooSlow(d *schema.Domain) {
	stage := schema.At[*schema.Stage](i.config, d.Stage)
	if stage == nil {
		return
	}
	for _, r := range i.mxOf[d.Name+"."] {
		var ttl time.Duration
		for _, a := range []Answer{i.is(r.zone, d.Name+".", "MX"), i.will(r.zone, d.Name+".", "MX")} {
			if !a.Open && a.Set != nil && len(a.Through) == 0 {
				ttl = max(ttl, time.Duration(a.Set.TTL)*time.Second)
			}
		}
		for _, next := range i.index.stages {
			if next.After == stage.Addr() && next.Hold > 0 && ttl > next.Hold {
				i.add(i.block([]schema.Addr{r.block.Addr()}, d), "MR406", Warning, fmt.Sprintf("caches keep the MX of %s for longer than %s waits", d.Name, next.Addr()),
					"Its TTL is %s, and %s may be entered after %s: caches that asked just before will lead mail the old way until the TTL is over. Lower the TTL now, and let hold be at least as long as the TTL that stands there today.", schema.FormatDuration(ttl), next.Addr(), schema.FormatDuration(next.Hold))
				return
			}
		}
	}
}

// mentions reports whether a value of a stage names one of the hosts.
func mentions(s *schema.Stage, hosts []string) bool {
	found := false
	_ = cty.Walk(s.Values, func(_ cty.Path, v cty.Value) (bool, error) { // it cannot fail: the function does not
		if v.IsKnown() && !v.IsNull() && v.Type() == cty.String {
			fields := strings.Fields(v.AsString())
			found = found || len(fields) > 0 && slices.Contains(hosts, strings.ToLower(strings.TrimSuffix(fields[len(fields)-1], "."))+".")
		}
		return true, nil
	})
	return found
}

func sorted(m map[schema.Addr]string) []schema.Addr {
	var out []schema.Addr
	for a := range m {
		out = append(out, a)
	}
	slices.SortFunc(out, schema.Addr.Compare)
	return out
}

// words lists names without their final dots.
func words(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strings.TrimSuffix(n, ".")
	}
	return strings.Join(out, " and ")
}

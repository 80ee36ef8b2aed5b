package render

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// connectors are the ways from clients to relays.
func (s *scene) connectors() []way {
	var out []way
	for _, st := range s.policy.Standings(s.config.Settings().Own(), s.model.Timestamp) {
		c := st.Connector
		about := make([]string, 0, len(c.RemoteIPRanges))
		for _, r := range c.RemoteIPRanges {
			about = append(about, schema.FormatRange(r))
		}
		for _, a := range c.Allowlists {
			about = append(about, a.String())
		}
		if len(about) == 0 {
			about = []string{"no client"}
		}
		what := map[decide.Relaying]string{
			decide.NoRelay: "may send nothing", decide.InternalOnly: "to own domains", decide.ScopedRelay: "to any domain",
			decide.TrustedRelay: "to any domain, trusted", decide.OpenRelay: "to any domain: an open relay",
		}[st.Relaying]
		out = append(out, way{key: "c " + c.Addr().String(), From: box{label(c.Addr()), few(about)}, To: s.relay(c.Relay), What: []string{what}})
	}
	return out
}

// label is an address without its type.
func label(a schema.Addr) string { return strings.TrimPrefix(a.String(), a.Type+".") }

func (s *scene) relay(a schema.Addr) box {
	b := box{Title: a.String()}
	if r := schema.At[*schema.Relay](s.config, a); r != nil {
		b.About = []string{r.Hostname}
	}
	return b
}

// exchange is where the mail of some domains is led by their MX.
type exchange struct {
	domains       []string
	before, after *rr.Set
}

// exchanges are the MX RRsets of accepted domains and of what the plan writes,
// those together that lead to the same hosts before and after.
func (m *Model) exchanges(old, now *scene) []exchange {
	was, is := m.leads(old, now)
	names := map[string]bool{}
	for n := range was {
		names[n] = true
	}
	for n := range is {
		names[n] = true
	}
	groups := map[string]*exchange{}
	var order []string
	for _, n := range slices.Sorted(maps.Keys(names)) {
		key := strings.Join(hosts(was[n]), ",") + ">" + strings.Join(hosts(is[n]), ",")
		if groups[key] == nil {
			groups[key] = &exchange{before: was[n], after: is[n]}
			order = append(order, key)
		}
		groups[key].domains = append(groups[key].domains, strings.TrimSuffix(n, "."))
	}
	var out []exchange
	for _, key := range order {
		out = append(out, *groups[key])
	}
	return out
}

// leads gives the MX RRsets by full name, before and after.
func (m *Model) leads(old, now *scene) (was, is map[string]*rr.Set) {
	was, is = map[string]*rr.Set{}, map[string]*rr.Set{}
	ours := map[string]bool{}
	for _, s := range []*scene{old, now} {
		for _, d := range schema.All[*schema.Domain](s.config) {
			ours[strings.TrimPrefix(d.Name, "*.")+"."] = true
		}
	}
	for _, o := range m.Evidence.RRsets {
		if o.Key.Type == "MX" && ours[o.Key.Name] && o.Err == "" && o.Set != nil && !o.Zone.IsZero() {
			was[o.Key.Name], is[o.Key.Name] = o.Set, o.Set
		}
	}
	for _, rc := range m.ResourceChanges { // of a revision, which has no evidence
		var v struct {
			Name, Type string
			Values     []rr.Data
		}
		if m.Revision != nil && json.Unmarshal(rc.Change.After, &v) == nil && v.Type == "MX" && ours[v.Name] {
			set := rr.NewSet(v.Name, v.Type, 0, v.Values...)
			was[v.Name], is[v.Name] = &set, &set
		}
	}
	for _, c := range m.DNSChanges {
		if c.Key.Type == "MX" {
			was[c.Key.Name], is[c.Key.Name] = c.Before, c.After
		}
	}
	return was, is
}

// hosts are those of MX data, by preference, without their final dots.
func hosts(set *rr.Set) []string {
	if set == nil {
		return nil
	}
	type mx struct {
		preference int
		host       string
	}
	var all []mx
	for _, d := range set.Data {
		preference, host, _ := strings.Cut(string(d), " ")
		n, _ := strconv.Atoi(preference) // canonical data
		all = append(all, mx{n, strings.TrimSuffix(host, ".")})
	}
	slices.SortStableFunc(all, func(a, b mx) int { return cmp.Compare(a.preference, b.preference) })
	var out []string
	for _, x := range all {
		out = append(out, x.host)
	}
	return out
}

// exchange is the way from the world to where set leads.
func (s *scene) exchange(e exchange, set *rr.Set) (way, bool) {
	to := hosts(set)
	if len(to) == 0 {
		return way{}, false
	}
	w := way{key: "a " + e.domains[0], From: box{Title: "the Internet"}, What: []string{"mail for " + strings.Join(few(e.domains), ", ")}}
	w.To = box{to[0], few(to)[1:]}
	if to[0] == "" { // RFC 7505
		w.To = box{"nobody", []string{"null MX"}}
	}
	for _, r := range schema.All[*schema.Relay](s.config) {
		if r.Hostname == to[0] {
			w.To = box{r.Addr().String(), few(to)}
		}
	}
	return w, true
}

// few are the first of many, and how many more there are.
func few(all []string) []string {
	const most = 3
	if len(all) <= most+1 {
		return all
	}
	return append(slices.Clone(all[:most]), fmt.Sprintf("%d more", len(all)-most))
}

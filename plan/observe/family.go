package observe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// onlyHere drops what could not be asked over a family of addresses that this
// machine cannot use, where the same server answered over the other family: that
// says something about this machine, nothing about the server. A remark says so,
// once. A family cannot be used if there is no way to its addresses, or if none of
// several servers, each of which answers over the other, gives any answer over it.
func onlyHere(tasks []*task) (kept []*task, remarks []string) {
	dead := deadFamilies(tasks)
	failed := func(t *task) bool {
		return t.server != nil && t.server.name != "" && len(t.server.addrs) > 0 &&
			(t.seen.Code == plan.Unreachable || t.seen.Code == plan.Silent && dead[family(t.server.addrs[0])])
	}
	if !slices.ContainsFunc(tasks, failed) {
		return tasks, nil
	}
	type asked struct {
		zone   *schema.Zone
		key    rr.Key
		server string
	}
	answered := map[asked]bool{}
	for _, t := range tasks {
		if t.server != nil && heard(t) {
			answered[asked{t.zone, t.seen.Key, t.server.name}] = true
		}
	}
	left := map[string]map[string]string{} // why, by address, by family
	for _, t := range tasks {
		if !failed(t) || !answered[asked{t.zone, t.seen.Key, t.server.name}] {
			kept = append(kept, t)
			continue
		}
		addr := t.server.addrs[0]
		f := family(addr)
		if left[f] == nil {
			left[f] = map[string]string{}
		}
		left[f][addr] = t.seen.Code
	}
	for _, f := range []string{"IPv4", "IPv6"} {
		if len(left[f]) > 0 {
			remarks = append(remarks, leftOut(f, left[f]))
		}
	}
	return kept, remarks
}

// leftOut says which addresses were left out, and why.
func leftOut(f string, addrs map[string]string) string {
	var list []string
	why := "this machine has no way to"
	for a, code := range addrs {
		if ap, err := netip.ParseAddrPort(a); err == nil {
			a = ap.Addr().String()
		}
		if list = append(list, a); code == plan.Silent {
			why = "no answer at all comes to this machine from"
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	more := ""
	if n := len(list) - 3; n > 0 {
		list, more = list[:3], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("Name servers were not asked over %s, because %s its addresses (%s%s). The same servers answered over the other family. Plan on a machine with %[1]s to have that looked at too.", f, why, strings.Join(list, ", "), more)
}

// heard reports whether the server answered, whatever it said.
func heard(t *task) bool {
	switch t.seen.Code {
	case plan.Silent, plan.Unreachable, plan.Garbage, plan.Lost:
		return false
	}
	return true
}

// deadFamilies are those over which nobody answers anything, of several servers
// that all answer over the other.
func deadFamilies(tasks []*task) map[string]bool {
	deaf := map[string]map[string]bool{"IPv4": {}, "IPv6": {}}
	speaks := map[string]map[string]bool{"IPv4": {}, "IPv6": {}}
	for _, t := range tasks {
		if t.server == nil || len(t.server.addrs) == 0 {
			continue
		}
		switch f := family(t.server.addrs[0]); {
		case heard(t):
			speaks[f][t.server.name] = true
		case t.seen.Code == plan.Silent && t.server.name != "":
			deaf[f][t.server.name] = true
		}
	}
	dead := map[string]bool{}
	for f, other := range map[string]string{"IPv4": "IPv6", "IPv6": "IPv4"} {
		if len(deaf[f]) < 2 || len(speaks[f]) > 0 {
			continue
		}
		dead[f] = true
		for name := range deaf[f] {
			dead[f] = dead[f] && speaks[other][name]
		}
	}
	return dead
}

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply"
	"github.com/mailrelay/mailrelay/schema"
)

// mostLags is how many answers of servers that lag are shown.
const mostLags = 10

// waited says how the wait of an apply ended. It is an error that it ended early,
// though everything up to then was done.
func (a *app) waited(res *apply.Result, o applyOptions) error {
	if res.Stopped != nil {
		return fmt.Errorf("what is said above was done and recorded, but not what comes after it: %w. Run mailrelay plan to see what is left, and mailrelay apply to go on", res.Stopped)
	}
	for _, zone := range slices.SortedFunc(maps.Keys(res.Later), schema.Addr.Compare) {
		a.ui.Warning("Written, and not to be seen yet", fmt.Sprintf("%s: %s. Then run mailrelay apply again, which takes note that it is there.", zone, res.Later[zone]))
	}
	if lagging := slices.DeleteFunc(slices.Clone(res.Lagging), func(l apply.Lag) bool { return res.Later[l.Seen.Zone] != "" }); len(lagging) > 0 {
		a.ui.Warning("Written, but not yet everywhere", fmt.Sprintf("After %s some name servers still answer otherwise:\n\n%s\nThe server that takes updates has it all. Look whether these servers can fetch the zone from it. Run mailrelay plan to see whether they have followed, and mailrelay apply to finish.", o.wait, lags(lagging)))
	}
	if len(res.Unproven) > 0 {
		a.ui.Warning("Not verified yet", fmt.Sprintf("After %s the proof of ownership is not seen everywhere:\n\n%s\nMail for a domain that is new is answered 451 until then. Resolvers may take as long as the TTL of what stood there before. Run mailrelay apply later to verify it.", o.wait, lags(res.Unproven)))
	}
	if len(res.Meanwhile) > 0 {
		names := make([]string, len(res.Meanwhile))
		for i, addr := range res.Meanwhile {
			names[i] = addr.String()
		}
		a.ui.Warning("Something else came up meanwhile", fmt.Sprintf("It was not part of what you approved, and was not applied: %s. Run mailrelay plan to see it.", strings.Join(names, ", ")))
	}
	return nil
}

// pending says what waits, by the time from which it may be done, and reports
// whether anything does.
func (a *app) pending(res *apply.Result) bool {
	type group struct {
		at    time.Time
		names []string
		why   string
	}
	var groups []*group
	for _, c := range res.Pending {
		i := slices.IndexFunc(groups, func(g *group) bool { return g.at.Equal(c.NotBefore) && (!g.at.IsZero() || g.why == c.Why) })
		if i < 0 {
			i = len(groups)
			groups = append(groups, &group{at: c.NotBefore, why: c.Why})
		}
		groups[i].names = append(groups[i].names, c.Addr.String())
	}
	slices.SortStableFunc(groups, func(x, y *group) int { return x.at.Compare(y.at) })
	for _, g := range groups {
		if g.at.IsZero() {
			a.ui.Progress("Pending: %s: %s. Run mailrelay apply again when that has changed.", strings.Join(g.names, ", "), g.why)
			continue
		}
		a.ui.Progress("Pending until %s: %s: %s. Run mailrelay apply again then, or use -wait=DURATION.", g.at.UTC().Format(time.RFC3339), strings.Join(g.names, ", "), g.why)
	}
	return len(groups) > 0
}

// lags shows which servers say what, a line each.
func lags(of []apply.Lag) string {
	var b strings.Builder
	for i, l := range of {
		if i == mostLags {
			fmt.Fprintf(&b, "  and %d more answers\n", len(of)-mostLags)
			break
		}
		fmt.Fprintf(&b, "  %s\n", l)
	}
	return b.String()
}

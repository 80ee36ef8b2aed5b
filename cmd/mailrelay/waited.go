package main

import (
	"fmt"
	"strings"

	"github.com/mailrelay/mailrelay/apply"
)

// mostLags is how many answers of servers that lag are shown.
const mostLags = 10

// waited says how the wait of an apply ended. It is an error that it ended early,
// though everything up to then was done.
func (a *app) waited(res *apply.Result, o applyOptions) error {
	if res.Stopped != nil {
		return fmt.Errorf("what is said above was done and recorded, but not what comes after it: %w. Run mailrelay plan to see what is left, and mailrelay apply to go on", res.Stopped)
	}
	if len(res.Lagging) > 0 {
		a.ui.Warning("Written, but not yet everywhere", fmt.Sprintf("After %s some name servers still answer otherwise:\n\n%s\nThe server that takes updates has it all. Look whether these servers can fetch the zone from it. Run mailrelay plan to see whether they have followed, and mailrelay apply to finish.", o.wait, lags(res.Lagging)))
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

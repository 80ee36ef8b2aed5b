package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply/dns"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// The first look comes soon, since most servers follow at once; then they are
// asked less and less often.
const (
	firstLook  = 200 * time.Millisecond
	longestGap = 5 * time.Second
	lineEvery  = 10 * time.Second
)

// Awaited is an RRset that every server which is asked for it has to show.
type Awaited struct {
	Ask observe.Ask
	// Shown reports whether what one server said, which is no error, is what is
	// awaited.
	Shown func(plan.Observation) bool
}

// Lag is a server that does not show what is awaited.
type Lag struct{ Seen plan.Observation }

func (l Lag) String() string {
	if l.Seen.Err != "" {
		return fmt.Sprintf("%s could not be asked for %s: %s", l.Seen.Source, l.Seen.Key, l.Seen.Err)
	}
	says := dns.Describe(l.Seen.Set)
	if l.Seen.CNAME != "" {
		says = fmt.Sprintf("an alias of %s", l.Seen.CNAME)
	}
	return fmt.Sprintf("%s still says that %s is %s", l.Seen.Source, l.Seen.Key, says)
}

// writtenTo is what an apply awaits of the servers of a zone: that they show the
// step which each RRset made. What others write into it meanwhile does not count.
func writtenTo(zone *schema.Zone, sets []plan.SetChange) []Awaited {
	out := make([]Awaited, 0, len(sets))
	for _, s := range sets {
		ask := observe.Ask{Zone: zone, Key: s.Key, Itself: s.After == nil} // what is gone may give way to a wildcard
		out = append(out, Awaited{ask, func(o plan.Observation) bool { return s.After == nil && o.Wildcard || dns.Made(s, o.Set) }})
	}
	return out
}

// watch asks until every server shows what is awaited, and gives those that do
// not when the deadline has come. It holds no lock. The error is that of ctx.
func (o Options) watch(ctx context.Context, awaited []Awaited, deadline time.Time) ([]Lag, error) {
	gap, line := firstLook, o.Clock()
	for {
		if err := o.Sleep(ctx, max(0, min(gap, deadline.Sub(o.Clock())))); err != nil {
			return nil, err
		}
		var lags []Lag
		awaited, lags = o.look(ctx, awaited)
		if err := ctx.Err(); err != nil {
			return lags, err
		}
		now := o.Clock()
		if len(lags) == 0 || !now.Before(deadline) {
			return lags, nil
		}
		if !now.Before(line) {
			line = now.Add(lineEvery)
			o.event(schema.Addr{}, nil, "waiting until %s: %s", stamp(deadline), summary(lags))
		}
		gap = min(2*gap, longestGap)
	}
}

// look asks once, and gives what is still awaited and the servers that it is
// awaited of.
func (o Options) look(ctx context.Context, awaited []Awaited) (left []Awaited, lags []Lag) {
	waiting := make(map[place]Awaited, len(awaited))
	asks := make([]observe.Ask, 0, len(awaited))
	for _, w := range awaited {
		waiting[place{zoneOf(w.Ask), w.Ask.Key}] = w
		asks = append(asks, w.Ask)
	}
	open := map[place]bool{}
	for _, seen := range o.Observe(ctx, asks) {
		at := place{seen.Zone, seen.Key}
		w, ok := waiting[at]
		if !ok || seen.Err == "" && w.Shown(seen) {
			continue
		}
		lags = append(lags, Lag{seen})
		if !open[at] {
			open[at] = true
			left = append(left, w)
		}
	}
	return left, lags
}

func zoneOf(a observe.Ask) schema.Addr {
	if a.Zone == nil {
		return schema.Addr{}
	}
	return a.Zone.Addr()
}

// summary says in one line, for a log, which servers lag, and with what.
func summary(lags []Lag) string {
	const most = 5
	behind := map[string][]rr.Key{}
	for _, l := range lags {
		behind[l.Seen.Source] = append(behind[l.Seen.Source], l.Seen.Key)
	}
	var words []string
	for source, keys := range behind {
		slices.SortFunc(keys, rr.Key.Compare)
		what := keys[0].String()
		if n := len(keys) - 1; n > 0 {
			what = fmt.Sprintf("%s and %d more", what, n)
		}
		words = append(words, fmt.Sprintf("%s still answers otherwise for %s", source, what))
	}
	slices.Sort(words)
	if n := len(words) - most; n > 0 {
		words = append(words[:most], fmt.Sprintf("so do %d more servers", n))
	}
	return strings.Join(words, "; ")
}

// stamp is a time as messages have it.
func stamp(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

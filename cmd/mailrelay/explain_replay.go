package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/journal/replay"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// replayed says what to replay.
type replayed struct {
	file              string
	revision, compare string
	relay, binding    string
	json              bool
}

// replayReport is what explain -replay prints.
type replayReport struct {
	FormatVersion string         `json:"format_version"`
	Compared      string         `json:"compared"` // the revision, or "log": what the log says
	Recipients    int            `json:"recipients"`
	Changed       int            `json:"changed"`
	Changes       []replayChange `json:"changes"` // by client, the most frequent first
	Unread        int            `json:"unread_lines"`
	FirstUnread   string         `json:"first_unread,omitempty"`
}

// replayChange is mail of one client between two domains with one change.
type replayChange struct {
	Client string    `json:"client"`
	User   string    `json:"user,omitempty"`
	TLS    bool      `json:"tls"`
	From   string    `json:"from"` // of the last one
	To     string    `json:"to"`
	Before string    `json:"before"`
	After  string    `json:"after"`
	Count  int       `json:"count"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// replay runs the mail of a log through the configuration and what it is compared with.
func (a *app) replay(ctx context.Context, o replayed) error {
	config, err := a.inForce(ctx, o.revision)
	if err != nil {
		return err
	}
	after, err := newReplayer(config, o)
	if err != nil {
		return err
	}
	var before *replayer
	r := replayReport{FormatVersion: "1.0", Compared: "log", Changes: []replayChange{}}
	switch other, err := a.inForce(ctx, cmp.Or(o.compare, "current")); {
	case err == nil:
		if before, err = newReplayer(other, o); err != nil {
			return err
		}
		r.Compared = cmp.Or(o.compare, "current")
	case o.compare != "" || !errors.Is(err, errNothingApplied):
		return err
	}
	f, err := os.Open(o.file)
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	defer func() { _ = f.Close() }()
	now := a.world.clock().UTC()
	type key struct{ client, user, from, to, before, after string }
	index := map[key]int{}
	unread, err := replay.Read(f, func(e replay.Envelope) {
		r.Recipients++
		is := after.ask(e, now)
		was := logged(e)
		if before != nil {
			was = before.ask(e, now)
		} else if strings.HasPrefix(is, was) {
			is = was // the log knows no next hop
		}
		if was == is {
			return
		}
		r.Changed++
		k := key{clientOf(e), e.User, e.From.Domain, e.To.Domain, was, is}
		i, ok := index[k]
		if !ok {
			i = len(r.Changes)
			index[k] = i
			r.Changes = append(r.Changes, replayChange{Client: k.client, User: e.User, Before: was, After: is, First: e.Time})
		}
		c := &r.Changes[i]
		c.Count++
		c.TLS, c.From, c.To = e.TLS, e.From.String(), e.To.String()
		if e.Time.Before(c.First) {
			c.First = e.Time
		}
		if e.Time.After(c.Last) {
			c.Last = e.Time
		}
	})
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	r.Unread = unread.Lines
	if unread.Lines > 0 {
		r.FirstUnread = fmt.Sprintf("line %d: %s: %s", unread.First, unread.Why, unread.Text)
	}
	r.sort()
	if o.json {
		return writeJSON(a.ui.Out, r)
	}
	return r.text(a.ui.Out)
}

// replayer asks one configuration.
type replayer struct {
	policy  *decide.Policy
	relay   schema.Addr
	binding *netip.AddrPort // where the log does not say
}

func newReplayer(c *schema.Config, o replayed) (*replayer, error) {
	p, err := decide.Compile(c)
	if err != nil {
		return nil, err
	}
	r := &replayer{policy: p}
	relays := p.Relays()
	switch {
	case o.relay != "":
		if r.relay, err = schema.ParseAddr(o.relay); err != nil {
			return nil, fmt.Errorf("-relay: %w", err)
		}
		if !slices.Contains(relays, r.relay) {
			return nil, fmt.Errorf("-relay=%s: there is no such relay", o.relay)
		}
	case len(relays) == 1:
		r.relay = relays[0]
	case len(relays) > 1:
		return nil, fmt.Errorf("there are several relays, and the log does not say which one it is of: give -relay=%s, or another", relays[0])
	}
	if o.binding != "" {
		at, err := netip.ParseAddrPort(o.binding)
		if err != nil {
			return nil, fmt.Errorf("-binding=%s: write ADDRESS:PORT", o.binding)
		}
		r.binding = &at
	}
	return r, nil
}

// ask gives the answer to an envelope, in words that compare. What was said in the past
// is asked as of now: what has expired since has.
func (r *replayer) ask(e replay.Envelope, now time.Time) string {
	c := decide.Client{Relay: r.relay, Local: e.Local, Unix: e.Unix, Remote: e.Client, TLS: e.TLS, User: e.User, At: now}
	switch {
	case e.Unix != "":
	case r.binding != nil:
		c.Local = *r.binding
	case !c.Local.IsValid() && e.Client.Is4():
		c.Local = netip.AddrPortFrom(netip.IPv4Unspecified(), 25)
	case !c.Local.IsValid():
		c.Local = netip.AddrPortFrom(netip.IPv6Unspecified(), 25)
	}
	v, _ := r.policy.ExplainSize(c, e.From, e.To, e.Size)
	if v.Connector != nil {
		switch lacks := v.Connector.Lacks(c); {
		case lacks&decide.NoTLS != 0:
			return "refused: no TLS is offered"
		case lacks != 0:
			return "refused: nobody can log on"
		}
	}
	if !v.OK() {
		return fmt.Sprintf("refused with %d %d.%d.%d", v.Code, v.Enhanced[0], v.Enhanced[1], v.Enhanced[2])
	}
	to := ""
	if v.Rewritten != e.To && e.To.Domain != "" {
		to = fmt.Sprintf(" for <%s>", v.Rewritten)
	}
	if v.Route == nil {
		return "accepted, and waits in the queue" + to
	}
	tls := v.Route.Connector.TLS
	protection := tls.Mode
	if tls.Verify != "none" {
		protection = strings.TrimPrefix(tls.Mode+", ", "required, ") + "verified"
	}
	return fmt.Sprintf("accepted, to %s%s, TLS %s", v.Route.NextHop(v.Rewritten), to, protection)
}

// logged is what the log says became of it.
func logged(e replay.Envelope) string {
	if e.Code >= 200 && e.Code < 300 {
		return "accepted"
	}
	return fmt.Sprintf("refused with %d", e.Code)
}

func clientOf(e replay.Envelope) string {
	if e.Unix != "" {
		return "unix:" + e.Unix
	}
	return e.Client.String()
}

// sort puts changes of one client together, the client with most of them first.
func (r *replayReport) sort() {
	total := map[string]int{}
	for _, c := range r.Changes {
		total[c.Client] += c.Count
	}
	slices.SortStableFunc(r.Changes, func(a, b replayChange) int {
		return cmp.Or(total[b.Client]-total[a.Client], strings.Compare(a.Client, b.Client), b.Count-a.Count, strings.Compare(a.From, b.From), strings.Compare(a.To, b.To))
	})
}

func (r replayReport) text(w io.Writer) error {
	var b strings.Builder
	client := ""
	for _, c := range r.Changes {
		if c.Client != client {
			client = c.Client
			fmt.Fprintf(&b, "%s\n", client)
		}
		how := ""
		if c.User != "" {
			how += " as " + c.User
		}
		if c.TLS {
			how += " under TLS"
		}
		const day = "2006-01-02 15:04"
		fmt.Fprintf(&b, "  %d x like <%s> to <%s>%s, %s to %s\n    was: %s\n    now: %s\n", c.Count, c.From, c.To, how,
			c.First.UTC().Format(day), c.Last.UTC().Format(day), c.Before, c.After)
	}
	if client != "" {
		b.WriteString("\n")
	}
	than := "by " + revisionName(r.Compared)
	if r.Compared == "log" {
		than = "in the log"
	}
	if r.Changed == 0 {
		fmt.Fprintf(&b, "All %d recipients in the log would be answered as %s.\n", r.Recipients, than)
	} else {
		fmt.Fprintf(&b, "%d of %d recipients in the log would be answered otherwise than %s.\n", r.Changed, r.Recipients, than)
	}
	if r.Unread > 0 {
		fmt.Fprintf(&b, "%s of the log could not be read. The first: %s\n", lines(r.Unread), r.FirstUnread)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func lines(n int) string {
	if n == 1 {
		return "1 line"
	}
	return fmt.Sprintf("%d lines", n)
}

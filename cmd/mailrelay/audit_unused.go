package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// unused is what the logs show no use of.
type unused struct {
	Since    time.Time     `json:"since"`          // what was not used from then on
	From     time.Time     `json:"from,omitzero"`  // the first message of the logs
	Until    time.Time     `json:"until,omitzero"` // the last one
	Messages int           `json:"messages"`
	Elsewhen int           `json:"messages_of_other_connectors"` // by connectors, or from clients, that there are no more
	Unread   int           `json:"unread_lines"`
	Grants   []unusedGrant `json:"grants"`
}

type unusedGrant struct {
	Address  string    `json:"address"`
	Declared string    `json:"declared,omitempty"`
	What     string    `json:"what"`
	Owner    string    `json:"owner,omitempty"`
	LastUsed time.Time `json:"last_used,omitzero"`
}

// auditLogs adds to r what the logs in files show no use of for so long.
func (a *app) auditLogs(r *audit, c *schema.Config, long time.Duration, files []string) error {
	p, err := decide.Compile(c)
	if err != nil {
		return err
	}
	now := a.world.clock().UTC()
	u := &unused{Since: now.Add(-long), Grants: []unusedGrant{}}
	uses := decide.NewUses(p)
	for _, file := range files {
		if err := u.read(uses, file); err != nil {
			return fmt.Errorf("reading the log: %w", err)
		}
	}
	if u.Messages == 0 {
		return fmt.Errorf("the logs tell of no message that was taken (%s could not be read): give the JSON logs of a relay, events*.json in the directory of its log block", several(u.Unread, "line"))
	}
	list := uses.Unused(c, u.Since, now)
	for _, x := range list {
		u.Grants = append(u.Grants, unusedGrant{x.Addr.String(), schema.Place(x.Block.Decl()), x.String(), x.Owner, x.Last})
	}
	r.Findings = append(r.Findings, check.Unused(list, long)...)
	check.Sort(r.Findings)
	r.Unused = u
	return nil
}

// read notes the messages in a file. Lines that are no event are counted: a log may
// have been cut, or share a file with another.
func (u *unused) read(uses *decide.Uses, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e journal.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Step == "" {
			u.Unread++
			continue
		}
		if e.Step == journal.Queued && !e.Connector.IsZero() {
			u.note(uses, e)
		}
	}
	return lines.Err()
}

func (u *unused) note(uses *decide.Uses, e journal.Event) {
	u.Messages++
	if u.From.IsZero() || e.Time.Before(u.From) {
		u.From = e.Time
	}
	if e.Time.After(u.Until) {
		u.Until = e.Time
	}
	m := decide.Entered{At: e.Time, Connector: e.Connector, Client: e.Client, User: e.User, TLS: e.TLS != ""}
	if e.From != nil {
		m.From = *e.From
	}
	known := true
	for _, m.To = range e.To {
		known = uses.Note(m)
	}
	if !known {
		u.Elsewhen++
	}
}

func (u *unused) text(b *strings.Builder) {
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	fmt.Fprintf(b, "\nNot used since %s, by %s from %s to %s:\n", day(u.Since), several(u.Messages, "message"), day(u.From), day(u.Until))
	for _, g := range u.Grants {
		where := g.Address
		if g.Declared != "" {
			where = g.Declared + ": " + where
		}
		last := "never"
		if !g.LastUsed.IsZero() {
			last = "last on " + day(g.LastUsed)
		}
		if g.Owner != "" {
			last += ", owner " + g.Owner
		}
		fmt.Fprintf(b, "  %s: %s (%s)\n", where, g.What, last)
	}
	if len(u.Grants) == 0 {
		b.WriteString("  nothing: everything is used\n")
	}
	if u.From.After(u.Since) {
		fmt.Fprintf(b, "The logs begin on %s, so they cannot tell of the time before: ask for less, or give older logs too.\n", day(u.From))
	}
	if u.Unread > 0 {
		fmt.Fprintf(b, "%s of the logs could not be read.\n", several(u.Unread, "line"))
	}
	if u.Elsewhen > 0 {
		fmt.Fprintf(b, "%s came by connectors, or from clients, that the configuration does not know any more.\n", several(u.Elsewhen, "message"))
	}
}

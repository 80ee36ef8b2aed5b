package reach

import (
	"fmt"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
)

// shown is how many items of a list a line names; the rest are counted.
const shown = 3

// Symbol is the sign of the line: + for what is let through now, - for what is not
// any more, ~ for the rest.
func (l Line) Symbol() string {
	switch l.Kind {
	case Widened:
		return "+"
	case Narrowed:
		return "-"
	}
	return "~"
}

// String is the line in words, with its symbol.
func (l Line) String() string { return l.Symbol() + " " + l.Text() }

// Text is the line in words:
//
//	anonymous from 10.2.0.0/16 may now relay to any domain (was: refused)
func (l Line) Text() string {
	switch l.Kind {
	case Widened:
		return fmt.Sprintf("%s may now %s (was: %s)", l.client(), l.deed(), l.Before.Reason)
	case Narrowed:
		return fmt.Sprintf("%s may no longer %s (now: %s)", l.client(), l.deed(), l.After.Reason)
	case Resized:
		to := ""
		if l.Recipients.Base != Anything {
			to = " to " + l.Recipients.recipients()
		}
		return fmt.Sprintf("%s may send messages of %s%s (was: %s)", l.client(), size(l.After.MaxSize), to, size(l.Before.MaxSize))
	case Answered:
		return fmt.Sprintf("%s, mail to %s: %s (was: %s)", l.client(), l.Recipients.recipients(), l.After.Reason, l.Before.Reason)
	}
	return fmt.Sprintf("mail to %s%s: %s", l.Recipients.recipients(), l.through(), turn(l.Before.Ways, l.After.Ways))
}

// client says who hands mail in, where and how.
func (l Line) client() string {
	var b strings.Builder
	b.WriteString(l.principals())
	if len(l.Clients) > 0 {
		b.WriteString(" from " + l.addresses())
	}
	if len(l.Listeners) > 0 {
		b.WriteString(" at " + enumerate(l.Listeners))
	}
	b.WriteString(l.through())
	switch l.TLS {
	case "with":
		b.WriteString(" under TLS")
	case "without":
		b.WriteString(" without TLS")
	}
	if s := l.Senders.senders(); s != "" {
		b.WriteString(" with " + s)
	}
	return b.String()
}

func (l Line) through() string {
	if l.Relay.IsZero() {
		return ""
	}
	return " through " + l.Relay.String()
}

func (l Line) principals() string {
	if len(l.Principals) == 0 {
		return "anybody"
	}
	var all []string
	for _, p := range l.Principals {
		s := p.Name
		var more []string
		if len(p.Except) > 0 {
			more = append(more, "but not "+enumerate(p.Except))
		}
		switch names := slices.DeleteFunc(slices.Clone(p.Certificate), func(c string) bool { return c == "-" }); {
		case len(p.Certificate) == 0:
		case len(names) == 0:
			more = append(more, "without a partner's certificate")
		case len(names) < len(p.Certificate):
			more = append(more, "with a certificate of "+enumerate(names)+", or of no partner")
		default:
			more = append(more, "with a certificate of "+enumerate(names))
		}
		if len(more) > 0 {
			s += " (" + strings.Join(more, "; ") + ")"
		}
		all = append(all, s)
	}
	return enumerate(all)
}

// deed is what is allowed. Mail to a domain that is not accepted is relayed.
func (l Line) deed() string {
	verb := "send to "
	if l.Relays {
		verb = "relay to "
	}
	return verb + l.Recipients.recipients()
}

// addresses names the clients, or those that are left out where that is shorter.
func (l Line) addresses() string {
	var in, out netipx.IPSetBuilder
	for _, c := range l.Clients {
		r, err := schema.ParseRange(c)
		if err != nil {
			return enumerate(l.Clients) // this machine
		}
		in.AddRange(r)
	}
	set, err := in.IPSet()
	if err != nil {
		return enumerate(l.Clients)
	}
	four, six := families()
	some4, some6 := set.OverlapsPrefix(four), set.OverlapsPrefix(six)
	all := "any address"
	switch {
	case some4 && some6:
		out.AddPrefix(four)
		out.AddPrefix(six)
	case some4:
		all = "any IPv4 address"
		out.AddPrefix(four)
	default:
		all = "any IPv6 address"
		out.AddPrefix(six)
	}
	out.RemoveSet(set)
	rest, err := out.IPSet()
	switch {
	case err != nil || len(rest.Ranges()) >= len(l.Clients):
		return enumerate(l.Clients)
	case len(rest.Ranges()) == 0:
		return all
	}
	return all + " but " + enumerate(ranges(rest))
}

// recipients is the set in words, behind "to".
func (s Set) recipients() string {
	var all string
	switch s.Base {
	case Anything, Foreign:
		all = "any domain"
	case Accepted:
		all = "the accepted domains"
	}
	return s.with(all, "and ")
}

// senders is the set in words, behind "with"; empty if it is everybody.
func (s Set) senders() string {
	switch s.Base {
	case Anything:
		if len(s.Except) == 0 {
			return ""
		}
		return "any sender but " + enumerate(s.Except)
	case Foreign:
		return s.with("a sender of another domain than the accepted ones", "or ")
	case Accepted:
		return s.with("a sender of the accepted domains", "or ")
	}
	return "a sender of " + s.with("", "")
}

func (s Set) with(all, and string) string {
	names, except := quiet(s.Names), quiet(s.Except)
	if all == "" && len(names) == 0 {
		names = s.Names
	}
	switch {
	case all == "":
		all = enumerate(names)
	case len(names) > 0:
		all += " " + and + enumerate(names)
	}
	if len(except) > 0 {
		all += " but " + enumerate(except)
	}
	return all
}

// quiet are the entries without the old ways to name another domain, which matter to
// programs where there are others.
func quiet(entries []string) []string {
	return slices.DeleteFunc(slices.Clone(entries), func(entry string) bool { return strings.Contains(entry, "*%*@") })
}

// turn says what becomes of the way.
func turn(before, after []Way) string {
	if len(before) != 1 || len(after) != 1 {
		return fmt.Sprintf("%s -> %s", bySize(before), bySize(after))
	}
	b, a := before[0], after[0]
	var parts []string
	step := func(what, x, y, none string) {
		if x != y {
			parts = append(parts, fmt.Sprintf("%s%s -> %s", what, orElse(x, none), orElse(y, none)))
		}
	}
	step("", b.hosts(), a.hosts(), "")
	if b.Via.IsZero() || a.Via.IsZero() {
		step("RCPT TO ", b.Rewrite, a.Rewrite, "as given")
		return strings.Join(parts, ", ")
	}
	step("TLS ", b.TLS, a.TLS, "none")
	step("RCPT TO ", b.Rewrite, a.Rewrite, "as given")
	step("from ", b.From, a.From, "the address that the system chooses")
	step("log-on as ", b.LogOn, a.LogOn, "nobody")
	if b.TLS == a.TLS {
		step("TLS by ", b.Proof, a.Proof, "nothing")
	}
	if b.UpTo != a.UpTo {
		parts = append(parts, fmt.Sprintf("messages of %s -> %s", size(b.UpTo), size(a.UpTo)))
	}
	return strings.Join(parts, ", ")
}

func bySize(ways []Way) string {
	var parts []string
	for _, w := range ways {
		s := w.hosts()
		if w.TLS != "" {
			s += " (TLS " + w.TLS + ")"
		}
		if w.UpTo > 0 {
			s += " " + size(w.UpTo)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", larger ")
}

func (w Way) hosts() string {
	switch {
	case w.Via.IsZero():
		return "nowhere (it waits in the queue)"
	case len(w.Hosts) == 0 && w.Port != 0:
		return fmt.Sprintf("its MX, port %d", w.Port)
	case len(w.Hosts) == 0:
		return "its MX"
	}
	return enumerate(w.Hosts)
}

func size(n int64) string {
	if n == 0 {
		return "any size"
	}
	return "up to " + schema.FormatSize(n)
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// enumerate joins a list, of which it names the first.
func enumerate(list []string) string {
	if n := len(list); n > shown+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:shown], ", "), n-shown)
	} else if n > 1 {
		return strings.Join(list[:n-1], ", ") + " and " + list[n-1]
	}
	return strings.Join(list, "")
}

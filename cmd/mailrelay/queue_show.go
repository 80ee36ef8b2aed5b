package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/relay/admin"
	"github.com/mailrelay/mailrelay/apply/relay/deliver"
)

func (a *app) queueListCommand() *cli.Command {
	var s selection
	var asJSON bool
	most := 100
	flags := append(a.configFlags(), a.stateFlag())
	flags = append(flags, s.flags()...)
	flags = append(flags,
		&cli.GenericFlag{Name: "most", Usage: "show no more than `N` messages, the oldest ones [100]", Value: number[int]{&most, 0, "500"}},
		&cli.BoolFlag{Name: "json", Usage: "print it as JSON", Destination: &asJSON})
	return &cli.Command{
		Name: "list", Usage: "list the messages in the queue, the oldest first", UsageText: "mailrelay queue list [flags] [ID...]",
		Description: "Lists the messages in the queue, the oldest first, with each recipient and the\nlast answer. Prints nothing if there is none.\n\nExample:\n\n  mailrelay queue list -state=/var/lib/mailrelay -older=4h",
		Flags:       flags,
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			f, none, err := s.filter(c)
			if err != nil {
				return err
			}
			f.All = f.All || none
			relay, err := a.relayHere()
			if err != nil {
				return err
			}
			l, err := relay.List(ctx, f, most)
			if err != nil {
				return unreachable(err)
			}
			if asJSON {
				return writeJSON(a.ui.Out, struct {
					FormatVersion string `json:"format_version"`
					admin.List
				}{"1.0", l})
			}
			return listText(a.ui.Out, l, a.world.clock())
		},
	}
}

func listText(w io.Writer, l admin.List, now time.Time) error {
	var b strings.Builder
	for _, i := range l.Items {
		fmt.Fprintf(&b, "%s  %-7s  %6s  %7s  <%s>\n", i.ID, i.State, age(now.Sub(i.Received)), humanize.IBytes(uint64(i.Size)), i.From)
		for _, r := range i.Rcpts {
			fmt.Fprintf(&b, "    <%s>%s\n", r.To, answer(r.Site, r.LastError))
		}
	}
	if more := l.Messages - len(l.Items); more > 0 {
		fmt.Fprintf(&b, "and %s more; -most=N shows more of them\n", messages(more))
	}
	_, err := io.WriteString(w, plain(b.String()))
	return err
}

// answer is what was last heard about a recipient.
func answer(site, text string) string {
	switch {
	case text == "":
		return ""
	case site == "" || strings.Contains(text, site):
		return ": " + text
	}
	return ": " + site + ": " + text
}

// plain makes what others wrote safe for a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case r == '\r':
			return -1
		case r < ' ', 0x7f <= r && r < 0xa0:
			return '?'
		}
		return r
	}, s)
}

func (a *app) queueShowCommand() *cli.Command {
	var asJSON, body bool
	return &cli.Command{
		Name: "show", Usage: "show one message in the queue", UsageText: "mailrelay queue show [flags] ID",
		Description: "Shows the envelope, each recipient with the last answer, and the header.\n\nExample:\n\n  mailrelay queue show -state=/var/lib/mailrelay 0DGJ2R3K5M8",
		Flags: append(a.configFlags(), a.stateFlag(),
			&cli.BoolFlag{Name: "body", Usage: "the body as well", Destination: &body},
			&cli.BoolFlag{Name: "json", Usage: "print it as JSON", Destination: &asJSON}),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if c.NArg() != 1 {
				return errors.New("queue show takes the id of one message; mailrelay queue list prints them")
			}
			relay, err := a.relayHere()
			if err != nil {
				return err
			}
			id := strings.ToUpper(c.Args().First())
			item, err := relay.Show(ctx, id)
			if err != nil {
				return unreachable(named(id, err))
			}
			content, err := relay.Content(ctx, id, !body)
			if err != nil {
				return unreachable(named(id, err))
			}
			header, rest, _ := strings.Cut(string(content), "\r\n\r\n")
			header = strings.TrimSuffix(header, "\r\n")
			if asJSON {
				shown := shownMessage{FormatVersion: "1.0", Item: item, Header: header}
				if body {
					shown.Body = &rest
				}
				return writeJSON(a.ui.Out, shown)
			}
			text := showText(item, header, a.world.clock())
			if body {
				text += "\n" + rest
			}
			_, err = io.WriteString(a.ui.Out, plain(text))
			return err
		},
	}
}

// shownMessage is what queue show -json prints.
type shownMessage struct {
	FormatVersion string `json:"format_version"`
	deliver.Item
	Header string  `json:"header"`
	Body   *string `json:"body,omitempty"` // with -body; what is no UTF-8 is replaced
}

func named(id string, err error) error {
	if strings.HasPrefix(err.Error(), "ask the relay: ") || strings.Contains(err.Error(), id) {
		return err
	}
	return fmt.Errorf("%s: %w", id, err)
}

func showText(i deliver.Item, header string, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", i.ID, i.State)
	if i.State == deliver.Waiting && !i.Next.IsZero() {
		fmt.Fprintf(&b, ", next try %s", i.Next.UTC().Format(time.RFC3339))
	}
	if i.Stuck {
		b.WriteString("; no try will help before the configuration changes, or what it names")
	}
	fmt.Fprintf(&b, "\n  from       <%s>\n", i.From)
	fmt.Fprintf(&b, "  received   %s, %s ago", i.Received.UTC().Format(time.RFC3339), age(now.Sub(i.Received)))
	if i.Client != "" {
		fmt.Fprintf(&b, ", from %s", i.Client)
	}
	if !i.Connector.IsZero() {
		fmt.Fprintf(&b, " by %s", i.Connector)
	}
	fmt.Fprintf(&b, "\n  size       %d bytes\n  tries      %d\n", i.Size, i.Tries)
	if i.Delayed {
		b.WriteString("  delayed    the sender was told\n")
	}
	for _, r := range i.Rcpts {
		fmt.Fprintf(&b, "  to         <%s>\n", r.To)
		if r.Site != "" {
			fmt.Fprintf(&b, "             next hop %s\n", r.Site)
		}
		if r.LastError != "" {
			fmt.Fprintf(&b, "             %s\n", r.LastError)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", header)
	return b.String()
}

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/doctor"
	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/schema"
)

func (a *app) doctorCommand() *cli.Command {
	var asJSON bool
	var revision string
	var o doctor.Options
	return &cli.Command{
		Name:      "doctor",
		Usage:     "look at what only the network can tell, now",
		UsageText: "mailrelay [-chdir=DIR] doctor [flags]",
		Description: "Run where the relay runs, it connects to every smart host and looks at STARTTLS and\ncertificate as the send connector does, without handing over a message; at the names\nof the egress addresses, MTA-STS policies against the MX, and DKIM keys against what\nis published. With flags: whether\nport 25 is open, block lists, and which address the world sees. Contacts nobody whom\nneither the configuration nor a flag names. Exits with 1 if something is wrong.\n\nExample:\n\n" +
			"  mailrelay doctor -port25=mx1.fabrikam.com -dnsbl=zen.spamhaus.org \\\n    -whoami=myip.opendns.com@resolver1.opendns.com",
		Flags: append(a.configFlags(), a.stateFlag(),
			&cli.StringSliceFlag{Name: "port25", Usage: "see whether `HOST` can be reached at port 25; may be repeated", Destination: &o.Port25},
			&cli.StringSliceFlag{Name: "dnsbl", Usage: "look for the egress addresses in the block list `ZONE`; may be repeated", Destination: &o.BlockLists},
			&cli.StringFlag{Name: "whoami", Usage: "ask `WHERE` which address it sees: a URL, or NAME@SERVER for a name server", Destination: &o.Myself},
			&cli.DurationFlag{Name: "timeout", Usage: "the most `TIME` that each look may take [20s]", Destination: &o.Timeout, HideDefault: true},
			&cli.StringFlag{Name: "revision", Usage: "look at revision `N`, or current, instead of the files", Destination: &revision},
			&cli.BoolFlag{Name: "json", Usage: "print the results as JSON", Destination: &asJSON},
		),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			patient()
			if err := noArgs(c); err != nil {
				return err
			}
			config, err := a.inForce(ctx, revision)
			if err != nil {
				return err
			}
			results := doctor.Run(ctx, config, a.doctorOptions(config, o))
			if err := ctx.Err(); err != nil {
				return fmt.Errorf("interrupted; nothing was changed (%w)", err)
			}
			if asJSON {
				err = writeJSON(a.ui.Out, examination{"1.0", append([]doctor.Result{}, results...)})
			} else {
				err = writeResults(a.ui.Out, results)
			}
			if err == nil && slices.ContainsFunc(results, func(r doctor.Result) bool { return r.Status == doctor.Wrong }) {
				return exit{exitError}
			}
			return err
		},
	}
}

// examination is what doctor -json prints.
type examination struct {
	FormatVersion string          `json:"format_version"`
	Results       []doctor.Result `json:"results"`
}

// doctorOptions are o with the world, and resolvers as the configuration says.
func (a *app) doctorOptions(c *schema.Config, o doctor.Options) doctor.Options {
	o.At = func(server string) doctor.Resolver {
		return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return a.world.dial(ctx, network, server)
		}}
	}
	o.Resolver = net.DefaultResolver
	if all := a.resolvers(c); len(all) > 0 {
		o.Resolver = o.At(all[0])
	}
	o.Deliver = deliver.Options{Dial: a.world.dial, Roots: a.world.roots, ReadFile: a.world.readFile, Secret: a.world.secret(a.dir), Clock: a.world.clock}
	return o
}

func writeResults(w io.Writer, results []doctor.Result) error {
	var b strings.Builder
	counts := map[string]int{}
	for _, r := range results {
		counts[r.Status]++
		about := ""
		if r.Address != "" {
			about = " (" + r.Address + ")"
		}
		fmt.Fprintf(&b, "%-7s  %s %s%s\n         %s\n", r.Status, strings.ReplaceAll(r.Check, "_", " "), r.Subject, about, r.Text)
	}
	if len(results) == 0 {
		b.WriteString("There is nothing to look at: no smart hosts and no egress addresses, and no flag names anything.\n")
	} else {
		fmt.Fprintf(&b, "\n%d ok, %d wrong, %d unknown.\n", counts[doctor.OK], counts[doctor.Wrong], counts[doctor.Unknown])
	}
	_, err := io.WriteString(w, b.String())
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply/dns"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/sandbox"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// sandboxWait is how long the relay may take to listen, and a message to arrive.
const sandboxWait = 30 * time.Second

func (a *app) sandboxCommand() *cli.Command {
	var approve, once bool
	return &cli.Command{
		Name:        "sandbox",
		Usage:       "try a configuration in a small world on loopback",
		UsageText:   "mailrelay sandbox [flags] DIR",
		Description: "Makes a world on loopback: a name server with the zone files of DIR/sandbox,\nand remote mail hosts. Plans DIR against it, asks, applies, starts the relay,\nsends a message in and shows where it arrived. Nothing leaves this machine, and\nDIR is not changed.\n\nExample:\n\n  mailrelay sandbox -auto-approve -once examples/coexistence",
		Flags: append(a.configFlags(),
			&cli.BoolFlag{Name: "auto-approve", Usage: "do not ask", Destination: &approve},
			&cli.BoolFlag{Name: "once", Usage: "end when the message has arrived", Destination: &once},
			a.inputFlag()),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			if c.NArg() != 1 {
				return errors.New("sandbox takes the directory of a configuration, such as examples/coexistence")
			}
			a.dir = c.Args().First()
			err := a.sandbox(ctx, approve, once)
			if err != nil && ctx.Err() != nil {
				return errors.New("interrupted; nothing outside the sandbox was changed")
			}
			return err
		},
	}
}

// sandbox is one run of the sandbox.
func (a *app) sandbox(ctx context.Context, approve, once bool) error {
	config, err := a.load()
	if err != nil {
		return err
	}
	tmp, err := os.MkdirTemp("", "mailrelay-sandbox-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	w, err := sandbox.New(filepath.Join(a.dir, "sandbox"), config)
	if err != nil {
		return err
	}
	defer w.Close()
	a.enter(w)
	a.state = tmp
	a.heading("The world: a name server at %s, and mail hosts behind every address that it knows.", w.DNS.Addr())
	a.heading("mailrelay plan, and apply:")
	if err := a.applyNow(ctx, applyOptions{approve: approve, parallel: 4, wait: sandboxWait}); err != nil {
		return err
	}
	if err := a.person(ctx, w, config); err != nil {
		return err
	}
	return a.sandboxRelay(ctx, w, config, once)
}

// enter puts the world of a sandbox in place of the real one.
func (a *app) enter(w *sandbox.World) {
	a.world.dial, a.world.listen = w.Dial, w.Listen
	a.world.resolver, a.world.resolvers = w.Resolver(), w.Resolvers()
	a.world.roots, a.world.readFile = w.Roots(), w.ReadFile
	a.world.logDir = func(string) string { return filepath.Join(a.state, "log") }
	a.world.zoneFiles = func(string) dns.Writer { return entering{w} } // the files are those of the real world
	a.world.secret = func(string) func(schema.Secret) ([]byte, error) { return w.Secret }
}

func (a *app) heading(format string, args ...any) {
	a.ui.Progress("\n=> "+format, args...)
}

// person plays the one who edits the zones that mailrelay does not write.
func (a *app) person(ctx context.Context, w *sandbox.World, config *schema.Config) error {
	manual := func(z *schema.Zone) bool { return z.Manual() }
	if !slices.ContainsFunc(schema.All[*schema.Zone](config), manual) {
		return nil
	}
	p, _, err := a.makePlan(ctx)
	if err != nil {
		return err
	}
	entered := 0
	for _, s := range p.Sets {
		if !s.Manual {
			continue
		}
		if err := w.Enter(s); err != nil {
			return err
		}
		entered++
	}
	if entered == 0 {
		return nil
	}
	a.heading("A person enters %d RRsets by hand; apply takes them over:", entered)
	return a.applyNow(ctx, applyOptions{approve: true, parallel: 4, wait: sandboxWait})
}

// sandboxRelay runs the relay, sends one message through it and shows what
// became of it.
func (a *app) sandboxRelay(ctx context.Context, w *sandbox.World, config *schema.Config, once bool) error {
	store, err := a.directory(config)
	if err != nil {
		return err
	}
	cur, err := store.Current(ctx)
	if err != nil {
		return err
	}
	relays := schema.All[*schema.Relay](config)
	if cur == nil || len(relays) == 0 {
		return errors.New("the configuration has no relay to start; add a relay block")
	}
	policy, err := decide.Compile(config)
	if err != nil {
		return err
	}
	letter, err := w.Letter(policy, a.world.clock())
	if err != nil {
		return err // nothing could be shown, and a relay without a receive connector never listens
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		ended <- a.serve(ctx, store, store, identity{relay: relays[0].Addr().Name}, slog.New(slog.NewJSONHandler(io.Discard, nil)), nil)
	}()
	finish := func(err error) error {
		cancel()
		return errors.Join(err, <-ended)
	}
	if err := a.ready(ctx, store, ended); err != nil {
		return finish(err)
	}
	doors := w.Doors()
	for _, asked := range slices.Sorted(maps.Keys(doors)) {
		a.heading("%s listens at %s, which stands for %s.", relays[0].Addr(), doors[asked], asked)
	}
	if err := a.letter(ctx, w, letter); err != nil {
		return finish(err)
	}
	p, _, err := a.makePlan(ctx)
	if err != nil {
		return finish(err)
	}
	if !settled(p) {
		return finish(errors.New("the plan after the apply is not empty; run plan against the real zone to see why, or look at the zone files of the sandbox"))
	}
	a.heading("mailrelay plan, once more: nothing to do.")
	if !once {
		a.ui.Progress("\nThe sandbox goes on until Ctrl-C. Send it mail at the addresses above: a connection from this\nmachine is one from 127.0.0.1 to the relay.")
		for {
			select {
			case got := <-w.Arrivals():
				a.arrived(got, "")
			case err := <-ended:
				return err
			case <-ctx.Done():
				return finish(nil)
			}
		}
	}
	return finish(nil)
}

// arrived shows where a message arrived and by what way, and its header.
func (a *app) arrived(got sandbox.Arrival, by string) {
	fmt.Fprintf(a.ui.Out, "The message arrived at %s (%s) for <%s>, %s%s.\n",
		got.Host, got.Address, strings.Join(got.To, ">, <"), by, secured(got.TLS))
	for line := range strings.Lines(string(got.Message)) {
		if line == "\r\n" {
			break
		}
		a.ui.Progress("   | %s", strings.TrimRight(line, "\r\n"))
	}
}

// settled reports whether a plan has nothing to do and nothing unknown.
func settled(p *plan.Plan) bool {
	open := slices.ContainsFunc(p.Changes, func(c plan.Change) bool { return c.Action == plan.Inconclusive })
	return p.Empty() && !open && len(p.Drift) == 0
}

// ready waits until the relay has reported that it listens.
func (a *app) ready(ctx context.Context, store state.Store, ended chan error) error {
	deadline := time.Now().Add(sandboxWait)
	for time.Now().Before(deadline) {
		nodes, err := store.Nodes(ctx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(nodes, func(n state.Node) bool { return len(n.Listeners) > 0 }) {
			return nil
		}
		select {
		case err := <-ended:
			ended <- nil
			return err
		default:
		}
		if err := a.world.sleep(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("the relay did not listen within %s", sandboxWait)
}

// letter sends l in and waits for it to arrive.
func (a *app) letter(ctx context.Context, w *sandbox.World, l sandbox.Letter) error {
	ctx, cancel := context.WithTimeout(ctx, sandboxWait)
	defer cancel()
	a.heading("A message from %s, <%s>, to <%s>:", l.Client, l.From, l.To)
	for _, b := range l.Because {
		a.ui.Progress("   %s", b)
	}
	in, err := w.Send(ctx, l)
	if err != nil {
		return fmt.Errorf("the relay did not take the message: %w", err)
	}
	a.ui.Progress("   in:  taken by %s, %s", l.Verdict.Connector.Block.Addr(), secured(in))
	select {
	case got := <-w.Arrivals():
		a.arrived(got, fmt.Sprintf("by %s, ", l.Verdict.Route.Connector.Addr()))
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the message was taken but did not arrive within %s", sandboxWait)
	}
}

func secured(version string) string {
	if version == "" {
		return "without TLS"
	}
	return version
}

// entering writes a zone of the sandbox as a person does.
type entering struct{ world *sandbox.World }

// Write implements dns.Writer.
func (e entering) Write(_ context.Context, _ *schema.Zone, changes []plan.SetChange) error {
	for _, c := range changes {
		if err := e.world.Enter(c); err != nil {
			return err
		}
	}
	return nil
}

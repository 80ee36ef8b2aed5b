package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"github.com/mailrelay/mailrelay/apply"
	"github.com/mailrelay/mailrelay/apply/dns"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/render"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
)

func (a *app) applyCommand() *cli.Command {
	o := applyOptions{parallel: 10, wait: 2 * time.Minute}
	return &cli.Command{
		Name:        "apply",
		Usage:       "make it so",
		UsageText:   "mailrelay [-chdir=DIR] apply [flags] [PLANFILE]",
		Description: "Makes a saved plan so, or plans, shows the plan and asks. Writes DNS with the\nplan's evidence as prerequisites: what changed since then is never overwritten.\nThen it stays, for up to -wait=DURATION: until every name server shows what was\nwritten, and for pending steps whose time comes meanwhile. -wait=0 ends at once.\n\nExample:\n\n  mailrelay plan -out=change.plan && mailrelay apply change.plan",
		Flags: append(append(a.configFlags(), a.stateFlag()), append(a.scopeFlags(),
			&cli.BoolFlag{Name: "auto-approve", Usage: "do not ask", Destination: &o.approve},
			&cli.BoolFlag{Name: "detailed-exitcode", Usage: "exit with 2 when something is left to do", Destination: &o.detailed},
			&cli.GenericFlag{Name: "lock-timeout", Usage: "wait for `DURATION` if another apply runs", Value: duration{&o.lock}},
			&cli.GenericFlag{Name: "parallelism", Usage: "write `N` zones at a time [10]", Value: number[int]{&o.parallel, 1, "4"}},
			&cli.GenericFlag{Name: "wait", Usage: "stay up to `DURATION` until all servers show what was written [2m]", Value: duration{&o.wait}},
			a.inputFlag(),
		)...),
		Action: func(ctx context.Context, c *cli.Command) error {
			a.begin()
			patient()
			if c.NArg() > 1 {
				return fmt.Errorf("apply takes one plan file, and %d arguments were given", c.NArg())
			}
			if file := c.Args().First(); file != "" {
				if a.scope.given() {
					return errScopedFile
				}
				return a.applyFile(ctx, file, o)
			}
			return a.applyNow(ctx, o)
		},
	}
}

type applyOptions struct {
	approve, detailed bool
	lock, wait        time.Duration
	parallel          int
}

// applyNow plans, asks and applies.
func (a *app) applyNow(ctx context.Context, o applyOptions) error {
	if a.state == "none" {
		return errors.New("-state=none is for plan alone: apply records what it does, so give it a state directory")
	}
	p, store, err := a.makePlan(ctx)
	if err != nil {
		return err
	}
	m, err := render.NewModel(p)
	if err != nil {
		return err
	}
	if err := render.Text(a.ui.Out, m, render.Style{Color: a.ui.Color}); err != nil {
		return err
	}
	if p.Refused() {
		a.ui.Error("The plan is refused", "It carries findings of severity error, which are shown above. Nothing was applied.")
		return exit{exitRefused}
	}
	if !p.Empty() && !o.approve {
		ok, err := a.ui.Confirm("Do you want to perform these actions?", "mailrelay will perform the actions described above.")
		if err != nil {
			return err
		}
		if !ok {
			a.ui.Progress("Apply cancelled. Nothing was changed.")
			return exit{exitError}
		}
	}
	return a.apply(ctx, p, store, o)
}

// applyFile applies a saved plan. The plan is made again from what the file
// carries, so that nothing in it can have been edited away.
func (a *app) applyFile(ctx context.Context, file string, o applyOptions) error {
	raw, err := a.world.readFile(file)
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	m, err := render.Read(raw)
	if err != nil {
		return err
	}
	if m.Revision != nil {
		return fmt.Errorf("%s is what show prints of a revision, and no plan: make one with mailrelay plan -revision=%d -out=FILE to go back to it", file, m.Revision.Serial)
	}
	if m.Stateless {
		return errors.New("this plan was made with -state=none, which is for looking alone: make it again with the state")
	}
	if m.Timestamp.After(a.world.clock().Add(5 * time.Minute)) {
		return fmt.Errorf("the plan file says that it was made at %s, which is not yet: set this machine's clock, and make the plan again", m.Timestamp.Format(time.RFC3339))
	}
	c, err := revision.Config(m.Target)
	if err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	c.Moved = m.Moved
	store, err := a.store(c)
	if err != nil {
		return err
	}
	base, err := store.Current(ctx)
	if err != nil {
		return fmt.Errorf("reading the state: %w", err)
	}
	var current revision.Hash
	if base != nil {
		current = base.Hash
	}
	if current != m.Base {
		return a.stale(overtaken(m, base))
	}
	a.scope.Scope = m.Scope // of what is planned again, too
	p, err := m.Scope.Make(c, base, m.Evidence, m.Timestamp)
	if err != nil {
		return err
	}
	again, err := render.NewModel(p)
	if err != nil {
		return err
	}
	if was, is := mustJSON(m), mustJSON(again); was != is {
		return errors.New("the plan file does not say what follows from its own evidence: it was edited, or made by another version of mailrelay; make the plan again")
	}
	if p.Refused() {
		a.ui.Error("The plan is refused", "It carries findings of severity error. See mailrelay show "+file)
		return exit{exitRefused}
	}
	return a.apply(ctx, p, store, o)
}

func mustJSON(m *render.Model) string {
	raw, err := m.JSON()
	if err != nil {
		return "" // equal to nothing that was read
	}
	return string(raw)
}

// apply makes p so and says what was done.
func (a *app) apply(ctx context.Context, p *plan.Plan, store state.Store, o applyOptions) error {
	c, err := revision.Config(revision.Only(p.Target, "mailrelay"))
	if err != nil {
		return err
	}
	rfc2136 := dns.NewRFC2136(dns.Options{Dial: a.world.dial, Resolvers: a.resolvers(c), Secret: a.world.secret(a.dir), Clock: a.world.clock, Sleep: a.world.sleep})
	res, err := apply.Settle(ctx, p, apply.Options{
		Store: store,
		Writer: func(z *schema.Zone) dns.Writer {
			switch {
			case z.File != "":
				return a.world.zoneFiles(a.dir)
			case z.RFC2136 == nil:
				return nil
			}
			return rfc2136
		},
		Observe: a.observer(c).RRsets,
		Clock:   a.world.clock, Sleep: a.world.sleep, Who: a.who("apply"),
		LockTimeout: o.lock, NodeTimeout: 30 * time.Second, Parallel: o.parallel,
		Wait: o.wait, Replan: func(ctx context.Context) (*plan.Plan, error) { return a.replan(ctx, p, store) },
		Event: func(e apply.Event) { a.event(e) },
	})
	var stale *apply.StaleError
	switch {
	case errors.As(err, &stale):
		return a.stale(err)
	case err != nil:
		return stop(ctx, err)
	}
	return a.done(p, res, o)
}

// replan makes p again, of what it asked for.
func (a *app) replan(ctx context.Context, p *plan.Plan, store state.Store) (*plan.Plan, error) {
	c, err := revision.Config(p.Target)
	if err != nil {
		return nil, err
	}
	base, err := store.Current(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the state: %w", err)
	}
	return a.planOf(ctx, c, store, base)
}

func (a *app) event(e apply.Event) {
	switch {
	case e.Err != nil: // the error that ends the command says it
	case e.Addr.IsZero():
		a.ui.Progress("%s", e.Text)
	default:
		a.ui.Progress("%s: %s", e.Addr, e.Text)
	}
}

// overtaken says by what a plan was overtaken: the current revision is not the one
// it was made from.
func overtaken(m *render.Model, current *revision.Revision) error {
	if current == nil {
		return fmt.Errorf("the plan was made from revision %d, and the state is empty", m.BaseSerial)
	}
	done := ""
	if revision.ConfigHash(current.Target) == m.Config {
		done = "; it holds what the plan asks for, so the plan has been applied already"
	}
	return fmt.Errorf("the plan was made from revision %d, and revision %d was applied since by %s at %s%s",
		m.BaseSerial, current.Serial, current.By, current.Applied.UTC().Format(time.RFC3339), done)
}

// stale says that the world moved since the plan.
func (a *app) stale(err error) error {
	a.ui.Error("The plan is stale", err.Error()+".\n\nWhat moved was not overwritten. Make the plan again, and review it again.")
	return exit{exitStale}
}

// done says what was done and what is left.
func (a *app) done(p *plan.Plan, res *apply.Result, o applyOptions) error {
	n := p.Counts()
	byHand := plan.ByHand(res.Manual)
	waits := map[schema.Addr]bool{}
	for _, c := range res.Pending {
		waits[c.Addr] = true
	}
	for _, c := range p.Changes {
		by := 0
		switch left := byHand[c.Addr] || waits[c.Addr]; {
		case c.Pending && !left && !strings.HasPrefix(c.Addr.Part, "retained"): // what keeps a block in force is none
			by = 1 // its time came while apply stayed
		case !c.Pending && left:
			by = -1
		}
		switch c.Action {
		case plan.Create:
			n.Add += by
		case plan.Update:
			n.Change += by
		case plan.Delete:
			n.Destroy += by
		}
	}
	var imported string
	if n.Import > 0 {
		imported = fmt.Sprintf("%d imported, ", n.Import)
	}
	fmt.Fprintf(a.ui.Out, "\nApply complete! Resources: %s%d added, %d changed, %d destroyed.\n", imported, n.Add, n.Change, n.Destroy)
	open := 0
	for _, c := range p.Changes {
		if c.Action == plan.Inconclusive {
			open++
		}
	}
	left := res.Behind != nil || len(byHand) > 0 || open > 0
	if n := len(byHand); n > 0 {
		a.ui.Progress("Waiting for a person, in zones that mailrelay does not write: %s. Make the changes there that mailrelay plan shows, then run apply again.", several(n, "change"))
	}
	if open > 0 {
		a.ui.Progress("Left as it is, since nothing can be said about it: %s. Run apply again when every name server answers.", several(open, "object"))
	}
	if p.Scope.Targets != nil {
		a.ui.Warning("Applied changes may be incomplete", "The plan was created with the -target option in effect, so some changes requested in the configuration may have been ignored. Run mailrelay plan without it to see whether anything is left.")
	}
	if res.Behind != nil {
		a.ui.Warning("Relay nodes are behind", res.Behind.Error()+".")
	}
	if err := a.waited(res, o); err != nil {
		return err
	}
	left = a.unverified(res) || left || len(res.Lagging)+len(res.Later) > 0 || len(res.Meanwhile) > 0
	left = a.pending(res) || left
	if left && o.detailed {
		return exit{exitNotConverged}
	}
	return nil
}

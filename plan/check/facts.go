package check

import (
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// Answer is what DNS answers about a name, at the end of its aliases.
type Answer struct {
	Set     *rr.Set   // nil: nothing of the type
	Through []rr.Data // the aliases that led there
	Open    bool      // nobody knows; the rest means nothing then
}

// Lookup answers what stands at a key for who asks in a zone; the zero address is the
// world. It must give the same answer every time.
type Lookup func(from schema.Addr, k rr.Key) Answer

// Write is one RRset that a plan changes.
type Write struct {
	Addrs         []schema.Addr // the blocks that it is of
	Zone          schema.Addr
	Key           rr.Key
	Before, After *rr.Set // nil: nothing
}

// Tally counts the records of a zone that are ours, and those of them that go.
type Tally struct{ Had, Gone int }

// Facts are what is known beside a configuration. Where nothing is known, nothing is
// found.
type Facts struct {
	Before *schema.Config // what is in force; nil: nothing, or of no interest
	// Now is what is answered, and Then what will be once the plan is applied.
	Now, Then Lookup
	Writes    []Write
	Records   map[schema.Addr]Tally  // by zone
	Unmet     map[schema.Addr]string // expectations that stay unmet once the plan is applied, and why
	Files     Files
}

// World finds all that Config does, and what the facts tell besides, at the time now,
// sorted. The error is that of decide.Compile.
func World(c *schema.Config, f Facts, now time.Time) ([]Finding, error) {
	i, err := inspect(c, now)
	if err != nil {
		return nil, err
	}
	i.alone()
	i.facts = f
	i.world()
	i.leftovers()
	i.widening()
	i.deletions()
	Sort(i.found)
	return i.found, nil
}

// world is what DNS and files tell, as far as it is worth asking for.
func (i *inspection) world() {
	i.exchangers()
	i.stages()
	i.loops()
	i.egress()
	i.senders()
	i.dmarc()
	i.signatures()
	i.certificates()
	i.autodiscover()
}

// Questions asks for what World has to know of DNS. One may be asked again and again:
// answers lead to further questions.
type Questions struct{ i *inspection }

// NewQuestions begins. The error is that of decide.Compile.
func NewQuestions(c *schema.Config, files Files, now time.Time) (*Questions, error) {
	i, err := inspect(c, now)
	if err != nil {
		return nil, err
	}
	i.facts = Facts{Files: files}
	return &Questions{i}, nil
}

// Ask looks up all that World would, with the answers known so far.
func (q *Questions) Ask(l Lookup) {
	q.i.found = nil
	q.i.facts.Now, q.i.facts.Then = l, l
	q.i.world()
}

// is is what is answered at a key.
func (i *inspection) is(from schema.Addr, name, typ string) Answer {
	return i.facts.Now(from, rr.Key{Name: name, Type: typ})
}

// will is what will be answered at a key once the plan is applied.
func (i *inspection) will(from schema.Addr, name, typ string) Answer {
	return i.facts.Then(from, rr.Key{Name: name, Type: typ})
}

// block gives a block to find something of: the first of addrs that there is, else b.
// The part behind an address is a block's own.
func (i *inspection) block(addrs []schema.Addr, b schema.Block) schema.Block {
	for _, a := range addrs {
		a.Part = ""
		if x := i.config.Block(a); x != nil {
			return x
		}
	}
	return b
}

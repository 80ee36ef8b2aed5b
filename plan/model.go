// Package plan compares a configuration with what was applied and with what was
// seen, and says what would change. Make is pure: it asks nobody and reads no
// clock.
package plan

import (
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/plan/reach"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// Observation is what one name server said about one RRset, at one time.
type Observation struct {
	Zone   schema.Addr `json:"zone,omitzero"` // zero for a name outside every zone of the configuration
	Key    rr.Key      `json:"key"`
	Source string      `json:"source"` // the server: "ns1.contoso.com. (192.0.2.53:53)"
	At     time.Time   `json:"at"`
	// Set is the RRset, nil if there is none. The owner is Key.Name even where a
	// wildcard answered.
	Set *rr.Set `json:"set,omitempty"`
	// Wire is the data of Set as read, hex, in the order of Set.Data.
	Wire []string `json:"wire,omitempty"`
	// CNAME is where the name points if it is an alias and Key.Type is not CNAME.
	CNAME rr.Data `json:"cname,omitempty"`
	// Wildcard is true if a wildcard gave Set or CNAME, and nothing stands at the
	// name itself. It is not looked for where the RRset is ours already.
	Wildcard bool `json:"wildcard,omitempty"`
	// Through are all the aliases that a resolver followed, CNAME first; Set is what
	// stands at the end. Authoritative servers are not followed.
	Through []rr.Data `json:"through,omitempty"`
	// Serial is that of the zone's SOA on this server, asked for where servers
	// disagree; zero: not asked, or not known.
	Serial uint32 `json:"serial,omitempty"`
	// Negative is for how many seconds a resolver may go on to say that there is
	// none. What it holds of a Set is the TTL of that. Of what authoritative servers
	// say, it is noted of an MX alone.
	Negative uint32 `json:"negative_ttl,omitempty"`
	// Code says how the server answered, if not with records: NODATA and NXDOMAIN
	// are certain knowledge; with Err it is an RCODE such as SERVFAIL or REFUSED, or
	// one of the Code constants.
	Code string `json:"code,omitempty"`
	// Err says why the server could not be asked; the rest means nothing then.
	Err string `json:"error,omitempty"`
}

// Codes of observations, beside the names of DNS's own RCODEs.
const (
	NoData      = "NODATA"      // the name exists, and has nothing of that type
	NoName      = "NXDOMAIN"    // the name does not exist
	Silent      = "SILENT"      // no answer came
	Garbage     = "GARBAGE"     // what came is no DNS message
	Unreachable = "UNREACHABLE" // this machine has no way to the address
	Lame        = "LAME"        // the server is not authoritative for the zone
	Delegated   = "DELEGATED"   // the name lies in a zone of its own
	Looped      = "LOOPED"      // aliases lead in a circle
	Lost        = "LOST"        // the server has no address, or the zone no servers
)

// Node is what a relay node says of itself.
type Node struct {
	Name     string        `json:"name"`
	Revision revision.Hash `json:"revision"`
	Serial   uint64        `json:"serial"`
	Live     bool          `json:"live"`            // its last report is recent
	Gone     bool          `json:"gone,omitempty"`  // it ended without a word
	Error    string        `json:"error,omitempty"` // why it refused the current revision
	Relay    string        `json:"relay,omitempty"` // which it is; empty: it has run nothing yet
	// Queued are the domains with the most messages in its queue.
	Queued []Queued `json:"queued,omitempty"`
}

// Queued is how many messages wait for recipients of a domain.
type Queued struct {
	Domain   string `json:"domain"`
	Messages int    `json:"messages"`
}

// Seen is everything a plan looked at.
type Seen struct {
	RRsets []Observation `json:"rrsets"`
	Nodes  []Node        `json:"nodes,omitempty"`
	// Remarks are sentences on how the looking went that concern no single RRset.
	Remarks []string `json:"remarks,omitempty"`
	// Lineage, where nothing was applied yet, is what the state will bear: tokens
	// are made of it. Empty where there is a base, and where nothing will be applied.
	Lineage string `json:"lineage,omitempty"`
	// Files are what was read of the files that the configuration names.
	Files check.Files `json:"files,omitzero"`
}

// Action is what happens to an object. It is its own symbol.
type Action rune

// What Before and After of a Change mean for each action:
//
//	action        before                  after
//	Create        null                    what will be there
//	Update        what is there           what will be there
//	Delete        what is there           null
//	Import        what is there           the same: it becomes ours without a write
//	NoOp          what is there           the same: only its address is another
//	Inconclusive  null                    what is wanted; nothing will be done
const (
	Create       Action = '+'
	Update       Action = '~'
	Delete       Action = '-'
	Import       Action = '<'
	NoOp         Action = ' '
	Inconclusive Action = '?'
)

// Change is one object that does, or does not, become something else. Values of
// the relay's blocks are their canonical values. The value of a record is an
// object of zone, name (full), type, ttl and values.
type Change struct {
	Addr     schema.Addr
	PrevAddr schema.Addr // the address it had, if it moved; else zero
	Action   Action
	Before   cty.Value // cty.NilVal and null both mean nothing
	After    cty.Value
	Foreign  int    // how many values of others stand in the same RRset, untouched
	Why      string // why it is inconclusive or must wait, or what a reader should know
	Decl     hcl.Range
	// Meaning is what the change of a policy in a TXT record means to receivers, by
	// the whole RRset that the record is in.
	Meaning []policy.Difference
	// Held: the change, or what it takes away, waits until caches have forgotten an
	// answer that leads mail to what stands now.
	Held      bool
	NotBefore time.Time     // of what is held: the earliest time; zero: not known
	Needs     []schema.Addr // records that must be seen at all their servers before the time counts
	// Pending: an earlier apply has recorded the change, and it still waits. It is
	// not counted.
	Pending bool
	Answers []Observation // what each server said, where several leave it open
}

// Key is the RRset that the change of a record is about; zero for other blocks.
func (c Change) Key() rr.Key {
	v := c.After
	if v == cty.NilVal || v.IsNull() {
		v = c.Before
	}
	if v == cty.NilVal || v.IsNull() || !v.Type().HasAttribute("zone") || !v.Type().HasAttribute("values") {
		return rr.Key{}
	}
	return rr.Key{Name: v.GetAttr("name").AsString(), Type: v.GetAttr("type").AsString()}
}

// SetChange is one RRset that apply writes, with the evidence that the write
// depends on.
type SetChange struct {
	Addrs  []schema.Addr    `json:"addresses"`
	Zone   schema.Addr      `json:"zone"`
	Key    rr.Key           `json:"key"`
	Before *rr.Set          `json:"before,omitempty"` // the whole RRset as seen; nil: absent
	Wire   []string         `json:"wire,omitempty"`   // Before as read, in the order of its data
	After  *rr.Set          `json:"after,omitempty"`  // the whole RRset; nil: it goes
	Owned  []revision.Owned `json:"owned,omitempty"`  // what is ours of After
	Manual bool             `json:"manual,omitempty"` // a person writes this zone
	// File is the master file that is edited, if it is written in that way.
	File string `json:"file,omitempty"`
	// Unseen means that an apply has written it, and no name server shows it yet.
	Unseen bool `json:"unseen,omitempty"`
}

// ByHand are the addresses of the blocks to which changes belong that a person has to
// enter.
func ByHand(sets []SetChange) map[schema.Addr]bool {
	out := map[schema.Addr]bool{}
	for _, s := range sets {
		for _, a := range s.Addrs {
			if s.Manual {
				out[a] = true
			}
		}
	}
	return out
}

// Evidence is an RRset that a plan relies on and does not touch: it takes something
// away because mail does not follow the RRset here.
type Evidence struct {
	Zone schema.Addr `json:"zone"`
	Key  rr.Key      `json:"key"`
	Set  *rr.Set     `json:"set,omitempty"` // as seen; nil: absent
}

// Status of an expectation.
const (
	Met   = "met"
	Unmet = "unmet"
	Open  = "inconclusive"
)

// Expectation is something that others must write.
type Expectation struct {
	Addr   schema.Addr
	Status string
	Want   rr.Set
	Absent bool
	// Contains is, instead of Want, a term that the one SPF record must hold.
	Contains string
	Got      *rr.Set       // nil: absent, or not known
	Why      string        // a sentence, unless met
	Answers  []Observation // what each server said, where several leave it open
	Through  []rr.Data     // the aliases that were followed to Got
	MetBy    []schema.Addr // the records that this plan writes, after which it is met
	Decl     hcl.Range
}

// Finding is something that a reviewer should know.
type Finding = check.Finding

// Plan is what would change, and all that a reviewer and apply need to know.
type Plan struct {
	Base          revision.Hash // of the revision it was made from; empty: none
	Serial        uint64        // of that revision
	Config        revision.Hash // of the configuration's meaning
	Made          time.Time
	Scope         Scope
	Target        []revision.Object // the configuration itself
	Former        []revision.Object // zones of the base that the target has no more, or under another name
	Moved         []schema.Moved    // instances of the base that have another address now
	Changes       []Change          // sorted by address; what stays as it is, is not listed
	Drift         []Change          // what is ours and was changed by others: Before is ours, After what was seen
	Sets          []SetChange       // sorted by zone and key
	Relied        []Evidence        // what leads mail, where the plan takes away what could take it; sorted by zone and key
	Adopted       []revision.Owned  // becomes ours without a write
	Settled       []revision.Owned  // what is ours now, as far as it is known
	Unsettled     []revision.Step   // of the base's intent: it is not known whether they were written
	Disowned      []revision.Owned  // ours no more, and nothing to write: it is gone, or another block's
	Expectations  []Expectation
	Proofs        []revision.Proof    // of the ownership of domains once this is applied
	Verifications []Verification      // of the domains that ask for a proof
	Stages        []revision.Entered  // the stage of each domain once this is applied
	Entering      []schema.Addr       // domains whose stage begins only once others of their records have been seen
	Awaited       []revision.Awaited  // the expectations that stay unmet, and since when
	Switched      []revision.Switched // what caches may answer as it was, once this is applied
	Retained      []revision.Retained // what stays in force beside the target until that is over
	Pending       []revision.Step     // of DNS, what waits for the same
	Manual        []revision.Step     // of DNS, what waits for a person
	Findings      []Finding
	Reach         reach.Diff // what changes for the mail once all of this is done, against what is in force
	Behind        []Node     // live nodes that run another revision
	Gone          []Node     // nodes that ended without a word
	Seen          Seen
	Stateless     bool // made with -state=none: compared with live DNS alone

	unsure  []revision.Switched // RRsets that lead mail nobody knows where
	leading []leading           // RRsets that lead mail, and how they stand
}

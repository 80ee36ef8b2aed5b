// Package render shows a plan: as JSON in the shape of Terraform's plan, and from
// that JSON alone as text. What is shown in one form cannot differ from another.
package render

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/zclconf/go-cty/cty"
	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/reach"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// FormatVersion is the version of the JSON form. A change of the number before
// the dot breaks readers.
const FormatVersion = "1.0"

// Model is a plan as it is written to a file, and as everything is shown from it.
type Model struct {
	FormatVersion string        `json:"format_version"`
	Timestamp     time.Time     `json:"timestamp"`
	Base          revision.Hash `json:"base_revision"`
	BaseSerial    uint64        `json:"base_serial"`
	Config        revision.Hash `json:"configuration"`
	// Revision is what is shown, if it is no plan but what was applied.
	Revision        *Applied         `json:"revision,omitempty"`
	Stateless       bool             `json:"stateless,omitempty"`
	Scope           plan.Scope       `json:"scope,omitzero"`
	Errored         bool             `json:"errored"`
	Converged       bool             `json:"converged"`
	ResourceChanges []ResourceChange `json:"resource_changes"`
	ResourceDrift   []ResourceChange `json:"resource_drift"`
	Inconclusive    []Open           `json:"inconclusive"`
	Pending         []Pending        `json:"pending"`
	Checks          []Check          `json:"checks"`
	Verifications   []Verification   `json:"verifications"`
	Reach           reach.Diff       `json:"reach"` // what changes for the mail
	Findings        []plan.Finding   `json:"findings"`
	DNSChanges      []plan.SetChange `json:"dns_changes"`
	ReliedOn        []plan.Evidence  `json:"relied_on"` // what leads mail, where the plan takes away what could take it
	Manual          []ByHand         `json:"manual"`    // what people have to enter
	NodesBehind     []plan.Node      `json:"nodes_behind"`
	NodesGone       []plan.Node      `json:"nodes_gone"`
	Summary         Summary          `json:"summary"`

	// What the plan was made from, so that apply can make it again.
	Target   []revision.Object `json:"target"`
	Moved    []schema.Moved    `json:"moved,omitempty"`
	Evidence plan.Seen         `json:"evidence"`
}

// ResourceChange is one object in Terraform's shape.
type ResourceChange struct {
	Address         string `json:"address"`
	PreviousAddress string `json:"previous_address,omitempty"` // it moved from there
	Type            string `json:"type"`
	Name            string `json:"name"`
	Index           string `json:"index,omitempty"`
	Change          Change `json:"change"`
	Foreign         int    `json:"foreign_values,omitempty"` // of others in the same RRset, untouched
	Note            string `json:"note,omitempty"`
	Decl            string `json:"declared,omitempty"` // file:line
	// Meaning is what the change of a policy means to receivers.
	Meaning []policy.Difference `json:"meaning,omitempty"`
	// Held: the change, or what it takes away, waits; Note says why.
	Held      bool      `json:"held,omitempty"`
	NotBefore time.Time `json:"not_before,omitzero"` // the earliest time; absent: not known
	Needs     []string  `json:"needs,omitempty"`     // records that must be seen at all their servers first
}

// Change says what is before and after. What is adopted has the actions
// ["no-op"] and Importing, as in Terraform.
type Change struct {
	Actions   []string        `json:"actions"`
	Before    json.RawMessage `json:"before"`
	After     json.RawMessage `json:"after"`
	Importing *Importing      `json:"importing,omitempty"`
}

// Importing names what is adopted.
type Importing struct {
	ID string `json:"id"`
}

// Open is an object of which nothing certain is known.
type Open struct {
	Address string `json:"address"`
	Reason  string `json:"reason"`
	// Answers are what each server said, if several leave it open.
	Answers []Answer `json:"answers,omitempty"`
}

// Answer is what one server said of an RRset.
type Answer struct {
	Server string  `json:"server"`
	Text   string  `json:"text"` // all of the below in words
	Set    *rr.Set `json:"set"`  // null: there is none, or Error says why it is not known
	Alias  rr.Data `json:"alias,omitempty"`
	Code   string  `json:"code,omitempty"`
	Serial uint32  `json:"serial,omitempty"` // of the zone, on this server
	Error  string  `json:"error,omitempty"`
}

func answers(obs []plan.Observation) []Answer {
	var out []Answer
	for _, o := range obs {
		out = append(out, Answer{Server: o.Source, Text: o.Words(), Set: o.Set, Alias: o.CNAME, Code: o.Code, Serial: o.Serial, Error: o.Err})
	}
	return out
}

// Check is an expectation in Terraform's shape: status is pass, fail or unknown.
type Check struct {
	Address CheckAddress `json:"address"`
	Status  string       `json:"status"`
	Problem string       `json:"problem,omitempty"`
	Want    *rr.Set      `json:"want"` // null: nothing may be there, or Contains says more
	// Contains is a term that the one SPF record must hold.
	Contains string  `json:"contains,omitempty"`
	Got      *rr.Set `json:"got"`
	// Through are the aliases that led to Got.
	Through []rr.Data `json:"through,omitempty"`
	// MetBy are the records that this plan writes, after which it is met.
	MetBy   []string `json:"met_by,omitempty"`
	Answers []Answer `json:"answers,omitempty"`
}

// CheckAddress names what is checked.
type CheckAddress struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	ToDisplay string `json:"to_display"`
}

// Summary are the numbers of the two closing lines.
type Summary struct {
	Import            int `json:"import"`
	Add               int `json:"add"`
	Change            int `json:"change"`
	Remove            int `json:"remove"`
	Met               int `json:"met"`
	Unmet             int `json:"unmet"`
	InconclusiveCheck int `json:"inconclusive"`
}

// NewModel makes the model of a plan.
func NewModel(p *plan.Plan) (*Model, error) {
	m := &Model{
		FormatVersion: FormatVersion, Timestamp: p.Made, Base: p.Base, BaseSerial: p.Serial, Config: p.Config,
		Stateless: p.Stateless, Scope: p.Scope, Errored: p.Refused(), Converged: p.Converged(),
		ResourceChanges: []ResourceChange{}, ResourceDrift: []ResourceChange{}, Inconclusive: []Open{}, Pending: []Pending{}, Checks: []Check{}, Verifications: []Verification{},
		Reach: reach.Diff{Lines: append([]reach.Line{}, p.Reach.Lines...)}, Findings: append([]plan.Finding{}, p.Findings...), DNSChanges: append([]plan.SetChange{}, p.Sets...), ReliedOn: append([]plan.Evidence{}, p.Relied...), NodesBehind: append([]plan.Node{}, p.Behind...), NodesGone: append([]plan.Node{}, p.Gone...),
		Target: p.Target, Moved: p.Moved, Evidence: p.Seen,
	}
	var err error
	if m.Manual, err = byHand(p); err != nil {
		return nil, err
	}
	notes := writing(p)
	for _, c := range p.Changes {
		if c.Action == plan.Inconclusive {
			m.Inconclusive = append(m.Inconclusive, Open{c.Addr.String(), c.Why, answers(c.Answers)})
			continue
		}
		if c.Pending {
			m.Pending = append(m.Pending, pending(c))
			continue
		}
		rc, err := resource(c)
		if err != nil {
			return nil, err
		}
		if note := notes[c.Addr]; note != "" && c.Action != plan.Import && c.Action != plan.NoOp && !c.Held {
			rc.Note = also(rc.Note, note)
		}
		m.ResourceChanges = append(m.ResourceChanges, rc)
	}
	for _, c := range p.Drift {
		rc, err := resource(c)
		if err != nil {
			return nil, err
		}
		m.ResourceDrift = append(m.ResourceDrift, rc)
	}
	for _, v := range p.Verifications {
		m.Verifications = append(m.Verifications, verification(v))
	}
	n := p.Counts()
	m.Summary = Summary{Import: n.Import, Add: n.Add, Change: n.Change, Remove: n.Destroy}
	for _, e := range p.Expectations {
		m.Checks = append(m.Checks, expectation(e))
		switch e.Status {
		case plan.Met:
			m.Summary.Met++
		case plan.Unmet:
			m.Summary.Unmet++
		default:
			m.Summary.InconclusiveCheck++
		}
	}
	return m, nil
}

// also joins two notes, of which the first may be empty.
func also(note, more string) string {
	if note == "" {
		return more
	}
	return note + "; " + more
}

func checkAddress(a schema.Addr) CheckAddress {
	name := a.Name
	if a.Key != "" {
		name += fmt.Sprintf("[%q]", a.Key)
	}
	return CheckAddress{Kind: a.Type, Name: name, ToDisplay: a.String()}
}

func expectation(e plan.Expectation) Check {
	c := Check{Address: checkAddress(e.Addr), Problem: e.Why, Contains: e.Contains, Got: e.Got, Through: e.Through, Answers: answers(e.Answers)}
	for _, a := range e.MetBy {
		c.MetBy = append(c.MetBy, a.String())
	}
	if !e.Absent && e.Contains == "" {
		c.Want = &e.Want
	}
	c.Status = map[string]string{plan.Met: "pass", plan.Unmet: "fail", plan.Open: "unknown"}[e.Status]
	return c
}

func resource(c plan.Change) (ResourceChange, error) {
	before, err := marshal(c.Before)
	if err != nil {
		return ResourceChange{}, fmt.Errorf("%s: %w", c.Addr, err)
	}
	after, err := marshal(c.After)
	if err != nil {
		return ResourceChange{}, fmt.Errorf("%s: %w", c.Addr, err)
	}
	rc := ResourceChange{
		Address: c.Addr.String(), PreviousAddress: c.PrevAddr.String(), Type: c.Addr.Type, Name: c.Addr.Name, Index: c.Addr.Key,
		Change: Change{Actions: actions(c.Action), Before: before, After: after}, Foreign: c.Foreign, Note: c.Why, Decl: schema.Place(c.Decl),
		Meaning: c.Meaning, Held: c.Held, NotBefore: c.NotBefore, Needs: addresses(c.Needs),
	}
	if c.Key().Name != "" {
		rc.Type = "record" // also of what another block implies
	}
	if c.Action == plan.Import {
		o := c.After.AsValueMap()
		rc.Change.Importing = &Importing{o["name"].AsString() + " " + o["type"].AsString()}
	}
	return rc, nil
}

func actions(a plan.Action) []string {
	switch a {
	case plan.Create:
		return []string{"create"}
	case plan.Update:
		return []string{"update"}
	case plan.Delete:
		return []string{"delete"}
	}
	return []string{"no-op"}
}

// marshal gives the JSON of a value; nothing is null.
func marshal(v cty.Value) (json.RawMessage, error) {
	if v == cty.NilVal || v.IsNull() {
		return json.RawMessage("null"), nil
	}
	return ctyjson.Marshal(v, v.Type())
}

// JSON writes the model as it stands in a plan file.
func (m *Model) JSON() ([]byte, error) {
	raw, err := json.MarshalIndent(m, "", "  ")
	return append(raw, '\n'), err
}

// Read reads a plan file. A form that this version does not know is an error.
func Read(raw []byte) (*Model, error) {
	var m Model
	if err := json.Unmarshal(raw, &m); err != nil {
		return nil, fmt.Errorf("this is not a plan file: %w; make one with mailrelay plan -out=FILE", err)
	}
	if m.FormatVersion != FormatVersion {
		return nil, fmt.Errorf("the plan file has format %q and this version of mailrelay reads %q: make the plan again", m.FormatVersion, FormatVersion)
	}
	return &m, nil
}

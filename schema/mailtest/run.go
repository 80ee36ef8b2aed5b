package mailtest

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// Result is what became of a test.
type Result struct {
	Test     *Test
	Verdict  decide.Verdict
	Because  []decide.Because
	Failures []Failure // nil: it passed
}

// Failure is an assertion that does not hold, or an input that no client can have.
type Failure struct {
	Assertion string `json:"assertion"` // the attribute of the test
	Want      string `json:"want"`
	Got       string `json:"got"`
}

// Run asks p about the message. The test must have been settled, without problems,
// against the configuration of p. now is when the message comes if the test does
// not say.
func (t *Test) Run(p *decide.Policy, now time.Time) Result {
	c := decide.Client{
		Relay: t.Relay, Remote: t.Client, TLS: t.secure(), User: t.User,
		Partner: t.Certificate != nil, Names: t.Certificate, At: t.At,
	}
	if c.At.IsZero() {
		c.At = now
	}
	if path, ok := strings.CutPrefix(t.Binding, "unix:"); ok {
		c.Unix = path
	} else if local, err := netip.ParseAddrPort(t.Binding); err == nil {
		c.Local = local
	}
	r := Result{Test: t}
	r.Verdict, r.Because = p.ExplainSize(c, t.From, t.To, t.Size)
	r.possible(c)
	r.compare()
	return r
}

func (r *Result) fail(assertion, want, got string) {
	r.Failures = append(r.Failures, Failure{assertion, want, got})
}

// possible finds a client that the receive connector never has: what is decided
// about one says nothing.
func (r *Result) possible(c decide.Client) {
	if r.Verdict.Connector == nil {
		return
	}
	b := r.Verdict.Connector.Block
	lacks := r.Verdict.Connector.Lacks(c)
	if lacks&decide.NoTLS != 0 {
		r.fail("tls", "a client under TLS", fmt.Sprintf("none: %s offers no TLS, because its auth_mechanisms lack \"tls\"", b.Addr()))
	}
	switch {
	case lacks&decide.NoLogOn != 0:
		r.fail("user", "a client that has logged on", fmt.Sprintf("none: nobody can log on at %s, because its auth_mechanisms lack \"basic_auth\"", b.Addr()))
	case lacks&decide.LogOnNeedsTLS != 0:
		r.fail("user", "a client that has logged on", fmt.Sprintf("none: %s takes passwords under TLS alone; add tls = true to the test", b.Addr()))
	}
}

// compare holds the assertions against the verdict.
func (r *Result) compare() {
	w, v := r.Test.Want, r.Verdict
	if w.Accept != nil && *w.Accept != v.OK() {
		r.fail("accept", strconv.FormatBool(*w.Accept), strconv.FormatBool(v.OK()))
	}
	if w.Code != 0 && w.Code != v.Code {
		r.fail("code", strconv.Itoa(w.Code), strconv.Itoa(v.Code))
	}
	got := r.outcome()
	if !w.Connector.IsZero() && w.Connector.String() != got.Connector {
		r.fail("connector", w.Connector.String(), orElse(got.Connector, "none: no receive connector is meant for this client"))
	}
	nowhere := "none: the message is refused"
	if v.OK() {
		nowhere = "none: no send connector takes the message, and it waits in the queue"
	}
	if !w.Via.IsZero() && w.Via.String() != got.Via {
		r.fail("via", w.Via.String(), orElse(got.Via, nowhere))
	}
	if w.NextHop != "" && plainHost(w.NextHop) != plainHost(got.NextHop) {
		r.fail("next_hop", w.NextHop, orElse(got.NextHop, nowhere))
	}
	if !w.RewrittenTo.IsNull() && w.RewrittenTo != v.Rewritten {
		r.fail("rewritten_to", w.RewrittenTo.String(), orElse(got.RewrittenTo, nowhere))
	}
}

// Outcome is what a configuration makes of a message, in the words of the language.
type Outcome struct {
	Accepted    bool   `json:"accepted"`
	Code        int    `json:"code"`
	Enhanced    string `json:"enhanced_code"`
	Text        string `json:"text"`
	Connector   string `json:"connector,omitempty"`
	Via         string `json:"via,omitempty"`
	NextHop     string `json:"next_hop,omitempty"`
	RewrittenTo string `json:"rewritten_to,omitempty"`
}

func (r *Result) outcome() Outcome {
	v := r.Verdict
	o := Outcome{
		Accepted: v.OK(), Code: v.Code, Text: v.Text,
		Enhanced: fmt.Sprintf("%d.%d.%d", v.Enhanced[0], v.Enhanced[1], v.Enhanced[2]),
	}
	if v.Connector != nil {
		o.Connector = v.Connector.Block.Addr().String()
	}
	if v.Route != nil {
		o.Via, o.NextHop = v.Route.Connector.Addr().String(), v.Route.NextHop(v.Rewritten)
	}
	if v.OK() {
		o.RewrittenTo = v.Rewritten.String()
	}
	return o
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// plainHost is host[:port] without the port that is meant anyway.
func plainHost(s string) string {
	full, err := schema.CanonHostPort(s, 25)
	if err != nil {
		return s
	}
	return full
}

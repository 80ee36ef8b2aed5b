// Package probe sends a test message through a running relay and follows it.
//
// The message goes in as any client's does: by SMTP, to a listener of the relay,
// from an address of this machine, by the rights that clients there have. So it
// proves the listener, its TLS, the rights, the queue, the route and the next hop.
// It bears a token, by which the relay knows it again, and with it every answer:
// an answer refers to the message (In-Reply-To, References) or repeats its subject.
//
// A probe has passed when the next hop has taken the message and, with
// expect_reply, when an answer has come in for the sender. It has failed when that
// has not happened within its time, or cannot happen any more.
package probe

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/schema"
)

// Options is the world of a probe. Follow and Listeners are required.
type Options struct {
	// Follow gives the events of messages that bear the token, until ctx ends or the
	// relay does.
	Follow    func(ctx context.Context, token string) (<-chan journal.Event, error)
	Listeners []string // of the relay, address:port
	// Dial connects to a listener; nil: the system.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Progress gets a sentence about what happens or is awaited. Nil: nobody listens.
	Progress func(sentence string)
	Every    time.Duration // how often what is awaited is said; 0: 10 s
}

// Result is how a probe ended.
type Result struct {
	Probe   schema.Addr `json:"address"`
	Relay   schema.Addr `json:"relay"`
	From    string      `json:"from"`
	To      string      `json:"to"`
	ID      string      `json:"id,omitempty"` // queue id
	Passed  bool        `json:"passed"`
	Reason  string      `json:"reason,omitempty"` // why it has not passed, a sentence
	Seconds float64     `json:"seconds"`
	Hops    []Hop       `json:"hops"`
}

// Hop is one step of the way.
type Hop struct {
	Step      string      `json:"step"`              // submitted, delivered, answered
	Host      string      `json:"host,omitempty"`    // who took it; of an answer, who brought it
	Address   string      `json:"address,omitempty"` // of that
	Connector schema.Addr `json:"connector,omitzero"`
	TLS       string      `json:"tls,omitempty"` // version; empty: in clear
	Cipher    string      `json:"cipher,omitempty"`
	Verified  string      `json:"verified,omitempty"` // name for which the certificate was verified
	Answer    string      `json:"answer,omitempty"`
	Seconds   float64     `json:"seconds"` // since the beginning
}

// run is a probe under way.
type run struct {
	o        Options
	p        *schema.Probe
	from, to schema.Mailbox
	token    string
	began    time.Time
	until    time.Time
	result   Result

	delivered bool
	answer    string // queue id of an answer that comes in
	answered  bool
}

// Run runs p. It returns when p has passed or failed, or ctx ends.
func Run(ctx context.Context, o Options, p *schema.Probe) Result {
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Every == 0 {
		o.Every = 10 * time.Second
	}
	r := &run{o: o, p: p, token: rand.Text(), began: time.Now()}
	r.until = r.began.Add(p.Within)
	r.result = Result{Probe: p.Addr(), Relay: p.Relay, From: p.From, To: p.To, Hops: []Hop{}}
	err := r.all(ctx)
	r.result.Seconds = r.seconds()
	if err != nil {
		r.result.Reason = err.Error()
	}
	r.result.Passed = err == nil
	return r.result
}

func (r *run) seconds() float64 { return time.Since(r.began).Round(time.Millisecond).Seconds() }

func (r *run) all(ctx context.Context) (err error) {
	if r.from, err = schema.ParseMailbox(r.p.From); err != nil {
		return err
	}
	if r.to, err = schema.ParseMailbox(r.p.To); err != nil {
		return err
	}
	within, cancel := context.WithDeadline(ctx, r.until)
	defer cancel()
	events, err := r.o.Follow(within, r.token)
	if err != nil {
		return err
	}
	if err := r.submit(within); err != nil {
		return err
	}
	return r.await(ctx, within, events)
}

// submit hands the message in, at the first listener that takes it.
func (r *run) submit(ctx context.Context) error {
	host, err := os.Hostname()
	if err != nil || host == "" {
		host = "localhost"
	}
	why := errors.New("the relay listens on no TCP address, and a probe goes to one: add a binding like \"127.0.0.1:25\" to a receive_connector")
	var from netip.Addr
	for i, at := range doors(r.o.Listeners) {
		h, err := deliver.Hand(ctx, r.o.Dial, at, host, r.p.RequireTLS, r.from, r.to, r.message(host))
		if err == nil {
			r.hop(Hop{Step: "submitted", Host: r.p.Relay.String(), Address: at.String(), TLS: h.TLS, Cipher: h.Cipher, Answer: h.Answer})
			return nil
		}
		if from = h.Address; i == 0 {
			why = nil
		}
		why = errors.Join(why, fmt.Errorf("the relay did not take it at %s: %w", at, err))
	}
	if from.IsValid() {
		why = fmt.Errorf("%w. It comes in as from any client on this machine; mailrelay explain -client=%s -from=%s -to=%s tells what the rules are", why, from, r.p.From, r.p.To)
	}
	return why
}

// doors are the addresses at which listeners can be reached from here, loopback
// first.
func doors(listeners []string) (out []netip.AddrPort) {
	for _, l := range listeners {
		at, err := netip.ParseAddrPort(l)
		if err != nil {
			continue // a socket
		}
		if a := at.Addr(); a.IsUnspecified() {
			here := netip.AddrFrom4([4]byte{127, 0, 0, 1})
			if a.Is6() {
				here = netip.IPv6Loopback()
			}
			at = netip.AddrPortFrom(here, at.Port())
		}
		out = append(out, at)
	}
	slices.SortStableFunc(out, func(a, b netip.AddrPort) int { return distance(a) - distance(b) })
	return slices.Compact(out)
}

func distance(at netip.AddrPort) int {
	n := 0
	if !at.Addr().IsLoopback() {
		n += 2
	}
	if at.Addr().Is6() {
		n++
	}
	return n
}

// message is the test message.
func (r *run) message(host string) []byte {
	lines := []string{
		"From: <" + r.from.String() + ">",
		"To: <" + r.to.String() + ">",
		"Subject: mailrelay probe " + r.token,
		"Date: " + r.began.Format(time.RFC1123Z),
		"Message-ID: <" + r.token + "@" + host + ">",
		"MIME-Version: 1.0",
		"Content-Type: text/plain; charset=utf-8",
	}
	if r.p.ExpectReply {
		lines = append(lines, "", "This is a test message of "+r.p.Addr().String()+", which waits for an answer to it.")
	} else { // or somebody's out-of-office note comes back
		lines = append(lines, "Auto-Submitted: auto-generated", "", "This is a test message of "+r.p.Addr().String()+". Nothing needs to be done with it.")
	}
	return []byte(strings.Join(lines, "\r\n") + "\r\n")
}

func (r *run) hop(h Hop) {
	h.Seconds = r.seconds()
	r.result.Hops = append(r.result.Hops, h)
}

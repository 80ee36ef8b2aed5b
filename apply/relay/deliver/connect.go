package deliver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/schema"
)

// dialer opens connections by the rules of a connector. It is safe for
// concurrent use.
type dialer struct {
	dial  func(ctx context.Context, network, address string) (net.Conn, error)
	keys  credentials
	avoid *avoided
	talk  *journal.Journal // nil: nobody listens
	clock func() time.Time
}

// terms are what a connection to one host must be.
type terms struct {
	s     *schema.SendConnector // the connector, as it counts for the domain or the host
	tlsa  bool                  // the host has TLSA records
	proof *proof                // with verify "dane"
}

// ask gives the terms for a host, or says why it is not tried.
type ask func(ctx context.Context, p place) (terms, *outcome)

// always are the same terms for all hosts.
func always(s *schema.SendConnector) ask {
	return func(context.Context, place) (terms, *outcome) { return terms{s: s}, nil }
}

// connect tries the hosts in order, and gives the first connection that is ready
// for MAIL, on the terms that ask gives. Otherwise the outcome is that of the last
// attempt, and never about a recipient.
func (d *dialer) connect(ctx context.Context, s *schema.SendConnector, ask ask, helo string, hosts places) (*client, *outcome) {
	var last *outcome
	for p, o := range hosts {
		if o == nil {
			var t terms
			if t, o = ask(ctx, p); o == nil {
				var c *client
				if c, o = d.host(ctx, s, t, helo, p); o == nil {
					return c, nil
				}
			}
		}
		last = worse(last, o)
	}
	if last == nil {
		o := local(deferred, "4.4.4", "no next hop is known")
		last = &o
	}
	return nil, last
}

// host tries the addresses of one host. One that answers and then is of no use
// leaves the others to be tried.
func (d *dialer) host(ctx context.Context, s *schema.SendConnector, t terms, helo string, p place) (*client, *outcome) {
	hops, last := d.reachable(s, p)
	for len(hops) > 0 {
		nc, h, rest, o := d.race(ctx, s, hops)
		if o != nil {
			return nil, worse(last, o)
		}
		hops = rest
		c, o := d.hop(ctx, t, helo, h, nc)
		if o == nil {
			d.avoid.opened(s, h)
			c.at = h
			c.ext.chunking = c.ext.chunking && !d.avoid.isPlain(h, d.clock())
			return c, nil
		}
		o.host, o.addr = h.host, h.addr.String()
		if o.kind != refused && ctx.Err() == nil && t.s == s { // what one domain asks says nothing about others
			d.avoid.add(s, h, *o, d.clock())
		}
		last = worse(last, o)
	}
	return nil, last
}

// worse keeps the outcome that an administrator should see: what is held before
// what is merely deferred, and the later one of two alike.
func worse(a, b *outcome) *outcome {
	if a != nil && a.kind == held && b.kind != held {
		return a
	}
	return b
}

// hop speaks to one address, over nc. Where TLS is only wished for, a failed
// handshake is followed by a second connection without it.
func (d *dialer) hop(ctx context.Context, t terms, helo string, h hop, nc net.Conn) (*client, *outcome) {
	c, o, again := d.try(ctx, t, helo, h, nc, t.s.TLS.Mode != "none")
	if !again || mustTLS(t.s) || ctx.Err() != nil {
		return c, o
	}
	nc, err := d.open(ctx, t.s.SourceAddress, h)
	if err != nil {
		return nil, unreached(h, err)
	}
	c, o, _ = d.try(ctx, t, helo, h, nc, false)
	return c, o
}

// close ends a connection that connect gave.
func (d *dialer) close(s *schema.SendConnector, c *client) {
	c.close()
	if c.cannotChunk {
		d.avoid.plain(c.at, d.clock())
	}
	d.avoid.closed(s, c.at)
}

// try makes nc ready for MAIL, or closes it. again means that TLS was what failed.
// The connection ends when ctx does.
func (d *dialer) try(ctx context.Context, t terms, helo string, h hop, nc net.Conn, wantTLS bool) (_ *client, o *outcome, again bool) {
	s := t.s
	c := newClient(newCut(ctx, nc), h.host, h.addr.String())
	c.talk = d.talk.Outbound(s.Addr(), s.Verbose, c.nc.LocalAddr().String(), h.addr.String(), h.addr.Addr().String())
	defer func() {
		if o != nil {
			c.close()
		}
	}()
	if o = c.greet(helo); o != nil {
		return nil, o, false
	}
	switch {
	case wantTLS && c.ext.startTLS:
		if o = d.protect(ctx, c, t); o != nil {
			return nil, o, o.kind != held // our own mistake is not for clear text to hide
		}
		if o = c.hello(helo); o != nil {
			return nil, o, false
		}
	case mustTLS(s):
		o = required(t, h)
		return nil, o, false
	}
	if s.Auth != nil {
		if o = d.authenticate(c, s.Auth); o != nil {
			return nil, o, false
		}
	}
	return c, nil, false
}

// required says why nothing goes to a host without TLS.
func required(t terms, h hop) *outcome {
	s := t.s
	if t.tlsa {
		o := local(deferred, "4.7.10", h.host+" does not offer STARTTLS, and its TLSA records in DNS say that it does")
		return &o
	}
	who := s.Addr().String()
	if who == "" {
		who = "require_tls" // of a probe
	}
	o := local(deferred, "4.7.10", h.host+" does not offer STARTTLS, and "+who+" requires it")
	if s.TLS.Mode == "none" { // only AUTH asks for it then
		o = local(held, "4.7.10", s.Addr().String()+" has a user name but tls { mode = \"none\" }: a password is never sent in clear")
	}
	return &o
}

// open dials.
func (d *dialer) open(ctx context.Context, source netip.Addr, h hop) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	if source.IsValid() {
		ctx = WithSource(ctx, source)
	}
	return d.dial(ctx, "tcp", h.addr.String())
}

// greet reads the greeting and says EHLO.
func (c *client) greet(helo string) *outcome {
	c.within(greetingLimit)
	rep, err := c.answer()
	if err != nil {
		return c.trouble("waiting for the greeting", err)
	}
	if !rep.positive() {
		o := judge(misplaced(rep), atConnect)
		return &o
	}
	return c.hello(helo)
}

// hello says EHLO, and HELO to a server that does not know it.
func (c *client) hello(helo string) *outcome {
	rep, err := c.ask(commandLimit, "EHLO ", helo)
	if err != nil {
		return c.trouble("saying EHLO", err)
	}
	if rep.positive() {
		c.ext = readExtensions(rep)
		return nil
	}
	if rep.permanent() {
		if rep, err = c.ask(commandLimit, "HELO ", helo); err != nil {
			return c.trouble("saying HELO", err)
		}
	}
	if !rep.positive() {
		o := judge(misplaced(rep), atConnect)
		return &o
	}
	return nil
}

// protect negotiates TLS.
func (d *dialer) protect(ctx context.Context, c *client, t terms) *outcome {
	config, name, err := d.keys.config(t, c.host, d.clock())
	if err != nil { // nothing that the next hop could help
		o := local(held, "4.3.5", t.s.Addr().String()+": "+printable(err.Error()))
		return &o
	}
	if err := c.startTLS(ctx, config, name); err != nil {
		o := local(deferred, "4.7.5", fmt.Sprintf("securing the connection to %s: %s", c.host, printable(err.Error())))
		return &o
	}
	c.talk.Note(c.tls.version + " " + c.tls.cipher)
	return nil
}

// authenticate reads the password and logs on.
func (d *dialer) authenticate(c *client, a *schema.SendAuth) *outcome {
	password, err := d.keys.secret(a.Password)
	if err != nil {
		o := local(held, "4.3.5", "reading the password for "+c.host+": "+printable(err.Error()))
		return &o
	}
	o, err := c.logOn(a, password)
	if err != nil {
		return c.trouble("logging on", err)
	}
	return o
}

// trouble is the outcome of a connection that failed.
func (c *client) trouble(doing string, err error) *outcome {
	o := local(deferred, "4.4.2", doing+" at "+c.host+": "+printable(err.Error()))
	return &o
}

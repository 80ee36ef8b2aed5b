package sandbox

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/netip"
	"net/smtp"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// Letter is a message that the configuration lets in and knows a way out for.
type Letter struct {
	Binding  string
	Client   netip.Addr
	From, To schema.Mailbox
	Verdict  decide.Verdict
	Because  []decide.Because
}

// Letter finds a client, a sender and a recipient that the policy accepts; one
// that leaves under required TLS if there is any, since that shows the most.
func (w *World) Letter(p *decide.Policy, at time.Time) (Letter, error) {
	var best *Letter
	for _, l := range w.letters(at) {
		c := decide.Client{Relay: l.relay, Local: localEnd(l.Binding, l.Client), Remote: l.Client, At: at}
		v, why := p.Explain(c, l.From, l.To)
		if !v.OK() || v.Route == nil {
			continue
		}
		l.Verdict, l.Because = v, why
		if v.Route.Connector.TLS.Mode == "required" {
			return l.Letter, nil
		}
		if best == nil {
			best = &l.Letter
		}
	}
	if best == nil {
		return Letter{}, fmt.Errorf("no client address of any receive connector may send to anyone with a way out; add a receive_connector with remote_ip_ranges and a send_connector")
	}
	return *best, nil
}

type candidate struct {
	Letter
	relay schema.Addr
}

// sample is how many domains, and how many recipients blocks, are tried: with
// thousands of them, one is like the other.
const sample = 20

// letters are the messages worth trying: from the first address of each range, to
// known recipients, to accepted domains, and to the world.
func (w *World) letters(at time.Time) []candidate {
	var senders, recipients []schema.Mailbox
	domains := schema.All[*schema.Domain](w.config)
	for _, d := range domains[:min(len(domains), sample)] {
		m := schema.Mailbox{Local: "sandbox", Domain: strings.TrimPrefix(d.Name, "*.")}
		senders, recipients = append(senders, m), append(recipients, m)
	}
	known := schema.All[*schema.Recipients](w.config)
	for _, r := range known[:min(len(known), sample)] {
		if len(r.Addresses) > 0 {
			if m, err := schema.ParseMailbox(r.Addresses[0]); err == nil {
				recipients = append([]schema.Mailbox{m}, recipients...)
			}
		}
	}
	senders = append(senders, schema.Mailbox{Local: "sandbox", Domain: elsewhere})
	recipients = append(recipients, schema.Mailbox{Local: "someone", Domain: elsewhere})
	var out []candidate
	for _, r := range schema.All[*schema.ReceiveConnector](w.config) {
		ranges := slices.Clone(r.RemoteIPRanges)
		for _, a := range r.Allowlists {
			if list := schema.At[*schema.Allowlist](w.config, a); list != nil {
				ranges = append(ranges, list.Addresses...)
				for _, e := range list.Entries {
					ranges = append(ranges, e.Range)
				}
			}
		}
		for _, rng := range ranges {
			client := clientOf(rng)
			for _, binding := range r.Bindings {
				ap, err := netip.ParseAddrPort(binding)
				if err != nil || ap.Addr().Is6() != client.Is6() {
					continue
				}
				for _, from := range senders {
					for _, to := range recipients {
						out = append(out, candidate{Letter{Binding: binding, Client: client, From: from, To: to}, r.Relay})
					}
				}
			}
		}
	}
	return out
}

// clientOf is a client of a range: one of the addresses meant for examples if it
// holds them, else its first that is not the network's own.
func clientOf(r netipx.IPRange) netip.Addr {
	for _, s := range []string{"198.51.100.7", "2001:db8::7"} {
		if a := netip.MustParseAddr(s); r.Contains(a) {
			return a
		}
	}
	if n := r.From().Next(); n.IsValid() && r.Contains(n) {
		return n
	}
	return r.From()
}

// localEnd is the relay's end of a connection to a binding, as doors give it.
func localEnd(binding string, _ netip.Addr) netip.AddrPort {
	ap, _ := netip.ParseAddrPort(binding)
	if ap.Addr().IsUnspecified() {
		if ap.Addr().Is6() {
			return netip.AddrPortFrom(netip.MustParseAddr("2001:db8::1"), ap.Port())
		}
		return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), ap.Port())
	}
	return ap
}

// Send hands the letter to the relay as its client would, with STARTTLS if it is
// offered, and says under which TLS version; empty is in the clear.
func (w *World) Send(ctx context.Context, l Letter) (tlsVersion string, err error) {
	conn, err := w.enter(ctx, l.Binding, l.Client)
	if err != nil {
		return "", err
	}
	if deadline, ok := ctx.Deadline(); ok {
		conn.SetDeadline(deadline)
	}
	c, err := smtp.NewClient(conn, "relay")
	if err != nil {
		conn.Close()
		return "", err
	}
	defer c.Close()
	if err := c.Hello("client.sandbox.invalid"); err != nil {
		return "", err
	}
	if ok, _ := c.Extension("STARTTLS"); ok {
		// The client is a copier: it takes any certificate.
		if err := c.StartTLS(&tls.Config{InsecureSkipVerify: true}); err != nil {
			return "", err
		}
		state, _ := c.TLSConnectionState()
		tlsVersion = tls.VersionName(state.Version)
	}
	if err := c.Mail(l.From.String()); err != nil {
		return "", err
	}
	if err := c.Rcpt(l.To.String()); err != nil {
		return "", err
	}
	d, err := c.Data()
	if err != nil {
		return "", err
	}
	fmt.Fprintf(d, "From: <%s>\r\nTo: <%s>\r\nSubject: A message through the sandbox\r\nDate: %s\r\nMessage-ID: <sandbox@client.sandbox.invalid>\r\n\r\nHello.\r\n",
		l.From, l.To, time.Now().UTC().Format(time.RFC1123Z))
	if err := d.Close(); err != nil {
		return "", err
	}
	return tlsVersion, c.Quit()
}

package dnssec

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	payload = 1232            // bytes of an answer in one packet (DNS Flag Day 2020)
	limit   = 5 * time.Second // for one answer
	rounds  = 2               // over all resolvers
)

// question asks the resolvers until one answers. A name that does not exist is an
// answer. Any other code is an error; what is bogus is SERVFAIL.
func (r *Resolver) question(ctx context.Context, name string, qtype uint16) (*dns.Msg, error) {
	servers, err := r.find(ctx)
	if err != nil {
		return nil, err
	}
	for range rounds {
		for _, s := range servers {
			var a *dns.Msg
			if a, err = r.ask(ctx, s, name, qtype); err == nil {
				return a, nil
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
	return nil, err
}

// ask asks one resolver, by TCP where the answer does not fit into a packet.
func (r *Resolver) ask(ctx context.Context, server, name string, qtype uint16) (*dns.Msg, error) {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), qtype)
	q.SetEdns0(payload, false)
	q.AuthenticatedData = true // we want to know (RFC 6840, 5.7)
	a, err := r.exchange(ctx, "udp", server, q)
	if err == nil && a.Truncated {
		a, err = r.exchange(ctx, "tcp", server, q)
	}
	if err != nil {
		return nil, &net.DNSError{Err: err.Error(), Name: name, Server: server, IsTimeout: true}
	}
	if a.Rcode != dns.RcodeSuccess && a.Rcode != dns.RcodeNameError {
		text := dns.RcodeToString[a.Rcode]
		if a.Rcode == dns.RcodeServerFailure {
			text += ", which a validating resolver also says of data that is not what its owner signed"
		}
		return nil, &net.DNSError{Err: text, Name: name, Server: server, IsTemporary: true}
	}
	return a, nil
}

func (r *Resolver) exchange(ctx context.Context, network, server string, q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	nc, err := r.o.Dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer nc.Close()
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	c := &dns.Client{Net: network, UDPSize: payload, Timeout: limit}
	a, _, err := c.ExchangeWithConnContext(ctx, q, &dns.Conn{Conn: nc, UDPSize: payload})
	if err != nil {
		return nil, err
	}
	if !a.Response || a.Id != q.Id || len(a.Question) != 1 || !strings.EqualFold(a.Question[0].Name, q.Question[0].Name) || a.Question[0].Qtype != q.Question[0].Qtype {
		return nil, fmt.Errorf("%s gave no answer to the question", server)
	}
	return a, nil
}

// aliases follows the CNAMEs of an answer, and gives the name at which they end.
func aliases(a *dns.Msg, name string) string {
	at := dns.Fqdn(name)
	for range a.Answer { // no longer than that, even in a circle
		i := slices.IndexFunc(a.Answer, func(rr dns.RR) bool {
			c, ok := rr.(*dns.CNAME)
			return ok && strings.EqualFold(c.Hdr.Name, at)
		})
		if i < 0 {
			break
		}
		at = a.Answer[i].(*dns.CNAME).Target
	}
	return at
}

// nothing is that a name has no such records.
func nothing(name string) error {
	return &net.DNSError{Err: "no such records", Name: name, IsNotFound: true}
}

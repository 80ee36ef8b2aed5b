package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// policies compares the MTA-STS policies of the domains for which the configuration
// writes or expects the record, with the MX that the world sees.
func (o Options) policies(c *schema.Config) []look {
	var out []look
	add := func(b schema.Block, name string, values []string) {
		domain, ok := strings.CutPrefix(name, "_mta-sts.")
		if !ok || !slices.ContainsFunc(values, func(v string) bool { return policy.KindOf(name, v) == policy.MTASTS }) {
			return
		}
		domain = strings.TrimSuffix(domain, ".")
		out = append(out, func(ctx context.Context) Result { return o.policy(ctx, b, domain) })
	}
	for _, r := range schema.All[*schema.Record](c) {
		if z := schema.At[*schema.Zone](c, r.Zone); z != nil && r.Type == "TXT" {
			add(r, rr.Full(r.Name, z.Name), r.Values)
		}
	}
	for _, e := range schema.All[*schema.Expect](c) {
		origin := ""
		if z := schema.At[*schema.Zone](c, e.Zone); z != nil {
			origin = z.Name
		}
		if e.Type == "TXT" {
			add(e, rr.Full(e.Name, origin), e.Values)
		}
	}
	return out
}

func (o Options) policy(ctx context.Context, b schema.Block, domain string) Result {
	r := Result{Check: "mta_sts", Subject: domain, Status: Unknown, Address: b.Addr().String()}
	found, err := o.Resolver.LookupMX(ctx, domain+".")
	if err != nil && !absent(err) {
		r.Text = sentence(err.Error())
		return r
	}
	var hosts []string
	for _, mx := range found {
		if host := strings.ToLower(strings.TrimSuffix(mx.Host, ".")); host != "" && !strings.HasSuffix(host, ".invalid") {
			hosts = append(hosts, host)
		}
	}
	slices.Sort(hosts)
	mode, missing, err := deliver.Allows(ctx, o.Deliver, domain, hosts)
	switch {
	case err != nil:
		r.Status, r.Text = Wrong, said(sentence(err.Error()), "Senders that keep an older policy go by that, and others by none. Publish the policy, or take the record away.")
	case mode == "none":
		r.Status, r.Text = OK, "The policy is withdrawn (mode: none), and holds nobody to anything."
	case missing != nil && mode == "enforce":
		r.Status, r.Text = Wrong, fmt.Sprintf("The policy does not name %s, to which the MX leads, and its mode is enforce: senders that heed it do not deliver there. Add the host to the policy, and raise the id of the record.", strings.Join(missing, " and "))
	case missing != nil:
		r.Status, r.Text = Wrong, fmt.Sprintf("The policy does not name %s, to which the MX leads; its mode is %s, so mail arrives all the same. Add the host before the mode becomes enforce.", strings.Join(missing, " and "), mode)
	default:
		r.Status, r.Text = OK, fmt.Sprintf("The policy names every host of the MX; its mode is %s.", mode)
	}
	return r
}

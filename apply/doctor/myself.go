package doctor

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/schema"
)

// myself asks who was named for it which address the world sees, and compares.
func (o Options) myself(c *schema.Config) []look {
	if o.Myself == "" {
		return nil
	}
	return []look{func(ctx context.Context) Result {
		r := Result{Check: "seen_address", Subject: o.Myself, Status: Unknown}
		seen, err := o.seen(ctx)
		if err != nil {
			r.Text = said(sentence(err.Error()), "Name a web page that answers with an address, or a name and a name server like myip.opendns.com@resolver1.opendns.com.")
			return r
		}
		var known []string
		found := false
		egress(c, func(_ *schema.Relay, a netip.Addr) {
			known = append(known, a.String())
			found = found || a.Unmap() == seen
		})
		slices.Sort(known)
		switch {
		case found:
			r.Status, r.Text = OK, fmt.Sprintf("The world sees this machine as %s, which is among egress_addresses.", seen)
		case known == nil:
			r.Text = fmt.Sprintf("The world sees this machine as %s, and no relay has egress_addresses to compare with: write it there, so that plans check SPF and names.", seen)
		default:
			r.Status, r.Text = Wrong, fmt.Sprintf("The world sees this machine as %s, and egress_addresses are %s: SPF records, names and connectors of partners go by another address than mail comes from. Correct egress_addresses, or the way out of this machine.", seen, strings.Join(known, ", "))
		}
		return r
	}}
}

// seen is the address that who was named sees.
func (o Options) seen(ctx context.Context) (netip.Addr, error) {
	if strings.HasPrefix(o.Myself, "https://") || strings.HasPrefix(o.Myself, "http://") {
		return o.byWeb(ctx)
	}
	name, server, ok := strings.Cut(o.Myself, "@")
	if !ok || name == "" || server == "" {
		return netip.Addr{}, fmt.Errorf("%q is neither a URL nor NAME@SERVER", o.Myself)
	}
	if _, _, err := net.SplitHostPort(server); err != nil {
		server = net.JoinHostPort(server, "53")
	}
	at := o.At(server)
	addrs, err := at.LookupNetIP(ctx, "ip", strings.TrimSuffix(name, ".")+".")
	if err == nil && len(addrs) > 0 {
		return addrs[0].Unmap(), nil
	}
	texts, failed := at.LookupTXT(ctx, strings.TrimSuffix(name, ".")+".")
	if failed != nil {
		return netip.Addr{}, failed
	}
	for _, t := range texts {
		if a, err := netip.ParseAddr(strings.TrimSpace(t)); err == nil {
			return a.Unmap(), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%s at %s is no address", name, server)
}

func (o Options) byWeb(ctx context.Context) (netip.Addr, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.Myself, nil)
	if err != nil {
		return netip.Addr{}, err
	}
	res, err := deliver.Web(o.Deliver).RoundTrip(req)
	if err != nil {
		return netip.Addr{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1024))
	if err != nil {
		return netip.Addr{}, err
	}
	a, err := netip.ParseAddr(strings.TrimSpace(string(text)))
	if err != nil || res.StatusCode != http.StatusOK {
		return netip.Addr{}, fmt.Errorf("%s answers %s, and no address alone", o.Myself, res.Status)
	}
	return a.Unmap(), nil
}

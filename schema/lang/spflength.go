package lang

import (
	"fmt"

	"github.com/hashicorp/hcl/v2"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// maxString is the most bytes of one string in a TXT record (RFC 1035, 3.3.14).
const maxString = 255

// longSPF warns of SPF records that do not fit into one string. They are valid,
// and every receiver must put the strings together (RFC 7208, 3.3), but they are
// on the way to an answer that does not fit into a packet.
func longSPF(blocks []schema.Block, g *graph) hcl.Diagnostics {
	var diags hcl.Diagnostics
	for _, b := range blocks {
		r, ok := b.(*schema.Record)
		if !ok || r.Type != "TXT" {
			continue
		}
		for _, text := range r.Values {
			if policy.KindOf("", text) != policy.SPF || len(text) <= maxString {
				continue
			}
			d := failure(g.place(r.Addr(), "values"), "Long SPF record",
				fmt.Sprintf("The SPF record of %s has %d bytes, and a string of DNS holds %d, so it is published as several strings. Receivers put them together, but keep it below 450 bytes, so that the answer fits into one packet: take out what is no longer used.", r.Addr(), len(text), maxString))
			d.Severity = hcl.DiagWarning
			diags = append(diags, d)
		}
	}
	return diags
}

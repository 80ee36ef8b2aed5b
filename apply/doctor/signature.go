package doctor

import (
	"context"
	"fmt"
	"slices"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// signatures compares the keys by which relays sign with what the world sees. This is
// the moment of use of the keys, and only their public halves are told.
func (o Options) signatures(c *schema.Config) []look {
	var out []look
	for _, r := range schema.All[*schema.Relay](c) {
		for _, k := range r.DKIM {
			if k.Sign {
				out = append(out, func(ctx context.Context) Result { return o.signature(ctx, r, k) })
			}
		}
	}
	return out
}

func (o Options) signature(ctx context.Context, relay *schema.Relay, k schema.DKIM) Result {
	name := k.Selector + "._domainkey." + k.Domain
	r := Result{Check: "dkim", Subject: name, Status: Unknown, Address: relay.Addr().String()}
	raw, err := o.Deliver.Secret(k.Key)
	if err != nil {
		r.Text = said(sentence(err.Error()), "Run doctor where the relay runs, as one who may read the key.")
		return r
	}
	own, err := lang.DKIMRecord(raw)
	if err != nil {
		r.Status, r.Text = Wrong, fmt.Sprintf("The key %q cannot sign: %v.", k.Name, err)
		return r
	}
	texts, err := o.Resolver.LookupTXT(ctx, name+".")
	if err != nil && !absent(err) {
		r.Text = sentence(err.Error())
		return r
	}
	texts = slices.DeleteFunc(texts, func(t string) bool { return policy.KindOf(name+".", t) != policy.DKIM })
	write := fmt.Sprintf("The record to write is %q; set sign = false until it is seen.", own)
	switch {
	case len(texts) == 0:
		r.Status, r.Text = Wrong, said("The relay signs, and no key is published: receivers cannot verify the signatures.", write)
	case len(texts) > 1:
		r.Status, r.Text = Wrong, said(fmt.Sprintf("%d keys are published at one name, and receivers may take either (RFC 6376, 3.6.2.2).", len(texts)), write)
	case publicKey(texts[0]) != publicKey(own):
		r.Status, r.Text = Wrong, said(fmt.Sprintf("The key that is published is not the one that signs, and receivers take the signatures as broken: %s.", texts[0]), write)
	default:
		r.Status, r.Text = OK, "The key that signs is the one that is published."
	}
	return r
}

// publicKey is what a DKIM record says of the key, however it is written.
func publicKey(text string) string {
	fields, _ := policy.Read(policy.DKIM, text) // what cannot be read is no key of ours
	for _, f := range fields {
		if f.Name == "key" {
			return f.Value
		}
	}
	return ""
}

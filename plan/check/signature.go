package check

import (
	"fmt"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// signatures looks for what is published of the keys by which relays sign (MR219), and
// finds published ones that go while they are needed (MR220).
func (i *inspection) signatures() {
	for _, w := range i.facts.Writes {
		if (w.Key.Type == "TXT" || w.Key.Type == "CNAME") && strings.Contains(w.Key.Name, "._domainkey.") && w.Before != nil {
			i.selectorGoes(w)
		}
	}
	for _, r := range i.relays {
		for _, k := range r.DKIM {
			if k.Sign {
				i.published(r, k)
			}
		}
	}
}

// keyName is where the public half of a key stands.
func keyName(k schema.DKIM) string { return k.Selector + "._domainkey." + k.Domain + "." }

// published reports MR219.
func (i *inspection) published(r *schema.Relay, k schema.DKIM) {
	name := keyName(k)
	short := strings.TrimSuffix(name, ".")
	then := i.will(schema.Addr{}, name, "TXT")
	if then.Open {
		return
	}
	const how = "Write a record with dkim_key(\"FILE\"), FILE being the public half of the key, and set sign = false until it is seen."
	texts := keys(then)
	switch {
	case len(texts) == 0:
		if is := i.is(schema.Addr{}, name, "TXT"); is.Open || len(keys(is)) > 0 {
			return // it goes: MR220
		}
		i.add(r, "MR219", Warning, fmt.Sprintf("the DKIM key %q is not published", k.Name),
			"%s signs with it, and nothing is at %s: receivers cannot verify the signatures. %s", r.Addr(), short, how)
	case len(texts) > 1: // MR207
	case field(policy.DKIM, texts[0], "key") == "revoked":
		i.add(r, "MR219", Warning, fmt.Sprintf("the DKIM key %q is revoked", k.Name),
			"%s signs with it, and the record at %s has an empty p: receivers take the signatures as broken. %s", r.Addr(), short, how)
	}
}

// keys are the DKIM records of an answer, under whatever name they stand in the end.
func keys(a Answer) []string {
	var out []string
	if a.Open || a.Set == nil {
		return nil
	}
	for _, d := range a.Set.Data {
		if text := d.Text(); policy.KindOf("x._domainkey.example.", text) == policy.DKIM {
			out = append(out, text)
		}
	}
	return out
}

// selectorGoes reports MR220.
func (i *inspection) selectorGoes(w Write) {
	if then := i.will(w.Zone, w.Key.Name, "TXT"); then.Open || len(keys(then)) > 0 {
		return
	}
	is := i.is(w.Zone, w.Key.Name, "TXT")
	if is.Open || len(keys(is)) == 0 {
		return
	}
	for _, c := range []*schema.Config{i.config, i.facts.Before} {
		if c == nil {
			continue
		}
		for _, r := range schema.All[*schema.Relay](c) {
			for _, k := range r.DKIM {
				if !k.Sign || keyName(k) != w.Key.Name {
					continue
				}
				b := i.block(append(w.Addrs, r.Addr()), schema.At[*schema.Zone](i.config, w.Zone))
				if b == (*schema.Zone)(nil) {
					return
				}
				when := "signs with it"
				if c != i.config {
					when = "has signed with it until now, and mail with these signatures is still on its way"
				}
				i.add(b, "MR220", Warning, "a DKIM selector goes while it is in use",
					"%s %s, and the record at %s goes: receivers cannot verify the signatures any more. Let another key sign first (sign = true there, sign = false here), apply, and take the record away some days later.", r.Addr(), when, strings.TrimSuffix(w.Key.Name, "."))
				return
			}
		}
	}
}

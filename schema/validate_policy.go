package schema

import (
	"fmt"
	"strings"

	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// policies finds texts of which a name may hold one alone, and SPF records that
// receivers would not evaluate, as far as this configuration knows.
func (v *validation) policies() {
	type place struct {
		zone *Zone
		name string
		kind policy.Kind
	}
	held := map[place]*Record{} // the first of a kind at a name
	spf := map[string]string{}  // by full name
	type written struct {
		record *Record
		name   string
		text   string
	}
	var found []written
	for _, r := range v.written {
		if r.Type != "TXT" {
			continue
		}
		name := r.full
		for _, text := range r.Values {
			kind := policy.KindOf(name, text)
			if kind == policy.None {
				continue
			}
			key := place{r.zone, name, kind}
			if first := held[key]; first != nil {
				v.report(r, "values", "Two "+called(kind)+" records", "%s holds %s already, and a name with two of them is treated as if it had none, or as broken. %s", strings.TrimSuffix(name, "."), article(called(kind)), oneOf(first, r.Record))
				continue
			}
			held[key] = r.Record
			if kind == policy.SPF {
				spf[name] = text
				found = append(found, written{r.Record, name, text})
			}
		}
	}
	ringed := map[string]bool{}
	for _, p := range found {
		r, err := readSPF(p.text)
		if err != nil {
			v.report(p.record, "values", "Invalid SPF record", "%s", sentence(err))
			continue
		}
		cost := costOf(spf, p.name, r)
		ring := cost.Ring
		switch {
		case ring != nil && ringed[ring[0]]:
		case ring != nil:
			for _, name := range ring {
				ringed[name] = true
			}
			v.report(p.record, "values", "SPF records in a ring", "These SPF records include each other: %s. Receivers would treat them as broken. Take one include away.", chain(ring))
		case cost.Lookups > policy.MaxLookups:
			v.report(p.record, "values", "Too many look-ups", "Whoever evaluates this SPF record needs %d look-ups at least, and %d are allowed (RFC 7208, 4.6.4): receivers would treat the record as broken. Take out what is no longer used, or list addresses instead of names.", cost.Lookups, policy.MaxLookups)
		}
	}
}

func oneOf(first, second *Record) string {
	if first == second {
		return "Write one value, with everything in it."
	}
	return fmt.Sprintf("Put everything into one value, in %s or in %s.", first.Addr(), second.Addr())
}

// called is the name of a policy in a sentence.
func called(k policy.Kind) string {
	if k == policy.TLSRPT {
		return "TLS reporting"
	}
	return string(k)
}

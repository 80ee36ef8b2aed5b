package schema

import (
	"errors"
	"fmt"

	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// readSPF reads an SPF record, and says what to write instead of a term that makes
// receivers treat it as broken.
func readSPF(text string) (policy.Record, error) {
	r, err := policy.ReadSPF(text)
	var unknown *policy.UnknownTerm
	if errors.As(err, &unknown) {
		known := policy.Mechanisms()
		return r, fmt.Errorf("%w: write one of %s%s", err, list(known), DidYouMean(unknown.Name, known))
	}
	return r, err
}

// costOf is what the SPF record at name costs, as far as this configuration knows
// the records that it includes: spf has the texts by full name.
func costOf(spf map[string]string, name string, r policy.Record) policy.Cost {
	return policy.CostOf(name, r, func(q policy.Question) policy.Answer {
		if text, ok := spf[q.Name]; ok && q.Type == "TXT" {
			return policy.Answer{Found: true, Texts: []string{text}}
		}
		return policy.Answer{Open: true} // it is not in the configuration
	})
}

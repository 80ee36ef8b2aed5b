package check

import (
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// leftovers finds proofs of ownership that nobody asks for any more (MR223): an MX to
// a host below "invalid.", and tokens beside another of the same kind.
func (i *inspection) leftovers() {
	asked := map[rr.Key]bool{}
	for _, p := range i.config.Proofs() {
		asked[p.Key] = true
	}
	changes := map[string]bool{}
	for _, w := range i.facts.Writes {
		if w.Key.Type == "TXT" {
			changes[w.Key.Name] = true
		}
	}
	for _, d := range i.index.domains {
		if strings.HasPrefix(d.Name, "*") {
			continue
		}
		zone := i.zones[d.Name]
		if zone == nil {
			continue
		}
		name := d.Name + "."
		for _, r := range i.data(zone, name, "MX") {
			if strings.HasSuffix(string(r), ".msv1.invalid.") && !asked[rr.Key{Name: name, Type: "MX"}] {
				i.add(d, "MR223", Note, "a proof of ownership is left over", "The MX %q of %s routes no mail; it proved the ownership to Microsoft 365 once, and is needed no more. Take it away: some senders try such a host, and programs that check MX records complain.", string(r), d.Name)
			}
		}
		kinds := map[string][]string{}
		for _, t := range i.data(zone, name, "TXT") {
			for _, kind := range []string{"MS=ms", "mailrelay-verification="} {
				if text := t.Text(); strings.HasPrefix(text, kind) {
					kinds[kind] = append(kinds[kind], text)
				}
			}
		}
		for _, kind := range []string{"MS=ms", "mailrelay-verification="} {
			if n := len(kinds[kind]); n > 1 && !changes[name] { // what is written now may be asked for by another state
				slices.Sort(kinds[kind])
				i.add(d, "MR223", Note, "a proof of ownership is left over", "%s bears %s, and whoever asks for such a proof asks for one. Take away those that belong to no domain any more: a token that stays can be used by whoever it was issued to.", d.Name, strings.Join(kinds[kind], " and "))
			}
		}
	}
}

// data is the data that will stand at a name; nothing if nobody knows.
func (i *inspection) data(z *schema.Zone, name, typ string) []rr.Data {
	a := i.will(z.Addr(), name, typ)
	if a.Open || a.Set == nil || len(a.Through) > 0 {
		return nil
	}
	return a.Set.Data
}

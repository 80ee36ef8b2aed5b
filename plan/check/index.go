package check

import (
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// index is a configuration by what findings ask for: with 10,000 domains none of them
// may look at all blocks for each.
type index struct {
	relays     []*schema.Relay
	domains    []*schema.Domain
	byName     map[string]*schema.Domain // full
	zones      map[string]*schema.Zone   // by name
	receives   map[schema.Addr]int       // how many connectors a relay has
	sends      []*schema.SendConnector
	recipients map[schema.Addr][]*schema.Recipients // by domain
	services   map[schema.Addr][]*schema.Service    // by domain
	stages     []*schema.Stage
	mx         []mxBlock
	mxOf       map[string][]mxBlock      // by full name, of records
	spf        map[string]*schema.Record // the writers of SPF records, by full name
}

// mxBlock is a block that writes an MX, or expects one.
type mxBlock struct {
	block schema.Block
	zone  schema.Addr
	name  string // full
	data  []rr.Data
	ours  bool // it is a record
}

func newIndex(c *schema.Config) index {
	x := index{
		relays: schema.All[*schema.Relay](c), domains: schema.All[*schema.Domain](c), sends: schema.All[*schema.SendConnector](c), stages: schema.All[*schema.Stage](c),
		byName: map[string]*schema.Domain{}, zones: map[string]*schema.Zone{}, receives: map[schema.Addr]int{},
		recipients: map[schema.Addr][]*schema.Recipients{}, services: map[schema.Addr][]*schema.Service{}, mxOf: map[string][]mxBlock{}, spf: map[string]*schema.Record{},
	}
	for _, d := range x.domains {
		x.byName[d.Name+"."] = d
	}
	for _, z := range schema.All[*schema.Zone](c) {
		x.zones[z.Name] = z
	}
	for _, r := range schema.All[*schema.ReceiveConnector](c) {
		x.receives[r.Relay]++
	}
	for _, r := range schema.All[*schema.Recipients](c) {
		x.recipients[r.Domain] = append(x.recipients[r.Domain], r)
	}
	for _, s := range schema.All[*schema.Service](c) {
		x.services[s.Domain] = append(x.services[s.Domain], s)
	}
	for _, r := range c.Records() {
		x.record(c, r)
	}
	for _, e := range c.Expects() {
		if e.Type == "MX" {
			name, data := mxData(c, e.Zone, e.Name, e.Values)
			x.mx = append(x.mx, mxBlock{e, e.Zone, name, data, false})
		}
	}
	return x
}

func (x *index) record(c *schema.Config, r *schema.Record) {
	switch r.Type {
	case "MX":
		name, data := mxData(c, r.Zone, r.Name, r.Values)
		m := mxBlock{r, r.Zone, name, data, true}
		x.mx = append(x.mx, m)
		x.mxOf[name] = append(x.mxOf[name], m)
	case "TXT":
		if !slices.ContainsFunc(r.Values, func(v string) bool { return strings.HasPrefix(strings.ToLower(v), "v=spf1") }) {
			return
		}
		zone := schema.At[*schema.Zone](c, r.Zone)
		if zone == nil {
			return
		}
		name := rr.Full(r.Name, zone.Name)
		if slices.ContainsFunc(r.Values, func(v string) bool { return policy.KindOf(name, v) == policy.SPF }) {
			x.spf[name] = r
		}
	}
}

// mxData is the full name and the data of an MX in a zone; the zero address is none.
func mxData(c *schema.Config, at schema.Addr, name string, values []string) (string, []rr.Data) {
	origin := ""
	if z := schema.At[*schema.Zone](c, at); z != nil {
		origin = z.Name
	}
	var data []rr.Data
	for _, v := range values {
		if d, err := rr.Parse("MX", origin, v); err == nil {
			data = append(data, d)
		}
	}
	return rr.Full(name, origin), data
}

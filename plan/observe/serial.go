package observe

import (
	"context"
	"sync"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
)

// serials asks the servers of zones of which some disagree for the zone's serial,
// and writes it into what they said.
func (c *Client) serials(ctx context.Context, cfg *schema.Config, seen []plan.Observation) {
	byZone := map[schema.Addr][]int{} // of seen, what is disagreed on
	for i := 0; i < len(seen); {
		j, differ := i+1, false
		for ; j < len(seen) && seen[j].Zone == seen[i].Zone && seen[j].Key == seen[i].Key; j++ {
			differ = differ || seen[i].Err == "" && seen[j].Err == "" && !seen[i].Agrees(seen[j])
		}
		for ; i < j; i++ {
			if differ && !seen[i].Zone.IsZero() {
				byZone[seen[i].Zone] = append(byZone[seen[i].Zone], i)
			}
		}
	}
	if len(byZone) == 0 {
		return
	}
	r := c.begin()
	defer r.end()
	var wg sync.WaitGroup
	slots := make(chan struct{}, c.o.InFlight)
	for addr, list := range byZone {
		z := schema.At[*schema.Zone](cfg, addr)
		if z == nil {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			servers, err := r.of(ctx, z)
			if err != nil {
				return
			}
			for _, s := range servers {
				serial, source := r.serial(ctx, z, s)
				for _, i := range list {
					if seen[i].Source == source {
						seen[i].Serial = serial
					}
				}
			}
		})
	}
	wg.Wait()
}

// serial asks a server for the serial of a zone; zero if it cannot tell.
func (r *round) serial(ctx context.Context, z *schema.Zone, s *server) (serial uint32, source string) {
	a, addr, err := s.ask(ctx, r.c, ask(z.Name, dns.TypeSOA, false), attempt{})
	if err != nil || !a.Authoritative {
		return 0, ""
	}
	for _, rec := range a.Answer {
		if soa, ok := rec.(*dns.SOA); ok {
			serial = soa.Serial
		}
	}
	return serial, s.source(addr)
}

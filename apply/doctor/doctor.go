// Package doctor looks at what only the network can tell, and only now: whether next
// hops take mail under the protection that is asked for, whether port 25 is open, what
// the world knows of the addresses that mail leaves from. It changes nothing, hands over
// no message, and contacts nobody whom neither the configuration nor its caller names.
package doctor

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/schema"
)

// Statuses of a result.
const (
	OK      = "ok"
	Wrong   = "wrong"
	Unknown = "unknown" // it could not be asked, or not to the end
)

// Result is one thing that was looked at.
type Result struct {
	Check   string `json:"check"`   // smart_host, port_25, address_name, block_list, seen_address, mta_sts, dkim
	Subject string `json:"subject"` // a host, an address, a domain
	Status  string `json:"status"`
	Text    string `json:"text"` // a sentence, and what to do if something is wrong
	// Address is that of the block that it is about, as in a configuration.
	Address string `json:"address,omitempty"`
	// Ends is when the certificate that was shown does.
	Ends     time.Time `json:"certificate_ends,omitzero"`
	DaysLeft *int      `json:"certificate_days_left,omitempty"`
}

// Resolver is what is asked of DNS; *net.Resolver does it all.
type Resolver interface {
	deliver.Resolver
	LookupAddr(ctx context.Context, addr string) ([]string, error)
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// Options say how to look, and at what beside the configuration.
type Options struct {
	Deliver  deliver.Options // Dial, Roots, ReadFile, Secret, Clock; Resolver is the one below
	Resolver Resolver
	// At makes a resolver that asks one name server, host:port.
	At func(server string) Resolver

	Port25     []string // hosts to which port 25 should be open: host or host:port
	BlockLists []string // zones of DNS block lists
	Myself     string   // who tells which address it sees: a URL, or NAME@SERVER

	Timeout time.Duration // of each look; zero: 20 s
}

// atOnce is how many looks there are at a time.
const atOnce = 8

// Run looks at everything, and gives the results in an order that depends on nothing
// but the configuration and the options.
func Run(ctx context.Context, c *schema.Config, o Options) []Result {
	o.Deliver.Resolver = o.Resolver
	if o.Deliver.Clock == nil {
		o.Deliver.Clock = time.Now
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	looks := slices.Concat(o.smartHosts(c), o.openPorts(c), o.names(c), o.listed(c), o.myself(c), o.policies(c), o.signatures(c))
	out := make([]Result, len(looks))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, look := range looks {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, o.Timeout)
			defer cancel()
			out[i] = look(ctx)
		})
	}
	wg.Wait()
	slices.SortStableFunc(out, func(a, b Result) int {
		return cmp.Or(cmp.Compare(a.Check, b.Check), cmp.Compare(a.Address, b.Address), cmp.Compare(a.Subject, b.Subject))
	})
	return out
}

// look is one thing to look at.
type look func(ctx context.Context) Result

// egress calls f for each address that mail leaves from, once, with its relay.
func egress(c *schema.Config, f func(*schema.Relay, netip.Addr)) {
	seen := map[netip.Addr]bool{}
	for _, r := range schema.All[*schema.Relay](c) {
		for _, a := range r.EgressAddresses {
			if !seen[a] {
				seen[a] = true
				f(r, a)
			}
		}
	}
}

// said joins sentences.
func said(sentences ...string) string {
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}

// sentence makes one of an error.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}

package deliver

import (
	"slices"

	"github.com/mailrelay/mailrelay/schema"
)

// begin starts a try of m, which waits nowhere any more.
func (r *Runner) begin(m *message) {
	m.out = make([]outcome, len(m.env.Rcpts))
	m.stuck = false
	m.pending.Store(1)
	if len(m.env.Rcpts) == 1 { // nearly always
		r.route(m, []target{{}})
		return
	}
	targets := make([]target, len(m.env.Rcpts))
	for i := range targets {
		targets[i].rcpt = i
	}
	r.route(m, targets)
}

// route sends recipients of m on their ways. It gives up one count of m.pending.
func (r *Runner) route(m *message, targets []target) {
	r.mu.Lock()
	conf := r.conf
	r.mu.Unlock()
	ways, unknown := r.ways(conf, m, targets)
	if len(unknown) > 0 && r.ask(conf, &job{m: m, targets: targets}, unknown) {
		return // it comes again when they are known
	}
	r.mu.Lock()
	if conf != r.conf { // another configuration came in between
		r.mu.Unlock()
		r.route(m, targets)
		return
	}
	m.pending.Add(int32(len(ways)))
	var waits []*job
	for _, w := range ways {
		l := r.lane(w.key)
		if o := l.paused(r.o.Clock()); o != nil {
			for _, t := range w.job.targets {
				m.out[t.rcpt] = *o
				m.out[t.rcpt].final, m.out[t.rcpt].via, m.out[t.rcpt].site = t.to, w.key.connector.Addr(), w.key.site()
			}
			waits = append(waits, w.job)
			continue
		}
		r.enqueue(l, w.job)
	}
	r.mu.Unlock()
	r.done(m, 1+len(waits))
}

// way is a delivery and its lane.
type way struct {
	key laneKey
	job *job
}

// mostRecipients is how many recipients a transaction has (RFC 5321, 4.5.3.1.8:
// every server takes 100).
const mostRecipients = 100

// ways groups recipients by next hop. Those without a route have their outcome
// set. unknown are domains of which the site is not known, and which stand for
// themselves.
func (r *Runner) ways(conf *config, m *message, targets []target) (out []way, unknown []string) {
	full := map[laneKey]int{} // index in out of the group that has room
	for _, t := range targets {
		route, to := conf.policy.Route(conf.relay.Addr(), m.env.Rcpts[t.rcpt].To, m.env.Size)
		t.to = to
		if route == nil {
			m.out[t.rcpt] = local(unrouted, "4.4.4", "no enabled send connector is for "+to.Domain+", or large enough")
			m.out[t.rcpt].final = to
			continue
		}
		key, known := r.nextHop(route.Connector, to)
		if !known && !slices.Contains(unknown, to.Domain) {
			unknown = append(unknown, to.Domain)
		}
		if len(targets) == 1 {
			return []way{{key, &job{m: m, targets: []target{t}}}}, unknown
		}
		if i, ok := full[key]; ok && len(out[i].job.targets) < mostRecipients {
			out[i].job.targets = append(out[i].job.targets, t)
			continue
		}
		full[key] = len(out)
		out = append(out, way{key, &job{m: m, targets: []target{t}}})
	}
	return out, unknown
}

// nextHop gives the lane for an address: one for all smart hosts of a connector,
// or one for each site, if that is known. Where the next hop has to prove itself by what the domain
// publishes, no connection serves another domain.
func (r *Runner) nextHop(s *schema.SendConnector, to schema.Mailbox) (key laneKey, known bool) {
	if len(s.SmartHosts) > 0 {
		return laneKey{connector: s}, true
	}
	if byDomain(s) {
		return laneKey{connector: s, hosts: to.Domain}, true
	}
	site, known := r.sites.of(to.Domain, r.o.Clock())
	return laneKey{connector: s, hosts: site}, known
}

// byDomain reports whether a domain says how its hosts prove themselves.
func byDomain(s *schema.SendConnector) bool {
	return s.TLS.Verify == "dane" || s.TLS.Verify == "mta_sts"
}

// done gives up n counts of m.pending, and settles m if none is left.
func (r *Runner) done(m *message, n int) {
	if m.pending.Add(int32(-n)) == 0 {
		r.settle(m)
	}
}

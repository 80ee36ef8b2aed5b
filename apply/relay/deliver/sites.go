package deliver

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	siteLife  = 5 * time.Minute  // how long what DNS said of a domain counts
	siteLimit = 15 * time.Second // for one answer
	sitesMost = 50_000           // domains that are remembered
	sitesOnce = 100              // questions at a time
)

// sites knows the site of each domain: the set of its mail exchangers, as their
// sorted names. Domains with the same site share connections, their number, its
// growth and every pause: what outlook.com says to one tenant's mail counts for the
// others. A domain about which DNS has no good answer is a site of its own. It is
// safe for concurrent use, and the zero sites is ready.
type sites struct {
	mu     sync.Mutex
	known  map[string]site
	asking map[string][]*job // domains that DNS is asked about, and who waits for the answer
	turns  chan struct{}     // sitesOnce
}

type site struct {
	hosts string
	until time.Time
}

// of gives the site of a domain, which is the domain itself if it is not known.
func (s *sites) of(domain string, now time.Time) (hosts string, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	x, ok := s.known[domain]
	if !ok || !now.Before(x.until) {
		return domain, false
	}
	return x.hosts, true
}

// wait makes j wait for the answer about a domain. It is true if nobody has asked
// yet: then the caller does.
func (s *sites) wait(domain string, j *job) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking == nil {
		s.asking = map[string][]*job{}
		s.turns = make(chan struct{}, sitesOnce)
	}
	waiting, asked := s.asking[domain]
	if j != nil {
		waiting = append(waiting, j)
	}
	s.asking[domain] = waiting
	return !asked
}

// learn notes the site of a domain, and gives who waited for it.
func (s *sites) learn(domain, hosts string, now time.Time) []*job {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= sitesMost {
		clear(s.known)
	}
	if s.known == nil {
		s.known = map[string]site{}
	}
	s.known[domain] = site{hosts, now.Add(siteLife)}
	waiting := s.asking[domain]
	delete(s.asking, domain)
	return waiting
}

func (s *sites) forget(domain string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, domain)
}

// ask has DNS asked about domains, and is true if j comes to route again when the
// answers are there. Nobody waits for DNS here, and no domain is asked about twice
// at a time.
func (r *Runner) ask(conf *config, j *job, unknown []string) bool {
	r.mu.Lock()
	running := r.running
	if running {
		r.work.Add(len(unknown))
	}
	r.mu.Unlock()
	if !running {
		return false // it stays in the spool anyway
	}
	for i, domain := range unknown {
		var waits *job
		if i == len(unknown)-1 {
			waits = j
		}
		if !r.sites.wait(domain, waits) {
			r.work.Done()
			continue
		}
		go func() {
			defer r.work.Done()
			r.lookUp(conf, domain)
		}()
	}
	return true
}

// lookUp asks DNS for the site of a domain, and sends on who waits for it.
func (r *Runner) lookUp(conf *config, domain string) {
	r.sites.turns <- struct{}{}
	defer func() { <-r.sites.turns }()
	ctx, cancel := context.WithTimeout(r.hard, siteLimit)
	defer cancel()
	f := &finder{dns: r.o.Resolver, self: []string{conf.relay.Hostname}, own: conf.relay.EgressAddresses}
	name := domain
	if hosts, o := f.exchangers(ctx, domain); o == nil && len(hosts) > 0 {
		hosts = slices.Clone(hosts)
		slices.Sort(hosts)
		name = strings.Join(slices.Compact(hosts), ",")
	}
	for _, j := range r.sites.learn(domain, name, r.o.Clock()) {
		r.route(j.m, j.targets)
	}
}

package deliver

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

const (
	stsSize   = 64 << 10 // bytes of a policy
	stsLimit  = time.Minute
	stsAgain  = 5 * time.Minute // how often the id is looked at, and a policy that did not come asked for
	stsCached = 10_000          // domains
)

// textResolver is what MTA-STS asks of DNS besides; *net.Resolver has it.
type textResolver interface {
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// sts knows the MTA-STS policies of domains (RFC 8461). They are kept in memory for
// their max_age, so that who can forge DNS or block HTTPS does not get rid of one
// that was seen before; a relay that starts anew has seen none. It is safe for
// concurrent use.
type sts struct {
	dns   Resolver
	http  http.RoundTripper
	clock func() time.Time
	log   *slog.Logger

	mu sync.Mutex
	by map[string]stsEntry
}

type stsEntry struct {
	policy stsPolicy // without mode: none is known
	id     string
	until  time.Time // of max_age
	next   time.Time // when DNS is asked again
}

// policy gives the policy of a domain, mode "none" where it has none.
func (s *sts) policy(ctx context.Context, domain string) stsPolicy {
	none := stsPolicy{mode: "none"}
	now := s.clock()
	s.mu.Lock()
	old, ok := s.by[domain]
	s.mu.Unlock()
	if ok && !now.Before(old.until) {
		old.policy, old.id = none, ""
	}
	if ok && now.Before(old.next) {
		return old.policy
	}
	e := s.renew(ctx, domain, old, now)
	if e.policy.mode == "" {
		e.policy = none
	}
	e.next = now.Add(stsAgain)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil || len(s.by) >= stsCached {
		s.by = map[string]stsEntry{}
	}
	s.by[domain] = e
	return e.policy
}

// renew asks DNS whether there is another policy, and the domain for it. What
// cannot be had leaves the one that is known.
func (s *sts) renew(ctx context.Context, domain string, old stsEntry, now time.Time) stsEntry {
	texts, ok := s.dns.(textResolver)
	if !ok || strings.HasPrefix(domain, "[") {
		return old
	}
	records, err := texts.LookupTXT(ctx, absolute("_mta-sts."+domain))
	id := policyID(records)
	if err != nil || id == "" || id == old.id && now.Before(old.until.Add(-old.policy.age/2)) {
		return old
	}
	p, err := s.fetch(ctx, domain)
	if err != nil {
		s.log.Warn("the MTA-STS policy of a domain could not be read", "domain", domain, "error", printable(err.Error()), "in_force", old.policy.mode)
		return old
	}
	return stsEntry{policy: p, id: id, until: now.Add(p.age)}
}

// fetch reads the policy from its one place. Redirects are not followed (RFC 8461,
// 3.3).
func (s *sts) fetch(ctx context.Context, domain string) (stsPolicy, error) {
	ctx, cancel := context.WithTimeout(ctx, stsLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://mta-sts."+domain+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return stsPolicy{}, err
	}
	res, err := s.http.RoundTrip(req) // which knows nothing of redirects and cookies
	if err != nil {
		return stsPolicy{}, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return stsPolicy{}, fmt.Errorf("%s answers %s", req.URL, res.Status)
	}
	if typ, _, err := mime.ParseMediaType(res.Header.Get("Content-Type")); err != nil || typ != "text/plain" {
		return stsPolicy{}, fmt.Errorf("%s is not text/plain", req.URL)
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, stsSize+1))
	if err != nil {
		return stsPolicy{}, err
	}
	if len(text) > stsSize {
		return stsPolicy{}, fmt.Errorf("%s is larger than %d bytes", req.URL, stsSize)
	}
	return parsePolicy(string(text))
}

// web is HTTPS by the dialer, resolver and roots of o.
func web(o Options) http.RoundTripper {
	return &http.Transport{
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: stsSize,
		TLSClientConfig:        &tls.Config{RootCAs: o.Roots, Time: o.Clock, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			addrs, err := o.Resolver.LookupNetIP(ctx, "ip", absolute(host))
			err = errors.Join(err, errIfNone(addrs, host))
			for _, a := range addrs {
				var nc net.Conn
				if nc, err = o.Dial(ctx, network, net.JoinHostPort(a.Unmap().String(), port)); err == nil {
					return nc, nil
				}
			}
			return nil, err
		},
	}
}

func errIfNone(addrs []netip.Addr, host string) error {
	if len(addrs) == 0 {
		return fmt.Errorf("%s has no address", host)
	}
	return nil
}

// bySTS applies the policy of a domain: the connector as it counts for it, and the
// places that may take its mail. While a policy is only tested, it changes nothing.
func (s *sts) bySTS(ctx context.Context, c *schema.SendConnector, domain string, found places) (*schema.SendConnector, places) {
	policy := s.policy(ctx, domain)
	asked := *c
	if policy.mode != "enforce" {
		asked.TLS.Verify = "none"
		return &asked, found
	}
	asked.TLS.Mode, asked.TLS.Verify = "required", "certificate"
	return &asked, func(yield func(place, *outcome) bool) {
		for p, o := range found {
			if o == nil && !policy.allows(p.host) {
				no := local(deferred, "4.7.5", "the MTA-STS policy of "+domain+" does not name the mail exchanger "+p.host+": nothing is sent there")
				p, o = place{}, &no
			}
			if !yield(p, o) {
				return
			}
		}
	}
}

// Package sandbox is a whole small world on loopback: a name server that answers
// for everything, remote mail hosts, and clients with any address they claim. The
// program runs against it through the seams through which it otherwise meets the
// real world, so the configuration never knows.
//
// The name server serves the zone files of the configuration's sandbox directory:
// one file a zone, named for it (contoso.com.zone). What they leave out is made
// up: a zone of the configuration without a file is empty; fabrikam.com is
// somebody else's domain; and smart hosts, name servers and mail hosts without an
// address get one. Wherever the relay connects to, a mail host
// answers under the name that the zones give that address, with a certificate for
// it.
package sandbox

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// World is a running sandbox.
type World struct {
	DNS    *dnstest.Server
	keys   *keys
	hosts  *hosts
	doors  *doors
	secret string // of every TSIG key, base64
	config *schema.Config
}

// New starts a world for the configuration c, whose zone files are in dir, which
// need not exist. It runs until Close.
func New(dir string, c *schema.Config) (*World, error) {
	zones, err := zoneFiles(dir)
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	rand.Read(key)
	w := &World{config: c, doors: newDoors(), secret: base64.StdEncoding.EncodeToString(key)}
	tsig := map[string]string{}
	for _, z := range schema.All[*schema.Zone](c) {
		if zones[z.Name] == "" {
			zones[z.Name] = emptyZone(z.Name)
		}
		if z.RFC2136 != nil && z.RFC2136.TSIG != nil {
			tsig[z.RFC2136.TSIG.Name] = w.secret
		}
	}
	if zones[elsewhere] == "" {
		zones[elsewhere] = emptyZone(elsewhere) + "@ IN MX 10 mx\n"
	}
	if w.keys, err = newKeys(c); err != nil {
		return nil, err
	}
	if w.DNS, err = serve(zones, tsig, smartHosts(c)); err != nil {
		return nil, fmt.Errorf("starting the sandbox's name server: %w", err)
	}
	names := map[netip.Addr]string{}
	for zone := range zones {
		for _, s := range w.DNS.Records(zone) {
			if s.Type != "A" && s.Type != "AAAA" {
				continue
			}
			for _, d := range s.Data {
				if a, err := netip.ParseAddr(string(d)); err == nil {
					names[a] = strings.TrimSuffix(s.Name, ".")
				}
			}
		}
	}
	w.hosts = newHosts(names, w.keys)
	return w, nil
}

// Close stops everything.
func (w *World) Close() error { return errors.Join(w.hosts.close(), w.DNS.Close()) }

// Enter puts an RRset where a person would have put it.
func (w *World) Enter(s plan.SetChange) error {
	if s.After == nil {
		return w.DNS.Set(s.Key.Name, s.Key.Type, 0)
	}
	var values []string
	for _, d := range s.After.Data {
		r, err := rr.Record(s.Key.Name, s.Key.Type, s.After.TTL, d)
		if err != nil {
			return err
		}
		values = append(values, strings.TrimPrefix(r.String(), r.Header().String()))
	}
	return w.DNS.Set(s.Key.Name, s.Key.Type, s.After.TTL, values...)
}

// Dial connects within the world: port 53 is the name server, every other port a
// mail host under the name of the address.
func (w *World) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	if port == "53" || address == w.DNS.Addr() {
		return new(net.Dialer).DialContext(ctx, network, w.DNS.Addr())
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return nil, fmt.Errorf("the sandbox has addresses for names only through its name server: %w", err)
	}
	to, err := w.hosts.listen(a.Unmap())
	if err != nil {
		return nil, err
	}
	return new(net.Dialer).DialContext(ctx, "tcp", to)
}

// Resolver asks the world's name server.
func (w *World) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, w.DNS.Addr())
	}}
}

// Resolvers is the same for those who ask by address.
func (w *World) Resolvers() []string { return []string{w.DNS.Addr()} }

package sandbox

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema"
)

// elsewhere is a domain of another organisation, to which a letter may go.
const elsewhere = "fabrikam.com"

// zoneFiles reads dir/NAME.zone.
func zoneFiles(dir string) (map[string]string, error) {
	zones := map[string]string{}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the zone files of the sandbox: %w", err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".zone")
		if !ok {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("reading the zone files of the sandbox: %w", err)
		}
		zones[name] = string(text)
	}
	return zones, nil
}

func emptyZone(name string) string {
	return fmt.Sprintf("$ORIGIN %s.\n$TTL 3600\n@ IN SOA ns1.sandbox.invalid. hostmaster.%s. 1 3600 600 86400 300\n@ IN NS ns1.sandbox.invalid.\n", name, name)
}

// smartHosts are the names that send connectors lead to.
func smartHosts(c *schema.Config) []string {
	var out []string
	for _, s := range schema.All[*schema.SendConnector](c) {
		for _, h := range s.SmartHosts {
			host, _, ok := strings.Cut(h, ":")
			if _, err := netip.ParseAddr(host); err != nil && (ok || !strings.Contains(h, "[")) {
				out = append(out, host)
			}
		}
	}
	return out
}

// serve starts the name server. Hosts that are known from elsewhere, and those that
// the zones name as name servers and mail hosts, get an address if no zone gives
// them one; each becomes a zone of its own, and is added to zones.
func serve(zones, tsig map[string]string, hosts []string) (*dnstest.Server, error) {
	s, err := dnstest.New(dnstest.Options{Zones: zones, TSIG: tsig})
	if err != nil {
		return nil, err
	}
	homeless := withoutAddress(s, zones, hosts)
	if len(homeless) == 0 {
		return s, nil
	}
	for i, host := range homeless {
		zones[host] = emptyZone(host) + fmt.Sprintf("@ IN A 192.0.2.%d\n", 100+i%100)
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	return serve(zones, tsig, nil) // ns1.sandbox.invalid may have come in
}

// withoutAddress lists the hosts, and those that the zones lead to, for which no
// zone has an address, an alias or a wildcard. Each is listed once.
func withoutAddress(s *dnstest.Server, zones map[string]string, hosts []string) []string {
	known := map[string]bool{}
	for zone := range zones {
		for _, set := range s.Records(zone) {
			switch set.Type {
			case "A", "AAAA", "CNAME":
				known[strings.TrimSuffix(set.Name, ".")] = true
			case "NS", "MX":
				for _, d := range set.Data {
					f := strings.Fields(string(d))
					hosts = append(hosts, strings.TrimSuffix(f[len(f)-1], "."))
				}
			}
		}
	}
	var out []string
	for _, host := range hosts {
		_, parent, _ := strings.Cut(host, ".")
		if host != "" && !known[host] && !known["*."+parent] { // "" is a null MX
			known[host] = true
			out = append(out, host)
		}
	}
	return out
}

package observe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
	"github.com/mailrelay/mailrelay/schema"
)

// manyZones are 1,000 zones of 10 RRsets.
func manyZones() (texts map[string]string, names func(add func(zone, name string))) {
	texts = map[string]string{}
	for i := range 1000 {
		var text strings.Builder
		for j := range 10 {
			fmt.Fprintf(&text, "h%d A 192.0.2.%d\n", j, i%256)
		}
		texts[fmt.Sprintf("zone%d.example", i)] = text.String()
	}
	return texts, func(add func(zone, name string)) {
		for i := range 1000 {
			for j := range 10 {
				add(fmt.Sprintf("zone%d.example", i), fmt.Sprintf("h%d.zone%d.example.", j, i))
			}
		}
	}
}

func manyAsks(t testing.TB, server string) []Ask {
	_, names := manyZones()
	zones := map[string]*schema.Zone{}
	var asks []Ask
	names(func(z, name string) {
		if zones[z] == nil {
			zones[z] = zone(t, `zone.many["`+z+`"]`, z, server)
		}
		asks = append(asks, Ask{Zone: zones[z], Key: key(name, "A")})
	})
	return asks
}

// BenchmarkRRsets asks one server for 10,000 RRsets in 1,000 zones: one in process
// that answers at once, one that takes 20 ms for each answer, and one zone of
// Knot's where that is installed. The server's work counts too.
func BenchmarkRRsets(b *testing.B) {
	texts, _ := manyZones()
	for _, delay := range []time.Duration{0, 20 * time.Millisecond} {
		b.Run(fmt.Sprintf("delay=%s", delay), func(b *testing.B) {
			s := serve(b, dnstest.Options{Zones: texts, Fault: func(dnstest.Request) dnstest.Fault { return dnstest.Fault{Delay: delay} }})
			benchmark(b, manyAsks(b, s.Addr()))
		})
	}
	b.Run("knotd", func(b *testing.B) {
		var text strings.Builder
		text.WriteString("@ 3600 SOA ns hostmaster 1 3600 600 86400 300\n@ 3600 NS ns\nns 3600 A 127.0.0.1\n")
		for i := range 10000 {
			fmt.Fprintf(&text, "h%d 3600 A 192.0.2.%d\n", i, i%256)
		}
		s := daemon.Knotd(b, daemon.Zone{Name: "contoso.com", Text: text.String(), Key: "k.", Secret: "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"})
		z := zone(b, "zone.contoso", "contoso.com", s.Addr)
		var asks []Ask
		for i := range 10000 {
			asks = append(asks, Ask{Zone: z, Key: key(fmt.Sprintf("h%d.contoso.com.", i), "A")})
		}
		benchmark(b, asks)
	})
}

func benchmark(b *testing.B, asks []Ask) {
	c := New(Options{})
	b.ReportAllocs()
	for b.Loop() {
		for _, o := range c.RRsets(b.Context(), asks) {
			if o.Set == nil {
				b.Fatalf("got %+v", o)
			}
		}
	}
	b.ReportMetric(float64(len(asks))*float64(b.N)/b.Elapsed().Seconds(), "questions/s")
}

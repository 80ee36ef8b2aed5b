package lang_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/fstest"
	"time"

	"github.com/mailrelay/mailrelay/schema/lang"
)

// BenchmarkForEach evaluates many records made by one block. It reports the bytes
// that a record keeps in memory; both figures should not depend on the number.
func BenchmarkForEach(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			fsys := fstest.MapFS{"a.mail.hcl": &fstest.MapFile{Data: fmt.Appendf(nil, `
locals {
  rows = csvdecode(file("rows.csv"))
}

zone "z" {
  name = "contoso.com"
}

record "host" {
  for_each = { for r in local.rows : r.name => r.address }

  zone   = zone.z
  name   = each.key
  type   = "A"
  ttl    = 300
  values = [each.value]
}
`)}}
			csv := []byte("name,address\n")
			for i := range n {
				csv = fmt.Appendf(csv, "h%d,10.%d.%d.%d\n", i, i>>16, i>>8&255, i&255)
			}
			fsys["rows.csv"] = &fstest.MapFile{Data: csv}
			b.ReportAllocs()
			var before, after runtime.MemStats
			for b.Loop() {
				runtime.GC()
				runtime.ReadMemStats(&before)
				c, diags := lang.LoadFS(fsys, lang.Options{})
				if diags.HasErrors() || len(c.Blocks) != n+1 {
					b.Fatalf("%d blocks: %v", len(c.Blocks), diags)
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				runtime.KeepAlive(c)
			}
			b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(n), "kept-B/record")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
		})
	}
}

// BenchmarkManyDomains loads examples/many-domains with so many records: three to a
// zone, and an accepted domain for each zone. Load validates too. It reports the most memory in use
// meanwhile; times should grow with the number and no faster.
func BenchmarkManyDomains(b *testing.B) {
	text, err := os.ReadFile("../../examples/many-domains/mailrelay.mail.hcl")
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			csv := []byte("domain,host\n")
			for i := range n / 3 {
				csv = fmt.Appendf(csv, "c%06d.example,%c\n", i, 'a'+i%10)
			}
			fsys := fstest.MapFS{"mailrelay.mail.hcl": {Data: text}, "domains.csv": {Data: csv}}
			var peak uint64
			for b.Loop() {
				runtime.GC()
				stop := make(chan struct{})
				seen := make(chan uint64)
				go func() { seen <- mostInUse(stop) }()
				c, diags := lang.LoadFS(fsys, lang.Options{})
				close(stop)
				peak = max(peak, <-seen)
				if diags.HasErrors() || len(c.Records()) != n/3*3 {
					b.Fatalf("%d records: %v", len(c.Records()), diags)
				}
			}
			b.ReportMetric(float64(peak)/(1<<20), "peak-MiB")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/record")
		})
	}
}

// mostInUse looks at the memory that the runtime has from the system, less what it
// gave back, until stop is closed.
func mostInUse(stop <-chan struct{}) uint64 {
	names := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var most uint64
	for {
		metrics.Read(names)
		most = max(most, names[0].Value.Uint64()-names[1].Value.Uint64())
		select {
		case <-stop:
			return most
		case <-tick.C:
		}
	}
}

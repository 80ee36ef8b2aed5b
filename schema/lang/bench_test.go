package lang_test

import (
	"fmt"
	"runtime"
	"testing"
	"testing/fstest"

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

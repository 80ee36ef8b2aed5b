package lang_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
)

// What functions give of many elements is what they give of few: lists are no
// other than tuples, but for the time that it takes.
func TestManyElementsMeanTheSame(t *testing.T) {
	text := `
locals {
  names = [for i in range(1000) : "h${i}"]
  mixed = concat(local.names, [for i in range(300) : { n = i }])
  keyed = { for n in local.names : n => upper(n) }
}

zone "z" {
  name = "contoso.com"
}

record "r" {
  zone = zone.z
  type = "TXT"
  values = [
    tostring(length(toset(local.names))), tostring(length(toset(concat(local.names, local.names)))),
    tostring(length(distinct(concat(local.names, ["h1", "x"])))), distinct(local.names)[999],
    tomap(local.keyed)["h7"], lookup(local.keyed, "none", "default"), jsonencode(lookup({ for n in local.names : n => { a = n } }, "none", {})),
    tostring(length(local.mixed)), try(tostring(length(tolist(local.mixed))), "mixed"), tostring(length(chunklist(local.names, 100))),
    tostring(length(setsubtract(local.names, ["h1"]))), tolist(local.names)[500],
  ]
}
`
	c, diags := lang.LoadFS(fstest.MapFS{"a.mail.hcl": {Data: []byte(text)}}, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	got := schema.All[*schema.Record](c)[0].Values
	want := []string{"1000", "1000", "1001", "h999", "H7", "default", "{}", "1300", "mixed", "10", "999", "h500"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

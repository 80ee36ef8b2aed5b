package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// TestByHand holds what a person is told to enter, for a zone file and for a form.
func TestByHand(t *testing.T) {
	zone := schema.Addr{Type: "zone", Name: "contoso"}
	change := func(name, typ string, was, is uint32, before, after []rr.Data) plan.SetChange {
		c := plan.SetChange{Zone: zone, Key: rr.Key{Name: name, Type: typ}, Manual: true}
		if before != nil {
			s := rr.NewSet(name, typ, was, before...)
			c.Before = &s
		}
		if after != nil {
			s := rr.NewSet(name, typ, is, after...)
			c.After = &s
		}
		return c
	}
	long := strings.Repeat("k", 300)
	m := &Model{}
	for _, c := range []plan.SetChange{
		change("contoso.com.", "MX", 600, 300, []rr.Data{"10 relay.contoso.com.", "5 old.contoso.com."}, []rr.Data{"10 relay.contoso.com."}),
		change("s._domainkey.contoso.com.", "TXT", 0, 300, nil, []rr.Data{rr.Data(long)}),
		change("w.contoso.com.", "TXT", 60, 0, []rr.Data{`a\\b`, `c\001`}, nil),
	} {
		m.Manual = append(m.Manual, Steps(c.Before, c.After, c.Zone, "contoso.com.")...)
	}
	var b bytes.Buffer
	m.byHand(&b, Style{})
	want := `A person edits zone.contoso. Make these changes there:
  - contoso.com.	600	IN	MX	5 old.contoso.com.
  - contoso.com.	600	IN	MX	10 relay.contoso.com.
  + contoso.com.	300	IN	MX	10 relay.contoso.com.
  + s._domainkey.contoso.com.	300	IN	TXT	"` + long[:255] + `" "` + long[255:] + `"
  - w.contoso.com.	60	IN	TXT	"a\\b"
  - w.contoso.com.	60	IN	TXT	"c\001"

Or, in a form that takes a field each (TXT without quotes):
  To do       Name          Type  TTL  Value
  remove      @             MX    600  5 old.contoso.com.
  change TTL  @             MX    300  10 relay.contoso.com.
  add         s._domainkey  TXT   300  ` + long + `
  remove      w             TXT   60   a\b
  remove      w             TXT   60   c\001

`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

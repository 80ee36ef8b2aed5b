package plan

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// meant says what the changes and findings of a plan mean, a line each.
func meant(p *Plan) []string {
	out := []string{}
	for _, ch := range p.Changes {
		for _, d := range ch.Meaning {
			least := ""
			if len(d.AtLeast) > 0 {
				least = " without " + strings.Join(d.AtLeast, ",")
			}
			out = append(out, fmt.Sprintf("%s %s %q: %q > %q%s", ch.Addr, d.Kind, d.Term, d.Before, d.After, least))
		}
	}
	for _, f := range p.Findings {
		if strings.HasPrefix(f.Code, "MR20") {
			out = append(out, f.Code+" "+f.Summary)
		}
	}
	return out
}

func TestMeaning(t *testing.T) {
	inner := rec{addr: "record.inner", name: "_spf", typ: "TXT", values: []string{"v=spf1 a:a1.contoso.com a:a2.contoso.com -all"}}
	dmarc := rec{addr: "record.dmarc", name: "_dmarc", typ: "TXT", values: []string{"v=DMARC1; p=none"}}
	for _, tt := range []struct {
		name   string
		before func(*world)
		first  []rec
		config []rec
		want   []string
	}{
		{name: "nothing to say of other texts", first: []rec{proof}, config: []rec{proof.with("MS=ms2")}, want: []string{}},
		{name: "terms", first: []rec{spf.with("v=spf1 ip4:192.0.2.1 -all")}, config: []rec{spf.with("v=spf1 ip4:192.0.2.2 ~all")}, want: []string{
			`record.spf SPF "ip4:192.0.2.2": "" > "ip4:192.0.2.2"`, `record.spf SPF "ip4:192.0.2.1": "ip4:192.0.2.1" > ""`, `record.spf SPF "all": "-all" > "~all"`}},
		{name: "the same in other words", first: []rec{spf.with("v=spf1 mx ip4:192.0.2.1 -all")}, config: []rec{spf.with("v=spf1 ip4:192.0.2.1/32 +MX -all")}, want: []string{`record.spf SPF "": "" > ""`}},
		{name: "look-ups of what this plan writes too", config: []rec{inner, spf.with("v=spf1 include:_spf.contoso.com mx -all")}, before: func(w *world) { w.put("a1", "A", 60, "192.0.2.1"); w.put("@", "MX", 60, "10 a1") }, want: []string{
			`record.inner SPF "look-ups": "" > "2"`, `record.inner SPF "void look-ups": "" > "1"`, `record.spf SPF "look-ups": "" > "4"`, `record.spf SPF "void look-ups": "" > "1"`}},
		{name: "nothing is guessed", first: []rec{spf.with("v=spf1 -all")}, config: []rec{spf.with("v=spf1 include:spf.example -all")}, want: []string{
			`record.spf SPF "include:spf.example": "" > "include:spf.example"`, `record.spf SPF "look-ups": "0" > "1" without spf.example`}},
		{name: "a second record beside that of others", before: func(w *world) { w.put("@", "TXT", 60, "v=spf1 mx -all", "x") }, config: []rec{spf}, want: []string{
			`record.spf SPF "records": "1" > "2"`, "MR207 contoso.com holds 2 SPF records"}},
		{name: "the second record goes", before: func(w *world) { w.put("@", "TXT", 60, "v=spf1 mx -all") }, first: []rec{spf}, config: []rec{proof}, want: []string{
			`record.spf SPF "records": "2" > "1"`, `record.spf SPF "look-ups": "" > "1"`}},
		{name: "an include of nothing", before: func(w *world) { w.put("_no", "TXT", 60, "x") }, config: []rec{spf.with("v=spf1 include:_no.contoso.com -all")}, want: []string{
			`record.spf SPF "look-ups": "" > "1"`, "MR208 receivers cannot use the SPF record of contoso.com"}},
		{name: "a record that nobody changes costs too much", before: func(w *world) {
			w.put("_spf", "TXT", 60, "v=spf1 a a a a a:a1.contoso.com a mx mx mx mx -all")
			w.put("@", "TXT", 60, "v=spf1 include:_spf.contoso.com -all")
		}, config: []rec{spf.with("v=spf1 include:_spf.contoso.com -all")}, want: []string{"MR206 the SPF record of contoso.com needs 11 look-ups"}},
		{name: "DMARC", first: []rec{dmarc}, config: []rec{dmarc.with("v=DMARC1; p=quarantine; sp=none; pct=100")}, want: []string{`record.dmarc DMARC "p": "none" > "quarantine"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			if tt.before != nil {
				tt.before(w)
			}
			if tt.first != nil {
				w.apply(w.plan(w.config(tt.first...)))
			}
			c := w.config(tt.config...)
			seen := w.seen(c)
			tree := NewIncludes(c, seen.RRsets)
			for { // as package observe does: in the zone there is an answer, elsewhere there is none
				missing := tree.Missing()
				if len(missing) == 0 {
					break
				}
				var more []Observation
				for _, l := range missing {
					o := Observation{Zone: l.Zone, Key: l.Key, Source: "ns1", Err: "no answer"}
					if strings.HasSuffix(l.Key.Name, "contoso.com.") {
						o.Err = ""
						if set, ok := w.sets[rr.Key(l.Key)]; ok {
							o.Set = &set
						}
					}
					more = append(more, o)
				}
				tree.Learn(more)
				seen.RRsets = append(seen.RRsets, more...)
			}
			p, err := Make(c, w.base, seen, now)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, meant(p)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestLacksTerm(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"v=spf1 include:spf.protection.outlook.com -all", ""},
		{"V=SPF1 mx +Include:SPF.protection.outlook.com. -all", ""},
		{"v=spf1 ~include:spf.protection.outlook.com -all", "by which nobody passes"},
		{"v=spf1 -include:spf.protection.outlook.com -all", "by which nobody passes"},
		{"v=spf1 -all include:spf.protection.outlook.com", "does not hold"},
		{"v=spf1 include:spf.protection.outlook.com.example -all", "does not hold"},
		{"v=spf1 redirect=spf.protection.outlook.com", "does not hold"},
		{"v=spf1x include:spf.protection.outlook.com", "there is no SPF record"},
	} {
		set := rr.NewSet("contoso.com.", "TXT", 60, rr.Data(c.text))
		got := lacksTerm("include:spf.protection.outlook.com", view{set: &set})
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

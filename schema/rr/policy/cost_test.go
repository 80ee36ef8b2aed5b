package policy_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"

	"blitiri.com.ar/go/spf"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// asked answers from the texts of names; "?" is one that could not be asked, and an
// empty text is a name that is there and holds no TXT.
func asked(texts map[string]string) func(policy.Question) policy.Answer {
	return func(q policy.Question) policy.Answer {
		text, ok := texts[strings.TrimSuffix(q.Name, ".")]
		switch {
		case text == "?":
			return policy.Answer{Open: true}
		case !ok:
			return policy.Answer{}
		case q.Type == "TXT" && text == "":
			return policy.Answer{}
		}
		return policy.Answer{Found: true, Texts: strings.Split(text, "|")}
	}
}

func TestCost(t *testing.T) {
	tree := asked(map[string]string{
		"contoso.com": "x", "a.example": "v=spf1 mx:contoso.com include:b.example -all", "b.example": "something else|v=spf1 a:contoso.com ptr exists:%{i}.list.example ~all",
		"silent.example": "?", "two.example": "v=spf1 -all|v=spf1 ~all", "none.example": "something else", "broken.example": "v=spf1 inclde:x -all",
		"ring.example": "v=spf1 include:back.example -all", "back.example": "v=spf1 redirect=Ring.Example.", "empty.example": "",
	})
	for _, c := range []struct {
		name, text string
		want       policy.Cost
	}{
		{"nothing", "ip4:192.0.2.1 -all", policy.Cost{}},
		{"own name", "a mx -all", policy.Cost{Lookups: 2}},
		{"a tree", "include:a.example include:b.example -all", policy.Cost{Lookups: 10}},
		{"behind all there is nothing", "mx -all include:a.example", policy.Cost{Lookups: 1}},
		{"a redirect is followed", "redirect=b.example", policy.Cost{Lookups: 4}},
		{"a redirect beside all is not", "redirect=b.example -all", policy.Cost{}},
		{"void", "a:no.example mx:no.example exists:no.example exists:contoso.com -all", policy.Cost{Lookups: 4, Void: 3}},
		{"silence is not void", "a:silent.example mx:silent.example -all", policy.Cost{Lookups: 2}},
		{"macros", "include:%{d}.example exists:%{i}.x.example -all", policy.Cost{Lookups: 2, Open: []string{"%{d}.example"}}},
		{"no answer", "include:silent.example include:b.example include:silent.example", policy.Cost{Lookups: 6, Open: []string{"silent.example"}}},
		{"two records", "include:two.example -all", policy.Cost{Lookups: 1, Broken: "include:two.example leads to a name with 2 SPF records"}},
		{"other records", "include:none.example -all", policy.Cost{Lookups: 1, Broken: "include:none.example leads to a name without an SPF record"}},
		{"no name", "include:no.example -all", policy.Cost{Lookups: 1, Void: 1, Broken: "include:no.example leads to a name without an SPF record"}},
		{"a broken record", "include:broken.example -all", policy.Cost{Lookups: 1, Broken: `include:broken.example leads to a record that is broken itself: "inclde" is not a term of SPF, and receivers would treat the record as broken`}},
		{"a ring", "include:ring.example -all", policy.Cost{Lookups: 3, Broken: "redirect=ring.example leads back to where it came from", Ring: []string{"ring.example.", "back.example.", "ring.example."}}},
		{"itself", "include:contoso.com -all", policy.Cost{Lookups: 1, Broken: "include:contoso.com leads back to where it came from", Ring: []string{"contoso.com.", "contoso.com."}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := policy.CostOf("contoso.com.", read(t, "v=spf1 "+c.text), tree)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestCostEnds: ways through records that include each other several times are
// more than anybody could count.
func TestCostEnds(t *testing.T) {
	texts := map[string]string{}
	for i := range 12 {
		texts[fmt.Sprintf("n%d.example", i)] = "v=spf1" + strings.Repeat(fmt.Sprintf(" include:n%d.example", i+1), 40)
	}
	c := policy.CostOf("contoso.com.", read(t, "v=spf1 include:n0.example"), asked(texts))
	if !c.Over() || c.Lookups > 2000 {
		t.Errorf("%d look-ups were counted", c.Lookups)
	}
}

// tree is the world of the property below.
type tree map[string]string

func (w tree) LookupTXT(_ context.Context, name string) ([]string, error) {
	if text := w[strings.TrimSuffix(name, ".")]; text != "" {
		return []string{text}, nil
	}
	return nil, &net.DNSError{IsNotFound: true}
}
func (tree) LookupMX(context.Context, string) ([]*net.MX, error) {
	return []*net.MX{{Host: "elsewhere.example."}}, nil
}
func (tree) LookupIPAddr(context.Context, string) ([]net.IPAddr, error) {
	return []net.IPAddr{{IP: net.IPv4(203, 0, 113, 1)}}, nil
}
func (tree) LookupAddr(context.Context, string) ([]string, error) { return nil, nil }

// TestCostAgrees: what is counted here is what makes an evaluator of others give up.
func TestCostAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := tree{}
		for i := range 5 {
			terms := []string{"ip4:192.0.2.1", "a", "a:x.example", "mx"}
			for j := i + 1; j < 5; j++ { // no rings
				terms = append(terms, fmt.Sprintf("include:n%d.example", j))
			}
			words := append([]string{"v=spf1"}, rapid.SliceOfN(rapid.SampledFrom(terms), 0, 5).Draw(t, "terms")...)
			if i < 4 && rapid.Bool().Draw(t, "redirects") {
				words = append(words, "redirect=n4.example")
			}
			texts[fmt.Sprintf("n%d.example", i)] = strings.Join(words, " ")
		}
		c := policy.CostOf("n0.example.", read(t, texts["n0.example"]), func(q policy.Question) policy.Answer {
			if q.Type != "TXT" {
				return policy.Answer{Found: true}
			}
			return policy.Answer{Found: true, Texts: []string{texts[strings.TrimSuffix(q.Name, ".")]}}
		})
		_, err := spf.CheckHostWithSender(net.IPv4(198, 51, 100, 1), "n0.example", "a@n0.example", spf.WithResolver(texts))
		if over := errors.Is(err, spf.ErrLookupLimitReached); over != c.Over() {
			t.Fatalf("%v cost %d look-ups, and the evaluator says %v", texts, c.Lookups, err)
		}
	})
}

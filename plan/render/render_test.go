package render

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/reach"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

var update = flag.Bool("update", false, "write the golden files anew")

func addr(t testing.TB, s string) schema.Addr {
	t.Helper()
	a, err := schema.ParseAddr(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func record(ttl int64, values ...string) cty.Value {
	var data []cty.Value
	for _, v := range values {
		data = append(data, cty.StringVal(v))
	}
	return cty.ObjectVal(map[string]cty.Value{"zone": cty.StringVal("zone.contoso"), "name": cty.StringVal("contoso.com."),
		"type": cty.StringVal("TXT"), "ttl": cty.NumberIntVal(ttl), "values": cty.ListVal(data)})
}

// full is a plan with everything that can be shown.
func full(t *testing.T) *plan.Plan {
	relay := func(host string, tls cty.Value, egress ...cty.Value) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{"hostname": cty.StringVal(host), "egress_addresses": cty.ListVal(egress), "tls": tls, "spool": cty.NullVal(cty.String)})
	}
	tls := cty.ObjectVal(map[string]cty.Value{"min_version": cty.StringVal("1.2"), "key": cty.ObjectVal(map[string]cty.Value{"secret_file": cty.StringVal("/run/k"), "secret_env": cty.NullVal(cty.String)})})
	noTLS := cty.NullVal(tls.Type())
	before, after := rr.NewSet("hand.example.", "TXT", 60, "old;one", "stays"), rr.NewSet("hand.example.", "TXT", 60, `new "one"`, "stays")
	want := rr.NewSet("www.contoso.com.", "A", 0, "192.0.2.1")
	proof := rr.NewSet("new.example.", "TXT", 3600, "mailrelay-verification=token")
	made := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &plan.Plan{
		Base: "0123456789abcdef", Serial: 7, Config: "cafe", Made: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
		Changes: []plan.Change{
			{Addr: addr(t, "record.kept"), Action: plan.Import, Before: record(60, "x"), After: record(60, "x")},
			{Addr: addr(t, `record.new["a"]`), Action: plan.Create, After: record(60, "v=spf1 <&> -all"), Foreign: 2, Decl: hcl.Range{Filename: "dns.mail.hcl", Start: hcl.Pos{Line: 9}}},
			{Addr: addr(t, "record.open"), Action: plan.Inconclusive, After: record(60, "x"), Why: "ns1 (192.0.2.1:53): no answer in 2s"},
			{Addr: addr(t, "record.torn"), Action: plan.Inconclusive, After: record(60, "x"), Why: "the name servers disagree", Answers: []plan.Observation{
				{Source: "ns1", Set: &want, Serial: 7}, {Source: "ns2", CNAME: "x.", Serial: 6}, {Source: "ns3", Code: plan.Silent, Err: "no answer"}}},
			{Addr: addr(t, "record.gone"), Action: plan.Delete, Before: record(60, "x"), Foreign: 1},
			{Addr: addr(t, "relay.edge"), Action: plan.Update, Before: relay("a.contoso.com", noTLS, cty.StringVal("192.0.2.1"), cty.StringVal("192.0.2.2")), After: relay("b.contoso.com", tls, cty.StringVal("192.0.2.2"), cty.StringVal("192.0.2.3"))},
			{Addr: addr(t, "allowlist.apps"), Action: plan.Create, After: cty.ObjectVal(map[string]cty.Value{"addresses": cty.SetValEmpty(cty.String), "entry": cty.MapVal(map[string]cty.Value{"10.1.2.3": cty.ObjectVal(map[string]cty.Value{"owner": cty.StringVal("facilities")})})})},
			{Addr: addr(t, "record.hand"), Action: plan.Update, Before: record(60, "old;one"), After: record(60, `new "one"`)},
		},
		Drift: []plan.Change{{Addr: addr(t, "record.hand"), Action: plan.Update, Before: record(60, "x"), After: record(60, "old;one")},
			{Addr: addr(t, "record.lost"), Action: plan.Delete, Before: record(60, "x")}},
		Sets: []plan.SetChange{{Addrs: []schema.Addr{addr(t, "record.hand")}, Zone: addr(t, "zone.hand"), Key: before.Key(), Before: &before, After: &after, Manual: true}},
		Expectations: []plan.Expectation{
			{Addr: addr(t, "expect.met"), Status: plan.Met, Want: want, Got: &want},
			{Addr: addr(t, "expect.unmet"), Status: plan.Unmet, Want: want, Why: `it is nothing, and should be "192.0.2.1"`, Through: []rr.Data{"host.contoso.com."}, MetBy: []schema.Addr{addr(t, "record.new[\"a\"]")}},
			{Addr: addr(t, `expect.open["k"]`), Status: plan.Open, Want: want, Why: "ns1: refused"},
		},
		Verifications: []plan.Verification{
			{Addr: addr(t, "domain.new.verification"), Domain: "new.example", State: plan.Unverified, Gates: true, Zone: addr(t, "zone.contoso"), Want: &proof,
				Missing: []plan.Missing{{Source: "ns1", Says: "nothing"}, {Says: "no resolver was asked for it"}}},
			{Addr: addr(t, "domain.hand.verification"), Domain: "hand.example", State: plan.Unverified, Zone: addr(t, "zone.hand"), Want: &proof, Manual: true, Missing: []plan.Missing{{Source: "ns1", Says: "nothing"}}},
			{Addr: addr(t, "domain.first.verification"), Domain: "first.example", State: plan.Unverified, Gates: true},
			{Addr: addr(t, "domain.now.verification"), Domain: "now.example", State: plan.Verified, Since: made, New: true, Want: &proof, Stands: true},
			{Addr: addr(t, "domain.old.verification"), Domain: "old.example", State: plan.Verified, Since: made, Want: &proof, Stands: true},
		},
		Findings: []plan.Finding{{Code: "MR201", Severity: "note", Addr: addr(t, "domain.old"), Summary: "may go", Detail: "Long."}, {Code: "MR101", Severity: "warning", Addr: addr(t, "receive_connector.x"), Summary: "open relay", Detail: "Anybody may relay."}},
		Reach:    reach.Diff{Lines: mailLines(t)},
		Behind:   []plan.Node{{Name: "edge1/relay.edge", Serial: 6, Live: true, Error: "the port is taken"}},
		Gone:     []plan.Node{{Name: "edge2/relay.edge", Serial: 6, Gone: true}},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func model(t *testing.T, p *plan.Plan) *Model {
	t.Helper()
	m, err := NewModel(p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func shown(t *testing.T, m *Model, s Style) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Text(&b, m, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestText(t *testing.T) {
	m := model(t, full(t))
	golden(t, "full.txt", shown(t, m, Style{}))
	colored := string(shown(t, m, Style{Color: true}))
	for _, code := range []string{"32", "33", "31", "1", "0", "1;32", "36"} {
		colored = strings.ReplaceAll(colored, "\x1b["+code+"m", "")
	}
	if diff := cmp.Diff(string(shown(t, m, Style{})), colored); diff != "" {
		t.Errorf("colour changes more than colour: %s", diff)
	}
}

func TestTextEmpty(t *testing.T) {
	if got := string(shown(t, model(t, &plan.Plan{}), Style{})); got != NoChanges+"\n" {
		t.Errorf("got %q", got)
	}
	open := &plan.Plan{Changes: full(t).Changes[2:3]}
	if got := string(shown(t, model(t, open), Style{})); strings.Contains(got, "No changes") || !strings.Contains(got, "no answer in 2s") {
		t.Errorf("a plan with something inconclusive says %q", got)
	}
}

// TestUnknownIsNoMatch: where servers could not be asked, nothing is said to match.
func TestUnknownIsNoMatch(t *testing.T) {
	for _, refresh := range []bool{false, true} {
		m := &Model{Scope: plan.Scope{RefreshOnly: refresh}, Inconclusive: []Open{{Address: "record.mx", Reason: "no answer"}}}
		var b bytes.Buffer
		if err := Text(&b, m, Style{}); err != nil {
			t.Fatal(err)
		}
		if text := b.String(); strings.Contains(text, "No changes.") || !strings.Contains(text, "Nothing can be said about 1 object,") {
			t.Errorf("refresh %t: %s", refresh, text)
		}
	}
}

// TestNotesByHand: what a person writes keeps the note that it has, and what is taken
// over as it stands is nothing to write.
func TestNotesByHand(t *testing.T) {
	gone, kept := addr(t, "domain.x.verification"), addr(t, "record.kept")
	m := model(t, &plan.Plan{
		Changes: []plan.Change{{Addr: gone, Action: plan.Delete, Before: record(60, "x"), Why: "keep = false"}, {Addr: kept, Action: plan.Import, Before: record(60, "y"), After: record(60, "y")}},
		Sets:    []plan.SetChange{{Addrs: []schema.Addr{gone, kept}, Manual: true}},
	})
	if got := m.ResourceChanges[0].Note; !strings.HasPrefix(got, "keep = false; a person writes this zone") {
		t.Errorf("%q", got)
	}
	if got := m.ResourceChanges[1].Note; got != "" {
		t.Errorf("%q", got)
	}
}

func TestJSON(t *testing.T) {
	m := model(t, full(t))
	raw, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "full.json", raw)
	back, err := Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw, again) {
		t.Error("a plan that was read is not the one that was written")
	}
	if diff := cmp.Diff(string(shown(t, m, Style{})), string(shown(t, back, Style{}))); diff != "" {
		t.Error(diff)
	}
}

// TestTerraformShape holds the parts of the form that tools for Terraform's plans
// read.
func TestTerraformShape(t *testing.T) {
	raw, err := model(t, full(t)).JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		FormatVersion   string `json:"format_version"`
		ResourceChanges []struct {
			Address, Type, Name string
			Change              struct {
				Actions       []string
				Before, After map[string]any
				Importing     *struct{ ID string }
			}
		} `json:"resource_changes"`
		ResourceDrift []any `json:"resource_drift"`
		Checks        []struct{ Status string }
	}
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, rc := range got.ResourceChanges {
		l := rc.Address + " " + strings.Join(rc.Change.Actions, ",")
		if rc.Change.Before == nil {
			l += " from nothing"
		}
		if rc.Change.After == nil {
			l += " to nothing"
		}
		if rc.Change.Importing != nil {
			l += " importing " + rc.Change.Importing.ID
		}
		lines = append(lines, l)
	}
	want := []string{"record.kept no-op importing contoso.com. TXT", `record.new["a"] create from nothing`, "record.gone delete to nothing", "relay.edge update", "allowlist.apps create from nothing", "record.hand update"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
	if got.FormatVersion != "1.0" || len(got.ResourceDrift) != 2 || len(got.Checks) != 3 || got.Checks[1].Status != "fail" {
		t.Errorf("got %+v", got)
	}
}

func TestReadRefuses(t *testing.T) {
	for _, raw := range []string{"", "no json", `{"format_version":"9.0"}`, `{}`} {
		if _, err := Read([]byte(raw)); err == nil || !strings.Contains(err.Error(), "make") {
			t.Errorf("%q: got %v", raw, err)
		}
	}
}

// TestNothingToDo: Terraform's line stands only where all is as it should be.
func TestNothingToDo(t *testing.T) {
	for _, tt := range []struct {
		name string
		p    *plan.Plan
		want string
	}{
		{"all is met", &plan.Plan{Expectations: []plan.Expectation{{Status: plan.Met}}}, NoChanges},
		{"one is not", &plan.Plan{Expectations: []plan.Expectation{{Status: plan.Unmet}}}, "No changes. What mailrelay writes is as configured, but 1 expectation is not met."},
		{"nobody knows", &plan.Plan{Expectations: []plan.Expectation{{Status: plan.Unmet}, {Status: plan.Open}}}, "No changes. What mailrelay writes is as configured, but 2 expectations are not met."},
		{"not verified", &plan.Plan{Verifications: []plan.Verification{{State: plan.Unverified}}}, "No changes. What mailrelay writes is as configured, but 1 domain is not verified."},
		{"verified", &plan.Plan{Verifications: []plan.Verification{{State: plan.Verified}}}, NoChanges},
	} {
		if text := string(shown(t, model(t, tt.p), Style{})); !strings.Contains(text, tt.want+"\n") || tt.want != NoChanges && strings.Contains(text, NoChanges) {
			t.Errorf("%s: %s", tt.name, text)
		}
	}
}

// TestImpliedRecord: what a block implies in DNS is shown as the record that it is.
func TestImpliedRecord(t *testing.T) {
	after := cty.ObjectVal(map[string]cty.Value{"zone": cty.StringVal("zone.new"), "name": cty.StringVal("new.example."), "type": cty.StringVal("TXT"),
		"ttl": cty.NumberIntVal(3600), "values": cty.ListVal([]cty.Value{cty.StringVal("mailrelay-verification=x")})})
	m := model(t, &plan.Plan{Changes: []plan.Change{{Addr: schema.Addr{Type: "domain", Name: "new", Part: "verification"}, Action: plan.Create, After: after}}})
	if text := string(shown(t, m, Style{})); !strings.Contains(text, `+ record domain.new.verification {`) || m.ResourceChanges[0].Type != "record" {
		t.Errorf("%s: %s", m.ResourceChanges[0].Type, text)
	}
}

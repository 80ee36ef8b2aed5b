package render

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// forms writes a model in every form, by the ending of a file.
func forms() map[string]func(io.Writer, *Model, Options) error {
	return map[string]func(io.Writer, *Model, Options) error{
		"txt":    func(w io.Writer, m *Model, o Options) error { return ShortText(w, m, Style{}, o) },
		"md":     Markdown,
		"html":   HTML,
		"github": GitHub,
		"gitlab": func(w io.Writer, m *Model, _ Options) error { return GitLab(w, m) },
		"sarif":  func(w io.Writer, m *Model, o Options) error { return SARIF(w, m.Findings, o) },
		"junit":  JUnit,
	}
}

func form(t testing.TB, ending string, m *Model, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := forms()[ending](&b, m, o); err != nil {
		t.Fatalf("%s: %v", ending, err)
	}
	return b.String()
}

// config reads a configuration.
func config(t testing.TB, text string) *schema.Config {
	t.Helper()
	c, diags := lang.LoadFS(fstest.MapFS{"a.mail.hcl": {Data: []byte(text)}}, lang.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return c
}

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

// turned is the plan that makes of one configuration another. mx is what DNS holds.
func turned(t testing.TB, before, after string, mx ...rr.Set) *Model {
	t.Helper()
	objects, err := revision.Objects(config(t, before))
	if err != nil {
		t.Fatal(err)
	}
	base := &revision.Revision{Lineage: "x", Serial: 3, Applied: noon().Add(-240 * time.Hour), By: "ann@host", Target: objects}
	base.Seal()
	c := config(t, after)
	var seen plan.Seen
	for _, z := range schema.All[*schema.Zone](c) {
		for _, s := range mx {
			seen.RRsets = append(seen.RRsets, plan.Observation{Zone: z.Addr(), Key: s.Key(), Source: "ns1", At: noon(), Set: &s})
		}
	}
	p, err := plan.Make(c, base, seen, noon())
	if err != nil {
		t.Fatal(err)
	}
	m, err := NewModel(p)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

const coexist = `
zone "a" {
  name    = "a.example"
  servers = ["192.0.2.53"]
}
domain "a" {
  name = "a.example"
  type = "internal_relay"
}
relay "edge" { hostname = "mx.a.example" }
receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["0.0.0.0/0", "::/0"]
  permission_groups = ["anonymous_users"]
}
receive_connector "old" {
  relay             = relay.edge
  remote_ip_ranges  = ["10.9.0.0/16"]
  permission_groups = ["anonymous_users"]
}
send_connector "mailbox" {
  address_spaces = ["a.example"]
  smart_hosts    = ["mail.corp.a.example"]
}
send_connector "internet" { address_spaces = ["*"] }
`

// cutover is coexist with the mailboxes, and the MX, elsewhere.
func cutover() string {
	out := strings.Replace(coexist, "mail.corp.a.example", "a-example.mail.protection.outlook.com", 1)
	out = strings.Replace(out, `"old"`, `"new"`, 1)
	return out + `
record "mx" {
  zone   = zone.a
  type   = "MX"
  values = ["0 a-example.mail.protection.outlook.com."]
}
`
}

// TestForms holds every form of a plan with everything in it.
func TestForms(t *testing.T) {
	m := model(t, full(t))
	for ending := range forms() {
		if ending == "txt" {
			continue // TestText
		}
		golden(t, "full."+ending, []byte(form(t, ending, m, Options{Folder: "mail/edge", Version: "0.1.0"})))
	}
}

// TestFormsOfCutover holds the forms in which the flow of the mail is drawn.
func TestFormsOfCutover(t *testing.T) {
	m := turned(t, coexist, cutover(), rr.NewSet("a.example.", "MX", 300, "10 mx.a.example."))
	for _, ending := range []string{"md", "html"} {
		golden(t, "cutover."+ending, []byte(form(t, ending, m, Options{})))
	}
}

// TestFormsOfNothing holds that a plan that changes nothing says so in every form.
func TestFormsOfNothing(t *testing.T) {
	m := turned(t, coexist, coexist)
	for ending, want := range map[string]string{
		"txt": "No changes.", "md": "no changes\n", "html": "no changes</h1>", "github": "::notice title=mailrelay::no changes.",
		"gitlab": `{"create":0,"update":0,"delete":0}`, "sarif": `"results": [`, "junit": "no changes.",
	} {
		if got := form(t, ending, m, Options{}); !strings.Contains(got, want) {
			t.Errorf("%s does not say %q:\n%s", ending, want, got)
		}
	}
}

// current is what was applied, with everything that a revision may hold.
func current(t testing.TB) *Model {
	t.Helper()
	objects, err := revision.Objects(config(t, coexist))
	if err != nil {
		t.Fatal(err)
	}
	mx := rr.NewSet("a.example.", "MX", 300, "10 mx.a.example.")
	r := &revision.Revision{
		Lineage: "x", Serial: 7, Applied: noon(), By: "ann@host", Target: objects,
		Owned:    []revision.Owned{{Addr: addr(t, "record.mx"), Zone: addr(t, "zone.a"), Set: mx}},
		Retained: []revision.Retained{{Object: revision.Object{Addr: addr(t, "send_connector.gone"), Value: objects[len(objects)-2].Value}, Until: noon().Add(time.Hour)}},
		Pending:  []revision.Step{{Addrs: []schema.Addr{addr(t, "record.spf")}, Before: &mx}},
		Proofs:   []revision.Proof{{Domain: addr(t, "domain.a"), Name: "a.example", Gates: true}},
		Awaited:  []revision.Awaited{{Addr: addr(t, "expect.rdns"), Since: noon()}},
	}
	r.Hash = "0123456789abcdef" // that of the content changes with what a revision can hold
	m, err := NewCurrent(r, []check.Finding{{Code: "MR302", Severity: check.Warning, Addr: addr(t, "domain.a"), Summary: "s", Detail: "d"}}, noon())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestFormsOfCurrent holds that what was applied is shown in every form, and that
// its JSON is read back, and is no plan to apply.
func TestFormsOfCurrent(t *testing.T) {
	m := current(t)
	for ending := range forms() {
		golden(t, "current."+ending, []byte(form(t, ending, m, Options{})))
	}
	raw, err := m.JSON()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Read(raw)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.Revision, back.Revision); diff != "" {
		t.Error(diff)
	}
}

// TestFormsAreWellFormed holds that what a hostile value says cannot make a form
// unreadable.
func TestFormsAreWellFormed(t *testing.T) {
	m := model(t, full(t))
	evil := "]]>\"'<b>&\x00\x1b[31m\n::error::%0A\xff\u202e"
	m.Findings[0].Detail, m.Findings[1].Summary, m.Checks[1].Problem = evil, evil, evil
	var log map[string]any
	if err := json.Unmarshal([]byte(form(t, "sarif", m, Options{})), &log); err != nil {
		t.Error(err)
	}
	var suites junitSuites
	if err := xml.Unmarshal([]byte(form(t, "junit", m, Options{})), &suites); err != nil {
		t.Error(err)
	}
	if n := len(suites.Suites); n < 5 {
		t.Errorf("%d suites", n)
	}
	for l := range strings.Lines(form(t, "github", m, Options{})) {
		if !strings.HasPrefix(l, "::error ") && !strings.HasPrefix(l, "::warning ") && !strings.HasPrefix(l, "::notice ") {
			t.Errorf("a line is no annotation: %q", l)
		}
	}
}

// large is a plan of n changes, in hundreds, with as many of all else.
func large(t testing.TB, n int) *Model {
	var text strings.Builder
	text.WriteString(coexist)
	fmt.Fprintf(&text, "domain \"many\" {\n  for_each = toset(flatten([for i in range(%d) : [for j in range(100) : \"${i}-${j}\"]]))\n  name = \"d${each.key}.example\"\n type = \"internal_relay\"\n}\n", n/100)
	m := turned(t, coexist, text.String())
	if len(m.ResourceChanges) < n {
		t.Fatalf("%d changes", len(m.ResourceChanges))
	}
	for i := range n {
		m.Findings = append(m.Findings, check.Finding{Code: "MR107", Severity: check.Note, Addr: schema.Addr{Type: "domain", Name: "many", Key: fmt.Sprint(i)}, Summary: "an allowlist entry without an owner", Detail: "Nobody can be asked whether it is still needed. Add owner."})
		m.Checks = append(m.Checks, Check{Address: checkAddress(schema.Addr{Type: "expect", Name: "x", Key: fmt.Sprint(i)}), Status: "fail", Problem: "there is no such record"})
	}
	return m
}

// TestFormsFit holds that a plan of 10,000 changes fits where there is little room,
// and that the summary is whole and says what was left out.
func TestFormsFit(t *testing.T) {
	m := large(t, 10000)
	for ending := range forms() {
		little := 4000
		if ending == "html" {
			little = 20000 // it has its style
		}
		for _, most := range []int{65536, little} {
			begun := time.Now()
			got := form(t, ending, m, Options{MaxBytes: most})
			t.Logf("%s in %d bytes: %d bytes, %v", ending, most, len(got), time.Since(begun).Round(time.Millisecond))
			if len(got) > most {
				t.Errorf("%s: %d bytes in %d", ending, len(got), most)
			}
			if ending == "gitlab" {
				continue
			}
			if !strings.Contains(strings.ToLower(got), "left out") {
				t.Errorf("%s does not say what was left out", ending)
			}
			if ending == "md" && !strings.Contains(got, m.Summary.planLine()) {
				t.Errorf("the summary was cut:\n%s", got)
			}
			if most == 65536 && len(got) < most*9/10 {
				t.Errorf("%s uses %d bytes of %d", ending, len(got), most)
			}
		}
	}
}

// BenchmarkForms writes a plan of 10,000 changes in every form, without a limit.
func BenchmarkForms(b *testing.B) {
	m := large(b, 10000)
	for ending, write := range forms() {
		b.Run(ending, func(b *testing.B) {
			for b.Loop() {
				if err := write(io.Discard, m, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestTooSmall(t *testing.T) {
	m := model(t, full(t))
	for ending, write := range forms() {
		if ending == "gitlab" {
			continue
		}
		var b bytes.Buffer
		if err := write(&b, m, Options{MaxBytes: 20}); err == nil || b.Len() > 0 {
			t.Errorf("%s in 20 bytes: %v, %q", ending, err, b.String())
		}
	}
}

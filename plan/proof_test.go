package plan

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/zclconf/go-cty/cty"
	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
	"github.com/mailrelay/mailrelay/schema/revision"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// proofWorld is a world with one zone, a relay, and domains of which some are to
// be verified.
type proofWorld struct {
	*world
	servers bool              // the zone says which servers count
	nozone  bool              // no zone of the configuration holds the domain
	outside map[rr.Key]rr.Set // what the resolvers say, where it is something else
	now     time.Time
	lineage string
}

func newProofWorld(t tester) *proofWorld {
	return &proofWorld{world: newWorld(t), outside: map[rr.Key]rr.Set{}, now: now, lineage: "lineage"}
}

// dom is a domain block.
type dom struct {
	addr, name string
	proof      map[string]cty.Value // nil: no verification
}

func verification(attrs ...string) map[string]cty.Value {
	out := map[string]cty.Value{}
	for i := 0; i < len(attrs); i += 2 {
		out[attrs[i]] = cty.StringVal(attrs[i+1])
		if attrs[i+1] == "false" {
			out[attrs[i]] = cty.False
		}
	}
	return out
}

func (w *proofWorld) domains(doms ...dom) *schema.Config {
	w.t.Helper()
	blocks := []schema.Block{
		w.block(schema.Addr{Type: "relay", Name: "edge"}, map[string]cty.Value{"hostname": cty.StringVal("relay.contoso.com")}),
		w.block(schema.Addr{Type: "receive_connector", Name: "internet"}, map[string]cty.Value{"relay": cty.StringVal("relay.edge"),
			"remote_ip_ranges": cty.SetVal([]cty.Value{cty.StringVal("0.0.0.0/0")}), "permission_groups": cty.SetVal([]cty.Value{cty.StringVal("anonymous_users")})}),
	}
	if !w.nozone {
		zone := map[string]cty.Value{
			"name":   cty.StringVal("contoso.com"),
			"update": cty.ObjectVal(map[string]cty.Value{"rfc2136": cty.ObjectVal(map[string]cty.Value{"server": cty.StringVal("127.0.0.1"), "tsig": cty.NullVal(cty.DynamicPseudoType)}), "manual": cty.NullVal(cty.DynamicPseudoType), "zonefile": cty.NullVal(cty.DynamicPseudoType)}),
		}
		if w.servers {
			zone["servers"] = cty.ListVal([]cty.Value{cty.StringVal("192.0.2.53")})
		}
		blocks = append(blocks, w.block(zoneAddr, zone))
	}
	for _, d := range doms {
		a, err := schema.ParseAddr(d.addr)
		if err != nil {
			w.t.Fatal(err)
		}
		attrs := map[string]cty.Value{"name": cty.StringVal(d.name), "type": cty.StringVal("external_relay")}
		if d.proof != nil {
			body := map[string]cty.Value{}
			for name, typ := range schema.TypeNamed(schema.Types(), "domain").Body.Type().AttributeType("verification").AttributeTypes() {
				body[name] = cty.NullVal(typ)
				if v, ok := d.proof[name]; ok {
					body[name] = v
				}
			}
			attrs["verification"] = cty.ObjectVal(body)
		}
		blocks = append(blocks, w.block(a, attrs))
	}
	c := schema.NewConfig(blocks, nil)
	for _, p := range schema.Validate(c) {
		w.t.Fatal(p)
	}
	return c
}

// proofsSeen adds to what is seen of c what every server and resolver says.
func (w *proofWorld) proofsSeen(c *schema.Config) Seen {
	out := w.world.seen(c)
	out.Lineage = ""
	if w.base == nil {
		out.Lineage = w.lineage
	}
	had := map[place]bool{}
	for _, o := range out.RRsets {
		had[place{o.Zone, o.Key}] = true
	}
	look := func(z *schema.Zone, k rr.Key) {
		at := place{key: k}
		sets, source := w.sets, "ns1"
		if z == nil {
			source = "resolver 192.0.2.1"
			if s, ok := w.outside[k]; ok {
				sets = map[rr.Key]rr.Set{k: s}
			}
		} else {
			at.zone = z.Addr()
		}
		if had[at] {
			return
		}
		had[at] = true
		o := Observation{Zone: at.zone, Key: k, Source: source, At: w.now, Err: w.fail[k]}
		if s, ok := sets[k]; ok && len(s.Data) > 0 {
			o.Set = &s
		}
		out.RRsets = append(out.RRsets, o)
		if s, ok := w.lag[k]; ok && z != nil {
			o.Source, o.Set = "ns2", &s
			out.RRsets = append(out.RRsets, o)
		}
	}
	for _, p := range c.Proofs() {
		for _, z := range Looks(p) {
			look(z, p.Key)
		}
		for _, name := range MXNames(p.Domain) {
			look(p.Zone, rr.Key{Name: name, Type: "MX"})
		}
	}
	return out
}

func (w *proofWorld) planAt(c *schema.Config) *Plan {
	w.t.Helper()
	p, err := Make(c, w.base, w.proofsSeen(c), w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// step plans and applies, and an hour passes.
func (w *proofWorld) step(c *schema.Config) *Plan {
	w.t.Helper()
	p := w.planAt(c)
	w.apply(p)
	w.now = w.now.Add(time.Hour)
	return p
}

// said is what a plan says about verifications, for comparison.
func said(p *Plan) string {
	var out []string
	for _, v := range p.Verifications {
		s := v.State
		if v.New {
			s += " now"
		}
		if v.Gates {
			s += " gates"
		}
		for _, ch := range p.Changes {
			if ch.Addr == v.Addr {
				s += fmt.Sprintf(" %c", ch.Action)
			}
		}
		out = append(out, s)
	}
	for _, e := range p.Expectations {
		out = append(out, e.Status)
	}
	for _, f := range p.Findings {
		if f.Code != "MR301" { // the tests send nothing
			out = append(out, f.Code)
		}
	}
	return strings.Join(out, ", ")
}

func TestVerification(t *testing.T) {
	contoso := dom{"domain.contoso", "contoso.com", verification()}
	given := dom{"domain.contoso", "contoso.com", verification("value", "MS=ms15068668")}
	gone := dom{"domain.contoso", "contoso.com", verification("keep", "false")}
	bare := dom{"domain.contoso", "contoso.com", nil}
	apex := rr.Key{Name: "contoso.com.", Type: "TXT"}
	type step struct {
		doms []dom
		then func(w *proofWorld) // before the plan
		want string
	}
	for _, tt := range []struct {
		name  string
		world func(w *proofWorld)
		steps []step
	}{
		{"from add to verified", nil, []step{
			{[]dom{contoso}, nil, "unverified gates +"},
			{[]dom{contoso}, nil, "verified now"},
			{[]dom{contoso}, nil, "verified, MR201"},
		}},
		{"a token that was given and stands already", func(w *proofWorld) { w.put("@", "TXT", 300, "MS=ms15068668", "v=spf1 -all") }, []step{
			{[]dom{given}, nil, "verified now <"},
			{[]dom{given}, nil, "verified, MR201"},
		}},
		{"once verified it stays so", nil, []step{
			{[]dom{contoso}, nil, "unverified gates +"},
			{[]dom{contoso}, nil, "verified now"},
			{[]dom{contoso}, func(w *proofWorld) { delete(w.sets, apex) }, "verified +"},
			{[]dom{contoso}, func(w *proofWorld) { w.fail[apex] = "no answer" }, "verified ?"},
		}},
		{"keep = false", nil, []step{
			{[]dom{gone}, nil, "unverified gates +"},
			{[]dom{gone}, nil, "verified now"},
			{[]dom{gone}, nil, "verified -"},
			{[]dom{gone}, nil, "verified"},
			{[]dom{contoso}, nil, "verified +"},
			{[]dom{gone}, nil, "verified -"},
		}},
		{"a resolver still answers otherwise", nil, []step{
			{[]dom{contoso}, func(w *proofWorld) { w.outside[apex] = rr.Set{} }, "unverified gates +"},
			{[]dom{contoso}, nil, "unverified gates"},
			{[]dom{contoso}, func(w *proofWorld) { delete(w.outside, apex) }, "verified now"},
		}},
		{"resolvers do not count where the zone has servers", func(w *proofWorld) { w.servers = true; w.outside[apex] = rr.Set{} }, []step{
			{[]dom{contoso}, nil, "unverified gates +"},
			{[]dom{contoso}, nil, "verified now"},
		}},
		{"a server that lags", nil, []step{
			{[]dom{contoso}, nil, "unverified gates +"},
			{[]dom{contoso}, func(w *proofWorld) { w.lag[apex] = rr.NewSet("contoso.com.", "TXT", 3600, `"other"`) }, "unverified gates ?"},
			{[]dom{contoso}, func(w *proofWorld) { delete(w.lag, apex) }, "verified now"},
		}},
		{"a server that cannot be asked", nil, []step{
			{[]dom{contoso}, nil, "unverified gates +"},
			{[]dom{contoso}, func(w *proofWorld) { w.fail[apex] = "no answer" }, "unverified gates ?"},
		}},
		{"somebody else writes it", func(w *proofWorld) { w.nozone = true }, []step{
			{[]dom{contoso}, nil, "unverified gates, unmet"},
			{[]dom{contoso}, func(w *proofWorld) { w.put("@", "TXT", 300, string(token(w)), "v=spf1 -all") }, "verified now, met"},
			{[]dom{contoso}, nil, "verified, met, MR201"},
			{[]dom{contoso}, func(w *proofWorld) { delete(w.sets, apex) }, "verified, met, MR205"},
			{[]dom{gone}, nil, "verified, met"},
		}},
		{"a domain in service", nil, []step{
			{[]dom{bare}, nil, ""},
			{[]dom{contoso}, nil, "unverified +"},
			{[]dom{contoso}, nil, "verified now"},
			{[]dom{bare}, nil, ""},
			{[]dom{contoso}, nil, "verified +"},
		}},
		{"part of a domain in service", nil, []step{
			{[]dom{{"domain.all", "*.contoso.com", nil}}, nil, ""},
			{[]dom{{"domain.all", "*.contoso.com", nil}, {"domain.sub", "sub.contoso.com", verification()}}, nil, "unverified +"},
		}},
		{"beside a domain in service", nil, []step{
			{[]dom{bare}, nil, ""},
			{[]dom{bare, {"domain.sub", "sub.contoso.com", verification()}}, nil, "unverified gates +"},
		}},
		{"another name is another domain", nil, []step{
			{[]dom{contoso}, nil, "unverified gates +"},
			{[]dom{contoso}, nil, "verified now"},
			{[]dom{{"domain.contoso", "eu.contoso.com", verification()}}, nil, "unverified gates - +"},
		}},
		{"the block removed before the proof was seen", nil, []step{
			{[]dom{contoso}, nil, "unverified gates +"},
			{[]dom{bare}, nil, ""},
			{[]dom{contoso}, nil, "unverified +"},
		}},
		{"another token is another proof, and stops nothing", nil, []step{
			{[]dom{contoso}, nil, "unverified gates +"},
			{[]dom{contoso}, nil, "verified now"},
			{[]dom{given}, nil, "unverified ~"},
			{[]dom{given}, nil, "verified now"},
		}},
		{"another token before the first was seen", nil, []step{
			{[]dom{contoso}, nil, "unverified gates +"},
			{[]dom{given}, func(w *proofWorld) { delete(w.sets, apex) }, "unverified gates +"},
		}},
		{"overdue", nil, []step{
			{[]dom{contoso}, func(w *proofWorld) { w.outside[apex] = rr.Set{} }, "unverified gates +"},
			{[]dom{contoso}, func(w *proofWorld) { w.now = w.now.Add(48 * time.Hour) }, "unverified gates, MR204"},
		}},
		{"by MX, beside the MX that leads mail", func(w *proofWorld) { w.put("@", "MX", 300, "10 mail.contoso.com.") }, []step{
			{[]dom{{"domain.contoso", "contoso.com", verification("method", "mx", "value", "ms1")}}, nil, "unverified gates +"},
			{[]dom{{"domain.contoso", "contoso.com", verification("method", "mx", "value", "ms1", "keep", "false")}}, nil, "verified now"},
			{[]dom{{"domain.contoso", "contoso.com", verification("method", "mx", "value", "ms1", "keep", "false")}}, nil, "verified -"},
		}},
		{"by CNAME", nil, []step{
			{[]dom{{"domain.contoso", "contoso.com", verification("method", "cname", "name", "8f2c", "value", "verify.example.net")}}, nil, "unverified gates +"},
			{[]dom{{"domain.contoso", "contoso.com", verification("method", "cname", "name", "8f2c", "value", "verify.example.net")}}, nil, "verified now"},
		}},
		{"no state, and the MX leads to our relay", func(w *proofWorld) { w.put("@", "MX", 300, "10 relay.contoso.com.") }, []step{
			{[]dom{contoso}, nil, "unverified +"},
		}},
		{"no state, and the MX leads elsewhere", func(w *proofWorld) { w.put("@", "MX", 300, "10 old.contoso.com.") }, []step{
			{[]dom{contoso}, nil, "unverified gates +"},
		}},
		{"no state, and the MX cannot be seen", func(w *proofWorld) { w.fail[rr.Key{Name: "contoso.com.", Type: "MX"}] = "no answer" }, []step{
			{[]dom{contoso}, nil, "unverified +"},
		}},
		{"no state, and a token of another one stands", func(w *proofWorld) { w.put("@", "TXT", 300, "mailrelay-verification=of-old") }, []step{
			{[]dom{contoso}, nil, "unverified +"},
		}},
		{"no state, and none will be", func(w *proofWorld) { w.lineage = "" }, []step{
			{[]dom{contoso}, nil, "unverified gates"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newProofWorld(t)
			if tt.world != nil {
				tt.world(w)
			}
			for i, s := range tt.steps {
				if s.then != nil {
					s.then(w)
				}
				if got := said(w.step(w.domains(s.doms...))); got != s.want {
					t.Fatalf("step %d: %q, want %q", i+1, got, s.want)
				}
			}
		})
	}
}

// token is that of the first proof that the state keeps.
func token(w *proofWorld) string { return w.base.Proofs[0].Token }

// A token follows from the base: two plans say the same, and a domain that comes
// back gets another.
func TestTokens(t *testing.T) {
	w := newProofWorld(t)
	doms := []dom{{"domain.a", "contoso.com", verification()}, {"domain.b", "eu.contoso.com", verification("method", "mx")}}
	one, two := w.planAt(w.domains(doms...)), w.planAt(w.domains(doms...))
	if diff := cmp.Diff(one.Proofs, two.Proofs); diff != "" {
		t.Errorf("the same base gives other tokens: -first +second\n%s", diff)
	}
	tokens := map[string]bool{}
	for range 3 {
		w.step(w.domains(doms...))
		first := w.base.Proofs
		w.step(w.domains(doms...))
		if w.base.Proofs[0].Token != first[0].Token || w.base.Proofs[1].Token != first[1].Token {
			t.Error("a domain that stays got another token")
		}
		for _, p := range w.base.Proofs {
			if tokens[p.Token] {
				t.Errorf("%s was issued twice", p.Token)
			}
			tokens[p.Token] = true
		}
		w.step(w.domains())
		if len(w.base.Proofs) != 0 {
			t.Errorf("proofs of domains that left: %v", w.base.Proofs)
		}
		if len(w.sets) != 0 {
			t.Errorf("records that were left behind: %v", w.sets)
		}
	}
	other := newProofWorld(t)
	other.lineage = "another"
	if other.planAt(w.domains(doms...)).Proofs[0].Token == one.Proofs[0].Token {
		t.Error("another state issues the same token")
	}
	for token := range tokens {
		code := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(token, "mailrelay-verification="), "mailrelay-verification-"), ".invalid")
		if len(code) != 26 || strings.ToLower(code) != code {
			t.Errorf("a token looks like %q", token)
		}
	}
}

// A proof moves with its domain.
func TestProofMoves(t *testing.T) {
	w := newProofWorld(t)
	w.step(w.domains(dom{"domain.a", "contoso.com", verification()}))
	w.step(w.domains(dom{"domain.a", "contoso.com", verification()}))
	was := w.base.Proofs[0]
	c := w.domains(dom{"domain.b", "contoso.com", verification()})
	from, to := schema.Addr{Type: "domain", Name: "a"}, schema.Addr{Type: "domain", Name: "b"}
	c.Moved = []schema.Moved{{From: from, To: to}}
	p := w.step(c)
	if len(p.Sets) > 0 || p.Counts() != (Counts{}) {
		t.Errorf("a move writes: %+v", p.Counts())
	}
	was.Domain = to
	if diff := cmp.Diff([]revision.Proof{was}, w.base.Proofs); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}

// A plan that leads mail to a relay which would defer it says so.
func TestMXBeforeProof(t *testing.T) {
	for _, tt := range []struct{ mx, want string }{
		{"10 relay.contoso.com.", "unverified gates +, MR403"},
		{"10 elsewhere.contoso.com.", "unverified gates +"},
	} {
		w := newProofWorld(t)
		c := w.domains(dom{"domain.contoso", "contoso.com", verification()})
		mx := w.block(schema.Addr{Type: "record", Name: "mx"}, map[string]cty.Value{
			"zone": cty.StringVal("zone.contoso"), "name": cty.StringVal("@"), "type": cty.StringVal("MX"), "values": cty.ListVal([]cty.Value{cty.StringVal(tt.mx)}),
		})
		c = schema.NewConfig(append(c.Blocks, mx), nil)
		if got := said(w.planAt(c)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.mx, got, tt.want)
		}
	}
}

// A proof by MX and the MX that leads mail, which is exclusive, leave each other
// alone.
func TestProofBesideMX(t *testing.T) {
	w := newProofWorld(t)
	config := func(keep string, mx ...string) *schema.Config {
		c := w.domains(dom{"domain.contoso", "contoso.com", verification("method", "mx", "keep", keep)})
		var values []cty.Value
		for _, v := range mx {
			values = append(values, cty.StringVal(v))
		}
		if values == nil {
			return c
		}
		c = schema.NewConfig(append(c.Blocks, w.block(schema.Addr{Type: "record", Name: "mx"}, map[string]cty.Value{
			"zone": cty.StringVal("zone.contoso"), "name": cty.StringVal("@"), "type": cty.StringVal("MX"), "values": cty.ListVal(values), "ttl": cty.NumberIntVal(300),
		})), nil)
		for _, p := range schema.Validate(c) {
			t.Fatal(p)
		}
		return c
	}
	w.put("@", "MX", 300, "5 old.contoso.com.", "32767 ms1.msv1.invalid.")
	key := rr.Key{Name: "contoso.com.", Type: "MX"}
	w.step(config("true", "10 mail.contoso.com."))
	proof := rr.Data("32767 " + token(w) + ".")
	for i, s := range []struct {
		config *schema.Config
		ttl    uint32
		want   []rr.Data
	}{
		{config("true", "10 mail.contoso.com."), 300, []rr.Data{"10 mail.contoso.com.", "32767 ms1.msv1.invalid.", proof}},
		{config("true", "20 mail.contoso.com."), 300, []rr.Data{"20 mail.contoso.com.", "32767 ms1.msv1.invalid.", proof}},
		{config("false", "20 mail.contoso.com."), 300, []rr.Data{"20 mail.contoso.com.", "32767 ms1.msv1.invalid."}},
		{config("true", "20 mail.contoso.com."), 300, []rr.Data{"20 mail.contoso.com.", "32767 ms1.msv1.invalid.", proof}},
		{config("true"), 300, []rr.Data{"32767 ms1.msv1.invalid.", proof}},
	} {
		w.step(s.config)
		want := rr.NewSet(key.Name, key.Type, s.ttl, s.want...)
		if diff := cmp.Diff(want, w.sets[key]); diff != "" {
			t.Errorf("step %d: -want +got\n%s", i+1, diff)
		}
		if p := w.planAt(s.config); !p.Empty() {
			t.Errorf("step %d: the plan after it is not empty: %+v", i+1, p.Changes)
		}
	}
}

// Whatever is done with verification, and whatever DNS says, mail for a domain
// that is accepted goes on being accepted as long as the domain is configured.
func TestVerificationStopsNothing(t *testing.T) {
	gated, verified := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		w := newProofWorld(rt)
		names := []string{"contoso.com", "eu.contoso.com", "*.us.contoso.com", "*.contoso.com"}
		keys := []rr.Key{{Name: "contoso.com.", Type: "TXT"}, {Name: "eu.contoso.com.", Type: "TXT"}, {Name: "us.contoso.com.", Type: "TXT"}}
		accepts := func() map[string]bool {
			if w.base == nil {
				return nil
			}
			c, err := w.base.InForce()
			if err != nil {
				rt.Fatal(err)
			}
			policy, err := decide.Compile(c)
			if err != nil {
				rt.Fatal(err)
			}
			out := map[string]bool{}
			for _, name := range []string{"contoso.com", "eu.contoso.com", "x.us.contoso.com", "other.contoso.com"} {
				client := decide.Client{Local: netip.MustParseAddrPort("192.0.2.1:25"), Remote: netip.MustParseAddr("198.51.100.7")}
				v := policy.Recipient(client, schema.Mailbox{Local: "a", Domain: "example.org"}, schema.Mailbox{Local: "b", Domain: name})
				if v.Code == 451 {
					gated++
				}
				out[name] = v.OK()
			}
			return out
		}
		var doms []dom
		for range rapid.IntRange(1, 8).Draw(rt, "steps") {
			stays := map[string]bool{}
			for _, d := range doms {
				stays[d.name] = true
			}
			doms = nil
			for i, name := range names {
				if !stays[name] && rapid.Bool().Draw(rt, "absent") {
					continue
				}
				d := dom{addr: fmt.Sprintf("domain.d%d", i), name: name}
				switch rapid.IntRange(0, 4).Draw(rt, "proof") {
				case 0, 1:
					d.proof = verification()
				case 2:
					d.proof = verification("value", rapid.SampledFrom([]string{"MS=ms1", "MS=ms2"}).Draw(rt, "value"), "keep", "false")
				case 3:
					d.proof = verification("method", "mx")
				}
				doms = append(doms, d)
			}
			clear(w.fail)
			clear(w.outside)
			for _, k := range keys {
				switch rapid.IntRange(0, 4).Draw(rt, "weather") {
				case 0:
					w.fail[k] = "no answer"
				case 1:
					w.outside[k] = rr.Set{}
				case 2:
					delete(w.sets, k)
				}
			}
			before := accepts()
			p := w.step(w.domains(doms...))
			for _, v := range p.Verifications {
				if v.State == Verified {
					verified++
				}
			}
			for name, now := range accepts() {
				if before[name] && !now {
					rt.Fatalf("%s is not accepted any more", name)
				}
			}
		}
	})
	if gated == 0 || verified == 0 {
		t.Errorf("%d gated, %d verified: the test shows nothing", gated, verified)
	}
}

// Nobody's mail is held for a domain that was never accepted.
func TestGatedDomainIsNotRetained(t *testing.T) {
	for _, tt := range []struct {
		proof map[string]cty.Value
		want  int
	}{{verification(), 0}, {nil, 1}} {
		w := newProofWorld(t)
		w.step(w.domains(dom{"domain.contoso", "contoso.com", tt.proof}))
		w.base.Switched = []revision.Switched{{Zone: zoneAddr, Name: "contoso.com.", Type: "MX", Leads: []string{"contoso.com."}, Was: []rr.Data{"10 old."}, TTL: 3600}}
		if p := w.planAt(w.domains()); len(p.Retained) != tt.want {
			t.Errorf("verification %v: %d retained, want %d", tt.proof != nil, len(p.Retained), tt.want)
		}
	}
}

package policy_test

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

func rsaKey(bits int) string {
	n := new(big.Int).Lsh(big.NewInt(1), uint(bits-1))
	der, _ := x509.MarshalPKIXPublicKey(&rsa.PublicKey{N: n.Add(n, big.NewInt(7)), E: 65537})
	return base64.StdEncoding.EncodeToString(der)
}

func edKey(fill byte) string {
	return base64.StdEncoding.EncodeToString(ed25519.PublicKey(strings.Repeat(string(rune(fill)), 32)))
}

// words writes differences as term: before > after.
func words(ds []policy.Difference) []string {
	out := []string{}
	for _, d := range ds {
		switch {
		case d.Same():
			out = append(out, "same")
		case d.Before == "":
			out = append(out, fmt.Sprintf("%s: +%s", d.Term, d.After))
		case d.After == "":
			out = append(out, fmt.Sprintf("%s: -%s", d.Term, d.Before))
		default:
			out = append(out, fmt.Sprintf("%s: %s > %s", d.Term, d.Before, d.After))
		}
	}
	return out
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		name          string
		kind          policy.Kind
		at            string
		before, after string
		want          []string
	}{
		{"equal", policy.SPF, "contoso.com.", "v=spf1 mx -all", "v=spf1 mx -all", []string{}},
		{"come and go", policy.SPF, "contoso.com.", "v=spf1 include:spf.old.example ip4:192.0.2.1 -all", "v=spf1 ip4:192.0.2.1 ip4:203.0.113.25 -all",
			[]string{"ip4:203.0.113.25: +ip4:203.0.113.25", "include:spf.old.example: -include:spf.old.example"}},
		{"qualifiers", policy.SPF, "contoso.com.", "v=spf1 ?mx ~all", "v=spf1 mx -all", []string{"mx:contoso.com: ?mx:contoso.com > mx:contoso.com", "all: ~all > -all"}},
		{"no all is neutral", policy.SPF, "contoso.com.", "v=spf1 mx", "v=spf1 mx ?all", []string{"same"}},
		{"the name itself", policy.SPF, "contoso.com.", "v=spf1 a mx/24 -all", "v=spf1 a:Contoso.com mx:contoso.com/24 -all", []string{"same"}},
		{"case, spaces, order, dead terms", policy.SPF, "contoso.com.", "v=spf1 mx A:b.example ip4:192.0.2.1/32 -all", "V=SPF1  +a:B.example.  mx ip4:192.0.2.1 a:b.example -ALL ptr redirect=x.example y=z", []string{"same"}},
		{"an order that matters", policy.SPF, "contoso.com.", "v=spf1 -a mx -all", "v=spf1 mx -a -all", []string{"order: -a:contoso.com mx:contoso.com -all > mx:contoso.com -a:contoso.com -all"}},
		{"modifiers", policy.SPF, "contoso.com.", "v=spf1 exp=a.example redirect=a.example", "v=spf1 redirect=b.example", []string{"redirect: redirect=a.example > redirect=b.example", "exp: -exp=a.example"}},
		{"was broken", policy.SPF, "contoso.com.", "v=spf1 inclde:a.example -all", "v=spf1 include:a.example -all",
			[]string{"include:a.example: +include:a.example", `broken: -"inclde" is not a term of SPF, and receivers would treat the record as broken`}},

		{"defaults written down", policy.DMARC, "_dmarc.contoso.com.", "v=DMARC1; p=none", "v=DMARC1;p=none;pct=100;sp=none;adkim=r;aspf=r;fo=0;ri=3600", []string{"same"}},
		{"order, case, spaces", policy.DMARC, "_dmarc.contoso.com.", "v=DMARC1; p=reject; rua=mailto:a@contoso.com,mailto:b@contoso.com", "v=DMARC1 ;P = Reject ; rua = MAILTO:b@Contoso.com , mailto:a@contoso.com;", []string{"same"}},
		{"stricter, and subdomains with it", policy.DMARC, "_dmarc.contoso.com.", "v=DMARC1; p=none", "v=DMARC1; p=quarantine; pct=25", []string{"p: none > quarantine", "sp: none > quarantine", "pct: 100 > 25"}},
		{"reports", policy.DMARC, "_dmarc.contoso.com.", "v=DMARC1; p=none; rua=mailto:a@contoso.com", "v=DMARC1; p=none; rua=mailto:a@contoso.com,mailto:b@contoso.com!10m", []string{"rua: +mailto:b@contoso.com!10m"}},
		{"the first reports", policy.DMARC, "_dmarc.contoso.com.", "v=DMARC1; p=none", "v=DMARC1; p=none; rua=mailto:a@contoso.com", []string{"rua: +mailto:a@contoso.com", "ri: +86400"}},
		{"two for one", policy.DMARC, "_dmarc.contoso.com.", "v=DMARC1; p=none; rua=mailto:a@b.example", "v=DMARC1; p=none; rua=mailto:c@b.example,mailto:d@b.example", []string{"rua: -mailto:a@b.example", "rua: +mailto:c@b.example", "rua: +mailto:d@b.example"}},
		{"failure options", policy.DMARC, "_dmarc.contoso.com.", "v=DMARC1; p=none; ruf=mailto:a@b.example; fo=d:1", "v=DMARC1; p=none; ruf=mailto:a@b.example; fo=1:D", []string{"same"}},
		{"what receivers cannot read", policy.DMARC, "_dmarc.contoso.com.", "v=DMARC1; p=none", "v=DMARC1; p=nnone; pct=101", []string{"broken: +p=nnone is none of none, quarantine, reject, and receivers take it as none"}},
		{"no p", policy.DMARC, "_dmarc.contoso.com.", "v=DMARC1; p=reject; sp=none", "v=DMARC1", []string{"p: reject > none", "broken: +it has no p, and receivers do nothing with such a record, or take it as p=none"}},
		{"a tag twice", policy.DMARC, "_dmarc.contoso.com.", "v=DMARC1; p=none", "v=DMARC1; p=none; p=reject", []string{"broken: +p stands twice: leave one"}},
		{"no tag", policy.DMARC, "_dmarc.contoso.com.", "v=DMARC1; p=none", "v=DMARC1; p=none; quarantine", []string{`broken: +"quarantine" is no tag: write name=value, with semicolons between`}},

		{"another id", policy.MTASTS, "_mta-sts.contoso.com.", "v=STSv1; id=20260101", "v=STSv1;id=20261122", []string{"id: 20260101 > 20261122"}},
		{"the same id", policy.MTASTS, "_mta-sts.contoso.com.", "v=STSv1; id=20260101", "v=STSv1; id=20260101;", []string{"same"}},
		{"no id", policy.MTASTS, "_mta-sts.contoso.com.", "v=STSv1; id=20260101", "v=STSv1; id=2026-01-01", []string{"id: -20260101", "broken: +it has no id of 1 to 32 letters and digits, and senders take the domain as one without MTA-STS"}},

		{"destinations", policy.TLSRPT, "_smtp._tls.contoso.com.", "v=TLSRPTv1; rua=mailto:a@contoso.com,https://R.example/Tls", "v=TLSRPTv1;rua=HTTPS://r.example/Tls", []string{"rua: -mailto:a@contoso.com"}},
		{"no destination", policy.TLSRPT, "_smtp._tls.contoso.com.", "v=TLSRPTv1; rua=mailto:a@contoso.com", "v=TLSRPTv1", []string{"rua: -mailto:a@contoso.com", "broken: +it has no rua, and nobody sends reports"}},

		{"the same key", policy.DKIM, "s1._domainkey.contoso.com.", "v=DKIM1; k=rsa; p=" + rsaKey(1024), "p=" + rsaKey(1024)[:40] + " " + rsaKey(1024)[40:] + "; n=hello", []string{"same"}},
		{"a longer key", policy.DKIM, "s1._domainkey.contoso.com.", "v=DKIM1; p=" + rsaKey(1024), "v=DKIM1; p=" + rsaKey(2048), []string{"key: rsa 1024 bits 80bbdfa0777c852a > rsa 2048 bits 27e0f51b3ee42fff"}},
		{"another kind", policy.DKIM, "s1._domainkey.contoso.com.", "v=DKIM1; p=" + rsaKey(1024), "v=DKIM1; k=ed25519; p=" + edKey('a'), []string{"key: rsa 1024 bits 80bbdfa0777c852a > ed25519 3ba3f5f43b926026"}},
		{"another key", policy.DKIM, "s1._domainkey.contoso.com.", "k=ed25519; p=" + edKey('a'), "k=ed25519; p=" + edKey('b'), []string{"key: ed25519 3ba3f5f43b926026 > ed25519 bdb339768bc5e4fe"}},
		{"revoked", policy.DKIM, "s1._domainkey.contoso.com.", "v=DKIM1; p=" + rsaKey(1024), "v=DKIM1; p=", []string{"key: rsa 1024 bits 80bbdfa0777c852a > revoked"}},
		{"testing", policy.DKIM, "s1._domainkey.contoso.com.", "p=" + rsaKey(1024), "h=sha256; t=y:s; p=" + rsaKey(1024), []string{"h: * > sha256", "t: +s", "t: +y"}},
		{"no key", policy.DKIM, "s1._domainkey.contoso.com.", "k=ed25519; p=" + edKey('a'), "k=ed25519; p=YQ==", []string{"key: ed25519 3ba3f5f43b926026 > ed25519 broken ca978112ca1bbdca", "broken: +p holds no ed25519 key, and verifiers ignore it"}},
		{"a kind that nobody knows", policy.DKIM, "s1._domainkey.contoso.com.", "k=rsa; p=" + rsaKey(1024), "k=dsa; p=YQ==", []string{"key: rsa 1024 bits 80bbdfa0777c852a > dsa ca978112ca1bbdca", `broken: +"dsa" is no kind of key that verifiers know: they know rsa and ed25519`}},
	} {
		t.Run(string(c.kind)+" "+c.name, func(t *testing.T) {
			for _, text := range []string{c.before, c.after} {
				if got := policy.KindOf(c.at, text); got != c.kind {
					t.Errorf("%q is read as %q", text, got)
				}
			}
			if diff := cmp.Diff(c.want, words(policy.Compare(c.kind, c.at, c.before, c.after))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if got := policy.Compare(c.kind, c.at, c.after, c.after); got != nil {
				t.Errorf("it differs from itself: %v", got)
			}
		})
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct{ name, text string }{
		{"contoso.com.", "v=spf1mx -all"}, {"contoso.com.", "v=spf2.0/pra -all"}, {"contoso.com.", "MS=ms12345678"}, {"contoso.com.", ""},
		{"contoso.com.", "v=DMARC1; p=none"}, {"_dmarc.contoso.com.", "v=DMARC12; p=none"}, {"_dmarc.contoso.com.", "p=none; v=DMARC1"}, {"_dmarc.contoso.com.", "v=dmarc1; p=none"},
		{"_mta-sts.contoso.com.", "v=STSv2; id=1"}, {"_tls.contoso.com.", "v=TLSRPTv1; rua=mailto:a@b"},
		{"contoso.com.", "v=DKIM1; p="}, {"s._domainkey.contoso.com.", "v=DKIM2; p="}, {"s._domainkey.contoso.com.", "k=rsa; v=DKIM1; p="}, {"s._domainkey.contoso.com.", "o=~"},
	} {
		if got := policy.KindOf(c.name, c.text); got != policy.None {
			t.Errorf("%s %q is read as %s", c.name, c.text, got)
		}
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("v=DMARC1; p=none; rua=mailto:a@b!10m, https://x/y", "v=DMARC1;p=reject;fo=1:d;ruf=:")
	f.Add("v=spf1 -a ?mx ~all", "v=spf1 redirect=%{i} exp=a")
	f.Add("k=rsa; p="+rsaKey(512), "v=DKIM1; k=ed25519; t=y:s; p=")
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, kind := range []policy.Kind{policy.SPF, policy.DMARC, policy.MTASTS, policy.TLSRPT, policy.DKIM} {
			there, back := policy.Compare(kind, "contoso.com.", before, after), policy.Compare(kind, "contoso.com.", after, before)
			if len(there) != len(back) {
				t.Fatalf("%s: %v there, and %v back", kind, words(there), words(back))
			}
			if before == after && there != nil {
				t.Fatalf("%s %q differs from itself: %v", kind, before, words(there))
			}
			if before != after && there == nil {
				t.Fatalf("%s: that %q is not %q went unsaid", kind, before, after)
			}
		}
	})
}

package rr

import (
	"fmt"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/net/idna"
	"pgregory.net/rapid"
)

// anyData draws canonical data of any type.
func anyData(t *rapid.T) (typ string, d Data) {
	name := rapid.StringMatching(`([a-z0-9_]{1,10}\.){0,5}`)
	label := func() string {
		if n := name.Draw(t, "name"); n != "" {
			return n
		}
		return "."
	}
	u8 := func() uint8 { return rapid.Uint8().Draw(t, "u8") }
	u16 := func() uint16 { return rapid.Uint16().Draw(t, "u16") }
	bytes := func(low int) []byte { return rapid.SliceOfN(rapid.Byte(), low, 600).Draw(t, "bytes") }
	typ = rapid.SampledFrom([]string{"A", "AAAA", "CAA", "CNAME", "DS", "MX", "NS", "PTR", "SRV", "SSHFP", "TLSA", "TXT", "TYPE65280", "TYPE65"}).Draw(t, "type")
	switch typ {
	case "A":
		return typ, Data(fmt.Sprintf("%d.%d.%d.%d", u8(), u8(), u8(), u8()))
	case "AAAA":
		return typ, Data(addr(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")))
	case "CAA":
		return typ, Data(fmt.Sprintf(`%d %s "%s"`, u8(), rapid.StringMatching(`[a-z0-9]{1,9}`).Draw(t, "tag"), rapid.StringMatching(`[ !#-\[\]-~]{0,40}`).Draw(t, "value")))
	case "CNAME", "NS", "PTR":
		return typ, Data(label())
	case "DS":
		return typ, Data(fmt.Sprintf("%d %d %d %x", u16(), u8(), u8(), bytes(1)))
	case "MX":
		return typ, Data(fmt.Sprintf("%d %s", u16(), label()))
	case "SRV":
		return typ, Data(fmt.Sprintf("%d %d %d %s", u16(), u16(), u16(), label()))
	case "SSHFP":
		return typ, Data(fmt.Sprintf("%d %d %x", u8(), u8(), bytes(1)))
	case "TLSA":
		return typ, Data(fmt.Sprintf("%d %d %d %x", u8(), u8(), u8(), bytes(1)))
	case "TXT":
		d, err := Text(string(bytes(0)))
		if err != nil {
			t.Fatal(err)
		}
		return typ, d
	}
	return typ, genericData(bytes(0))
}

func TestReadIsTheInverseOfRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ, d := anyData(t)
		r, err := Record("x.contoso.com.", typ, 60, d)
		if err != nil {
			t.Fatal(err)
		}
		if got := Read(r); got != d {
			t.Fatalf("Read = %q, want %q", got, d)
		}
		wire, err := Wire(r)
		if err != nil {
			t.Fatal(err)
		}
		if typ == "TYPE65" {
			return // bytes at random are seldom an HTTPS record
		}
		raw, err := Raw("x.contoso.com.", typ, 60, wire)
		if err != nil {
			t.Fatal(err)
		}
		if got := Read(raw); got != d {
			t.Fatalf("Read(Raw(Wire)) = %q, want %q", got, d)
		}
	})
}

func TestParseIsIdempotent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typ, d := anyData(t)
		if typ == "TXT" {
			t.Skip("text is taken as it is")
		}
		got, err := Parse(typ, "contoso.com", string(d))
		if err != nil || got != d {
			t.Fatalf("Parse = %q, %v, want %q", got, err, d)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"10 mail", `0 issue ";"`, `\# 1 00`, "192.0.2.1", "1 1 1 ab", "100 1 443 bücher"} {
		f.Add(uint8(len(s)), s)
	}
	types := []string{"A", "AAAA", "CAA", "CNAME", "DS", "MX", "NS", "PTR", "SRV", "SSHFP", "TLSA", "TXT", "TYPE65280"}
	f.Fuzz(func(t *testing.T, n uint8, text string) {
		typ := types[int(n)%len(types)]
		d, err := Parse(typ, "contoso.com", text)
		if err != nil {
			return
		}
		r, err := Record("x.contoso.com.", typ, 60, d)
		if err != nil {
			t.Fatalf("%s %q became %q, of which no record can be made: %v", typ, text, d, err)
		}
		if got := Read(r); got != d {
			t.Fatalf("Read = %q, want %q", got, d)
		}
	})
}

func FuzzRead(f *testing.F) {
	for _, s := range []string{"x. 60 IN MX 10 Mail.x.", `x. 60 IN TXT "a" "b"`, `x. 60 IN CAA 0 issue "x"`} {
		r, err := dns.NewRR(s)
		if err != nil {
			f.Fatal(err)
		}
		buf := make([]byte, 512)
		n, err := dns.PackRR(r, buf, 0, nil, false)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(buf[:n])
	}
	f.Fuzz(func(t *testing.T, packet []byte) {
		r, _, err := dns.UnpackRR(packet, 0)
		if err != nil || r.Header().Class != dns.ClassINET {
			return
		}
		d := Read(r)
		typ := TypeOf(r)
		if _, err := Code(typ); err != nil || d == "" || typ == "CAA" {
			return
		}
		again, err := Record("x.", typ, 0, d)
		if err != nil {
			t.Fatalf("%v reads as %q: %v", r, d, err)
		}
		if Read(again) != d {
			t.Fatalf("%q became %q", d, Read(again))
		}
	})
}

// What is plain is what the long way would make of it.
func TestPlainIsCanonical(t *testing.T) {
	p := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`([a-zA-Z0-9_-]{0,4}|xn-|xn--|-|[a-z]{60,66})(\.([a-z0-9_-]{0,4}|xn--[a-z]|[a-z]{60,66})){0,5}\.?`).Draw(t, "name")
		if !Plain(s) {
			return // the long way is taken
		}
		if ascii, err := p.ToASCII(s); err != nil || ascii != s {
			t.Fatalf("ToASCII = %q, %v", ascii, err)
		}
		if name, err := canonName(s + "."); err != nil || name != s+"." {
			t.Fatalf("canonName = %q, %v", name, err)
		}
	})
}

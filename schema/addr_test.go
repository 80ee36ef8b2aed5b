package schema_test

import (
	"testing"

	"github.com/mailrelay/mailrelay/schema"
)

func TestParseAddr(t *testing.T) {
	for _, test := range []struct {
		text string
		want schema.Addr
	}{
		{"", schema.Addr{}},
		{"mailrelay", schema.Addr{Type: "mailrelay"}},
		{"zone.contoso", schema.Addr{Type: "zone", Name: "contoso"}},
		{"zone.contoso-2", schema.Addr{Type: "zone", Name: "contoso-2"}},
		{`zone.z["contoso.com"]`, schema.Addr{Type: "zone", Name: "z", Key: "contoso.com"}},
		{`zone.z["a\"]b\\"]`, schema.Addr{Type: "zone", Name: "z", Key: `a"]b\`}},
		{"domain.contoso.verification", schema.Addr{Type: "domain", Name: "contoso", Part: "verification"}},
		{`service.microsoft365.contoso.record["autodiscover"]`, schema.Addr{Type: "service", Name: "microsoft365.contoso", Part: `record["autodiscover"]`}},
		{`service.microsoft365.contoso["a"].record["mx"]`, schema.Addr{Type: "service", Name: "microsoft365.contoso", Key: "a", Part: `record["mx"]`}},
	} {
		got, err := schema.ParseAddr(test.text)
		if err != nil || got != test.want {
			t.Errorf("ParseAddr(%q) = %#v, %v, want %#v", test.text, got, err, test.want)
		}
		if got.String() != test.text {
			t.Errorf("%#v is written %q, want %q", got, got.String(), test.text)
		}
	}
	for _, text := range []string{".", "zone.", ".contoso", "1zone.a", "zone.a b", "zone.a[b]", `zone.a["b"`, `zone.a[""]`, `zone.a["b"]c`, "zone.a.", "service.microsoft365", "zone.a[\"b\"].", "zone..a"} {
		if a, err := schema.ParseAddr(text); err == nil {
			t.Errorf("ParseAddr(%q) = %#v, want an error", text, a)
		}
	}
}

func FuzzParseAddr(f *testing.F) {
	f.Add(`receive_connector.device["printers"].part`)
	f.Add(`service.microsoft365.contoso.record["x"]`)
	f.Fuzz(func(t *testing.T, text string) {
		a, err := schema.ParseAddr(text)
		if err != nil {
			return
		}
		if b, err := schema.ParseAddr(a.String()); err != nil || a != b {
			t.Errorf("%q is %#v, and %q is %#v, %v", text, a, a.String(), b, err)
		}
	})
}

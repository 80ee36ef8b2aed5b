package rr

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

func TestRead(t *testing.T) {
	for _, tt := range []struct {
		text, typ string
		want      Data
	}{
		{"MX 10 Mail.Contoso.COM.", "MX", "10 mail.contoso.com."},
		{"MX 10 a\\.b.Contoso.COM.", "MX", `10 a\.b.contoso.com.`},
		{"MX 10 \\097.contoso.com.", "MX", `10 a.contoso.com.`},
		{`TXT "v=spf1 " "-all"`, "TXT", "v=spf1 -all"},
		{`TXT "\"a\" \\ \; \255"`, "TXT", `"a" \\ ; \255`},
		{`CAA 0 IODEF "mailto:a@contoso.com"`, "CAA", `0 iodef "mailto:a@contoso.com"`},
		{`DS 1 13 2 ABCD`, "DS", "1 13 2 abcd"},
		{`TYPE65280 \# 2 ABCD`, "TYPE65280", `\# 2 abcd`},
		{`A \# 4 C0000219`, "A", "192.0.2.25"},
		{`HTTPS 1 . alpn="h2"`, "TYPE65", `\# 10 00010000010003026832`},
	} {
		t.Run(tt.text, func(t *testing.T) {
			r, err := dns.NewRR("x.contoso.com. 60 IN " + tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := Read(r); got != tt.want {
				t.Errorf("Read = %q, want %q", got, tt.want)
			}
			if got := TypeOf(r); got != tt.typ {
				t.Errorf("TypeOf = %q, want %q", got, tt.typ)
			}
		})
	}
}

func TestTextInStrings(t *testing.T) {
	for _, size := range []int{0, 1, 255, 256, 510, 511, 764} {
		text := strings.Repeat(`a"\;é `, size)[:size]
		d, err := Text(text)
		if err != nil {
			t.Fatal(err)
		}
		r, err := Record("x.", "TXT", 0, d)
		if err != nil {
			t.Fatal(err)
		}
		strs := r.(*dns.TXT).Txt
		if want := max(1, (size+254)/255); len(strs) != want {
			t.Errorf("%d bytes make %d strings, want %d", size, len(strs), want)
		}
		if got := Read(r).Text(); got != text {
			t.Errorf("%d bytes: read %q, want %q", size, got, text)
		}
	}
}

func TestRawKeepsBytes(t *testing.T) {
	r, err := dns.NewRR("contoso.com. 60 IN MX 10 Mail.Contoso.COM.")
	if err != nil {
		t.Fatal(err)
	}
	wire, err := Wire(r)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := Raw("contoso.com.", "MX", 60, wire)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 512)
	n, err := dns.PackRR(raw, buf, 0, nil, false)
	if err != nil {
		t.Fatal(err)
	}
	back, _, err := dns.UnpackRR(buf[:n], 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := back.(*dns.MX).Mx; got != "Mail.Contoso.COM." {
		t.Errorf("read back %q", got)
	}
	if got := Read(raw); got != "10 mail.contoso.com." {
		t.Errorf("Read = %q", got)
	}
}

func TestRawRefuses(t *testing.T) {
	for _, tt := range []struct{ name, typ, wire string }{
		{"x.", "MX", "000a"},
		{"x.", "MX", ""},
		{"x.", "A", ""},
		{"x.", "SSHFP", "0101"},
		{"x.", "MX", "zz"},
		{"x.", "A", "c000021900"},
		{"x", "A", "c0000219"},
		{"x.", "NOPE", "c0000219"},
	} {
		if r, err := Raw(tt.name, tt.typ, 0, tt.wire); err == nil {
			t.Errorf("Raw(%q, %q, %q) = %v", tt.name, tt.typ, tt.wire, r)
		}
	}
}

func TestRecordRefusesWhatIsNotCanonical(t *testing.T) {
	for _, tt := range []struct {
		typ string
		d   Data
	}{
		{"MX", "10 Mail.contoso.com."},
		{"MX", "10 mail"},
		{"MX", "010 mail.contoso.com."},
		{"MX", "10 mail.contoso.com. ; x"},
		{"MX", "10 mail.contoso.com.\nx. A 192.0.2.1"},
		{"A", ""},
		{"A", "192.0.2.1\n$TTL 5"},
		{"TXT", "é"},
		{"TXT", `\q`},
		{"TYPE65280", `\# 2 ABCD`},
		{"TYPE65280", ``},
	} {
		if r, err := Record("contoso.com.", tt.typ, 60, tt.d); err == nil {
			t.Errorf("Record(%q, %q) = %v", tt.typ, tt.d, r)
		}
	}
}

func TestCollect(t *testing.T) {
	var in []dns.RR
	for _, s := range []string{
		"x. 300 IN MX 20 B.contoso.com.", "x. 200 IN MX 10 a.contoso.com.", "x. 100 IN A 192.0.2.1", "x. 300 IN MX 20 b.contoso.com.",
	} {
		r, err := dns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, r)
	}
	got, wire, err := Collect(Key{"contoso.com.", "MX"}, in)
	if err != nil {
		t.Fatal(err)
	}
	want := NewSet("contoso.com.", "MX", 200, "10 a.contoso.com.", "20 b.contoso.com.")
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Error(diff)
	}
	wantWire := []string{"000a016107636f6e746f736f03636f6d00", "0014014207636f6e746f736f03636f6d00"}
	if diff := cmp.Diff(wantWire, wire); diff != "" {
		t.Error(diff)
	}
	if none, _, _ := Collect(Key{"x.", "TXT"}, in); none != nil {
		t.Errorf("Collect of nothing = %v", none)
	}
}

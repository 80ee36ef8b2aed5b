package revision

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

func TestRead(t *testing.T) {
	set := rr.NewSet("contoso.com.", "TXT", 60, `a <b> "c" \\ \195\169`)
	r := &Revision{
		Lineage: "l", Serial: 7, Parent: "p", Applied: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), By: "Ann <ann@build1>",
		Target: []Object{{Addr: schema.Addr{Type: "zone", Name: "z", Key: "a<b"}, Value: json.RawMessage(`{"a":[1]}`), Decl: "x.mail.hcl:7"}},
		Owned:  []Owned{{Addr: schema.Addr{Type: "record", Name: "r"}, Set: set}},
	}
	r.Seal()
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if !sealed(raw, r.Hash) {
		t.Error("what was written is not what was sealed")
	}
	text := string(raw)
	for _, tt := range []struct{ name, text, err string }{
		{"as written", text, ""},
		{"indented", strings.Replace(text, `"serial":7`, "\n  \"serial\": 7", 1), ""},
		{"changed", strings.Replace(text, `"serial":7`, `"serial":8`, 1), "damaged"},
		{"newer", strings.Replace(text, `"format":1`, `"format":99`, 1), "newer"},
		{"another hash", strings.Replace(text, string(r.Hash), strings.Repeat("0", 64), 1), "damaged"},
		{"cut", text[:len(text)-1], "unexpected end"},
	} {
		got, err := Read([]byte(tt.text))
		switch {
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.err)
		case tt.err == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.err == "":
			if diff := cmp.Diff(r, got); diff != "" {
				t.Errorf("%s: %s", tt.name, diff)
			}
		}
	}
	if h, err := HashIn(raw); h != r.Hash || err != nil {
		t.Errorf("HashIn gives %q, %v", h, err)
	}
}

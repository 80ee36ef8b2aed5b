package dns

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema/rr"
)

func TestDNSTest(t *testing.T) { testCases(t, startDNSTest) }

// testCases runs what every server must do alike, each case on a fresh server.
func testCases(t *testing.T, start func(*testing.T) *world) {
	for _, tt := range cases() {
		t.Run(tt.name, func(t *testing.T) {
			w := start(t)
			err := tt.do(w)
			switch {
			case tt.err == "" && err != nil:
				t.Fatal(err)
			case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
				t.Errorf("error %v, want one with %q", err, tt.err)
			}
			var stale *StaleError
			if errors.As(err, &stale) != tt.stale {
				t.Errorf("error %v, stale %v, want %v", err, !tt.stale, tt.stale)
			}
			for _, want := range tt.want {
				o := w.see(strings.TrimSuffix(strings.TrimSuffix(want.Name, "contoso.com."), "."), want.Type)
				if want.Data == nil {
					if o.Set != nil {
						t.Errorf("%s is still there: %v", want.Key(), o.Set)
					}
					continue
				}
				if diff := cmp.Diff(&want, o.Set); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// testCase does something, and ends with these RRsets; those without data are absent.
type testCase struct {
	name  string
	do    func(w *world) error
	want  []rr.Set
	err   string
	stale bool
}

func of(name, typ string, ttl uint32, data ...rr.Data) rr.Set {
	return rr.NewSet(rr.Full(name, "contoso.com"), typ, ttl, data...)
}

// write writes the changes as a plan that was just made.
func (w *world) write(changes ...plan.SetChange) error {
	return w.writer.Write(w.t.Context(), w.zone, changes)
}

func cases() []testCase {
	foreign := of("@", "TXT", 3600, "foreign one", "foreign two")
	oldMX := of("@", "MX", 3600, "10 old.contoso.com.")
	return []testCase{
		{"nothing", func(w *world) error { return w.write() }, []rr.Set{oldMX, foreign}, "", false},
		{"create", func(w *world) error {
			return w.write(w.change("_dmarc", "TXT", 300, "v=DMARC1; p=none"))
		}, []rr.Set{of("_dmarc", "TXT", 300, "v=DMARC1; p=none"), foreign}, "", false},
		{"add a value beside foreign ones", func(w *world) error {
			return w.write(w.change("@", "TXT", 3600, "foreign one", "foreign two", `v=spf1 "x" \ é -all`))
		}, []rr.Set{of("@", "TXT", 3600, "foreign one", "foreign two", `v=spf1 "x" \\ \195\169 -all`)}, "", false},
		{"change MX, with its address", func(w *world) error {
			return w.write(w.change("@", "MX", 3600, "10 mail"), w.change("mail", "A", 3600, "192.0.2.25"))
		}, []rr.Set{of("@", "MX", 3600, "10 mail.contoso.com."), of("mail", "A", 3600, "192.0.2.25"), foreign}, "", false},
		{"TTL only", func(w *world) error {
			return w.write(w.change("@", "MX", 300, "10 old"), w.change("@", "TXT", 60, "foreign one", "foreign two"))
		}, []rr.Set{of("@", "MX", 300, "10 old.contoso.com."), of("@", "TXT", 60, "foreign one", "foreign two")}, "", false},
		{"alias becomes address and back", func(w *world) error {
			if err := w.write(w.change("www", "A", 60, "192.0.2.80"), w.change("www", "CNAME", 0)); err != nil {
				return err
			}
			if a := w.see("www", "A"); a.Set == nil || a.CNAME != "" {
				w.t.Errorf("between: %+v", a)
			}
			return w.write(w.change("www", "A", 0), w.change("www", "CNAME", 60, "old"))
		}, []rr.Set{of("www", "CNAME", 60, "old.contoso.com."), of("www", "A", 0)}, "", false},
		{"other target of an alias", func(w *world) error {
			return w.write(w.change("www", "CNAME", 3600, "autodiscover.outlook.com."))
		}, []rr.Set{of("www", "CNAME", 3600, "autodiscover.outlook.com.")}, "", false},
		{"delete ours", func(w *world) error {
			if err := w.write(w.change("@", "TXT", 3600, "foreign one", "foreign two", "ours"), w.change("a.b", "TXT", 60, "ours")); err != nil {
				return err
			}
			return w.write(w.change("@", "TXT", 3600, "foreign one", "foreign two"), w.change("a.b", "TXT", 0))
		}, []rr.Set{foreign, of("a.b", "TXT", 0)}, "", false},
		{"changed in between", func(w *world) error {
			changes := []plan.SetChange{w.change("@", "MX", 300, "10 mail"), w.change("mail", "A", 300, "192.0.2.25")}
			w.other("contoso.com. 3600 IN MX 20 old.contoso.com.")
			return w.write(changes...)
		}, []rr.Set{of("@", "MX", 3600, "20 old.contoso.com."), of("mail", "A", 0)},
			`contoso.com. MX changed since the plan was made: it was ["10 old.contoso.com."] (TTL 3600) and is now ["20 old.contoso.com."] (TTL 3600)`, true},
		{"created in between", func(w *world) error {
			c := w.change("mail", "A", 300, "192.0.2.25")
			w.other("mail.contoso.com. 60 IN A 192.0.2.99")
			return w.write(c)
		}, []rr.Set{of("mail", "A", 60, "192.0.2.99")}, "mail.contoso.com. A changed since the plan was made: it was absent and", true},
		{"an alias in between", func(w *world) error {
			c := w.change("mail", "A", 300, "192.0.2.25")
			w.other("mail.contoso.com. 60 IN CNAME old.contoso.com.")
			return w.write(c)
		}, []rr.Set{of("mail", "CNAME", 60, "old.contoso.com.")}, `mail.contoso.com. CNAME changed since the plan was made: it was absent and is now ["old.contoso.com."] (TTL 60)`, true},
		{"bytes of somebody else", func(w *world) error {
			// Knot stores names in lower case, and compares those in prerequisites with
			// regard to case; the others keep the case.
			w.other("contoso.com. 3600 IN MX 99 old.contoso.com.")
			w.other("contoso.com. 3600 IN MX 10 Old.CONTOSO.com.")
			for _, name := range []string{"@", "mixed"} {
				read := w.see(name, "MX").Wire[0]
				if err := w.write(w.change(name, "MX", 3600, "10 old", "20 old")); err != nil {
					return err
				}
				if wire := w.see(name, "MX").Wire; wire[0] != read {
					w.t.Errorf("%s MX: what stays was %s and is %s", name, read, wire[0])
				}
				if err := w.write(w.change(name, "MX", 60, "20 old")); err != nil {
					return err
				}
			}
			return nil
		}, []rr.Set{of("@", "MX", 60, "20 old.contoso.com."), of("mixed", "MX", 60, "20 old.contoso.com.")}, "", false},
		{"under a wildcard", func(w *world) error {
			if err := w.write(w.change("x.w", "TXT", 60, "own")); err != nil {
				return err
			}
			if d := cmp.Diff([]rr.Data{"own"}, w.see("x.w", "TXT").Set.Data); d != "" {
				w.t.Error(d)
			}
			return w.write(w.change("x.w", "TXT", 0))
		}, []rr.Set{of("*.w", "TXT", 3600, "wild"), of("x.w", "TXT", 3600, "wild")}, "", false},
		{"name servers of the zone", func(w *world) error {
			return w.write(w.change("@", "NS", 3600, "ns2.fabrikam.com."))
		}, []rr.Set{of("@", "NS", 3600, "ns2.fabrikam.com.")}, "", false},
		{"unknown type", func(w *world) error {
			return w.write(w.change("x", "TYPE65280", 60, `\# 4 c0000219`))
		}, []rr.Set{of("x", "TYPE65280", 60, `\# 4 c0000219`)}, "", false},
		{"500 records", func(w *world) error {
			var changes []plan.SetChange
			for i := range 500 {
				changes = append(changes, w.change(fmt.Sprintf("h%d", i), "A", 60, "192.0.2.1"))
			}
			return w.write(changes...)
		}, []rr.Set{of("h0", "A", 60, "192.0.2.1"), of("h499", "A", 60, "192.0.2.1"), foreign}, "", false},
		{"more than 64 KiB", func(w *world) error {
			var changes []plan.SetChange
			for i := range 300 {
				changes = append(changes, w.change(fmt.Sprintf("t%d", i), "TXT", 60, strings.Repeat("x", 500)))
			}
			return w.write(changes...)
		}, []rr.Set{of("t0", "TXT", 60, rr.Data(strings.Repeat("x", 500))), of("t299", "TXT", 60, rr.Data(strings.Repeat("x", 500)))}, "", false},
		{"wrong key", func(w *world) error {
			w.zone = zoneBlock(w.t, "contoso.com", w.addr, "nobody.")
			return w.write(w.change("mail", "A", 300, "192.0.2.25"))
		}, []rr.Set{of("mail", "A", 0)}, "does not know the TSIG key \"nobody.\" (BADKEY)", false},
		{"wrong secret", func(w *world) error {
			w.writer = NewRFC2136(Options{Secret: text("b3RoZXIgb3RoZXIgb3RoZXIgb3RoZXIgb3RoZXI=")})
			return w.write(w.change("mail", "A", 300, "192.0.2.25"))
		}, []rr.Set{of("mail", "A", 0)}, "(BADSIG)", false},
		{"clock an hour off", func(w *world) error {
			w.writer = NewRFC2136(Options{Secret: text(secret), Clock: func() time.Time { return time.Now().Add(time.Hour) }})
			return w.write(w.change("mail", "A", 300, "192.0.2.25"))
		}, []rr.Set{of("mail", "A", 0)}, "(BADTIME)", false},
		{"unsigned", func(w *world) error {
			w.zone = zoneBlock(w.t, "contoso.com", w.addr, "")
			return w.write(w.change("mail", "A", 300, "192.0.2.25"))
		}, []rr.Set{of("mail", "A", 0)}, "give zone.contoso a tsig block", false},
		{"unknown zone", func(w *world) error {
			set := rr.NewSet("mail.fabrikam.com.", "A", 60, "192.0.2.25")
			z := zoneBlock(w.t, "fabrikam.com", w.addr, keyName)
			return w.writer.Write(w.t.Context(), z, []plan.SetChange{{Key: set.Key(), After: &set}})
		}, nil, `(NOTAUTH): it is not the zone's primary server`, false},
	}
}

package dns

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

var zoneDay = time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)

// swap is a change of the RRset at name in the text of contoso.com, to values that
// stand there as a zone file has them; none: it goes.
func swap(t testing.TB, x *index, name, typ string, ttl uint32, values ...string) plan.SetChange {
	t.Helper()
	k := rr.Key{Name: rr.Full(name, "contoso.com"), Type: typ}
	before, err := x.set(k)
	if err != nil {
		t.Fatal(err)
	}
	c := plan.SetChange{Key: k, Before: before}
	var data []rr.Data
	for _, v := range values {
		d, err := rr.Parse(typ, "contoso.com", v)
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, d)
	}
	if len(data) > 0 {
		s := rr.NewSet(k.Name, k.Type, ttl, data...)
		c.After = &s
	}
	return c
}

// TestZoneFileEdits holds what an edit does to a file, byte by byte.
func TestZoneFileEdits(t *testing.T) {
	head := "$TTL 600\n@ SOA ns1 admin ( 2026112100 ; serial\n  1 1 1 1 )\n@ NS ns1\n"
	raise := func(s string) string { return strings.Replace(s, "2026112100", "2026112200", 1) }
	type change struct {
		name, typ string
		ttl       uint32
		values    []string
	}
	for _, tt := range []struct {
		name, before string
		changes      []change
		after        string
	}{
		{"a value in its place, with its comment", head + "@ IN MX 5 old ; the old host\n", []change{{"@", "MX", 600, []string{"10 relay"}}},
			raise(head) + "@ IN MX 10 relay.contoso.com. ; the old host\n"},
		{"another TTL, written", head + "@ 300 IN MX 5 old\n", []change{{"@", "MX", 60, []string{"5 old"}}}, raise(head) + "@ 60 IN MX 5 old\n"},
		{"another TTL, not written", head + "@ IN MX 5 old\n", []change{{"@", "MX", 60, []string{"5 old"}}}, raise(head) + "@ 60 IN MX 5 old\n"},
		{"class before TTL", head + "@ IN 300 MX 5 old\n", []change{{"@", "MX", 60, []string{"5 old"}}}, raise(head) + "@ IN 60 MX 5 old\n"},
		{"a new set beside its owner's", head + "www A 192.0.2.1\n; the end\n", []change{{"www", "AAAA", 600, []string{"2001:db8::1"}}},
			raise(head) + "www A 192.0.2.1\nwww\tIN\tAAAA\t2001:db8::1\n; the end\n"},
		{"a new set at the end, in its origin", head + "$ORIGIN sub.contoso.com.\nx A 192.0.2.1", []change{{"www", "A", 60, []string{"192.0.2.2"}}},
			raise(head) + "$ORIGIN sub.contoso.com.\nx A 192.0.2.1\nwww.contoso.com.\t60\tIN\tA\t192.0.2.2\n"},
		{"who inherits the owner gets it", head + "www  A 192.0.2.1\n     TXT \"x\"\n\tTXT \"y\"\n", []change{{"www", "A", 0, nil}}, raise(head) + "www  TXT \"x\"\n\tTXT \"y\"\n"},
		{"by a tab", head + "www\tA 192.0.2.1\n\tTXT \"x\"\n", []change{{"www", "A", 0, nil}}, raise(head) + "www\tTXT \"x\"\n"},
		{"with too few blanks", head + "www A 192.0.2.1\n TXT \"x\"\n", []change{{"www", "A", 0, nil}}, raise(head) + "www TXT \"x\"\n"},
		{"what is inherited past a removed line", head + "a A 192.0.2.1\nb A 192.0.2.2\n  TXT \"x\"\n", []change{{"b", "A", 0, nil}}, raise(head) + "a A 192.0.2.1\nb TXT \"x\"\n"},
		{"a TTL that came from the line before", "@ 600 SOA ns1 admin 1 1 1 1 1\n@ NS ns1\nwww 60 A 192.0.2.1\nx TXT \"x\"\n", []change{{"www", "A", 0, nil}},
			"@ 600 SOA ns1 admin 2 1 1 1 1\n@ NS ns1\nx 60 TXT \"x\"\n"},
		{"data over lines, with comments", head + "@ TXT ( \"v=spf1 \" ; ours\n \"mx\"\n \"-all\" ) ; end\n", []change{{"@", "TXT", 600, []string{"v=spf1 -all"}}},
			raise(head) + "@ TXT ( \"v=spf1 -all\" ; ours\n \n  ) ; end\n"},
		{"quotes, semicolons and parentheses in text", head + "@ TXT \"a;b(\" ; c\"(\n@ TXT \"x \\\" ; y\"\n", []change{{"@", "TXT", 600, []string{`a;b(`, `new "one"; here`}}},
			raise(head) + "@ TXT \"a;b(\" ; c\"(\n@ TXT \"new \\\"one\\\"; here\"\n"},
		{"line ends of Windows", strings.ReplaceAll(head+"@ MX 5 old\n", "\n", "\r\n"), []change{{"@", "MX", 600, []string{"5 old", "10 relay"}}},
			strings.ReplaceAll(raise(head)+"@ MX 5 old\n@\tIN\tMX\t10 relay.contoso.com.\n", "\n", "\r\n")},
		{"an alias gives way", head + "www CNAME else\n", []change{{"www", "A", 600, []string{"192.0.2.1"}}, {"www", "CNAME", 0, nil}}, raise(head) + "www\tIN\tA\t192.0.2.1\n"},
		{"what has the changes already", head + "@ MX 5 old\n", []change{{"@", "MX", 600, []string{"5 old"}}}, head + "@ MX 5 old\n"},
		{"a type without a name", head + "@ TYPE65280 \\# 1 00\n", []change{{"@", "TYPE65280", 600, []string{`\# 2 0102`}}}, raise(head) + "@ TYPE65280 \\# 2 0102\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x, err := readIndex(tt.before, "contoso.com", "")
			if err != nil {
				t.Fatal(err)
			}
			var changes []plan.SetChange
			for _, c := range tt.changes {
				changes = append(changes, swap(t, x, c.name, c.typ, c.ttl, c.values...))
			}
			got, err := x.edited(changes, zoneDay)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.after, got); diff != "" {
				t.Error(diff)
			}
			if err := x.check(got, "", changes); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestZoneFileSerial(t *testing.T) {
	for _, tt := range []struct{ before, after uint32 }{
		{1, 2}, {2026112100, 2026112200}, {2026112200, 2026112201}, {2026112299, 2026112300}, {2026112705, 2026112706},
		{2026119900, 2026119901}, {2026001200, 2026001201}, {4294967295, 1}, {0, 1}, {1999123100, 2026112200}, {1700000000, 1700000001},
	} {
		if got := raised(tt.before, zoneDay); got != tt.after {
			t.Errorf("%d is followed by %d, want %d", tt.before, got, tt.after)
		}
	}
}

// zoneFile writes a file and gives its writer.
func zoneFile(t testing.TB, text string) (*ZoneFile, *schema.Zone, string) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "db.contoso")
	if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
		t.Fatal(err)
	}
	return &ZoneFile{Dir: dir, Clock: func() time.Time { return zoneDay }}, &schema.Zone{Name: "contoso.com", File: "db.contoso"}, path
}

const masterFile = "$TTL 600\n@ SOA ns1 admin 7 1 1 1 1\n@ NS ns1\n@ MX 5 old ; theirs\n*.w TXT x\n"

func TestZoneFileWrite(t *testing.T) {
	w, zone, path := zoneFile(t, masterFile)
	link := filepath.Join(w.Dir, "link")
	if err := os.Symlink("db.contoso", link); err != nil {
		t.Skip(err) // Windows, without the right to
	}
	zone.File = link
	x, err := readIndex(masterFile, "contoso.com", path)
	if err != nil {
		t.Fatal(err)
	}
	change := swap(t, x, "@", "MX", 600, "10 relay")
	seen := rr.NewSet("a.w.contoso.com.", "TXT", 600, "x") // the wildcard answered
	beside := plan.SetChange{Key: seen.Key(), Before: &seen, After: &rr.Set{Name: seen.Name, Type: "TXT", TTL: 600, Data: []rr.Data{"x", "y"}}}
	for range 2 { // the second finds all done
		if err := w.Write(context.Background(), zone, []plan.SetChange{change, beside}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := "$TTL 600\n@ SOA ns1 admin 8 1 1 1 1\n@ NS ns1\n@ MX 10 relay.contoso.com. ; theirs\n*.w TXT x\na.w\tIN\tTXT\t\"x\"\na.w\tIN\tTXT\t\"y\"\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(w.Dir, ".tmp*")); left != nil {
		t.Errorf("left behind: %v", left)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
}

// TestZoneFileRefuses holds that what cannot be done well is not done at all.
func TestZoneFileRefuses(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		beside     map[string]string // files
		key        string
		want       string
		stale      bool
	}{
		{name: "what changed since the plan", text: strings.Replace(masterFile, "5 old", "7 other", 1), want: "7 other.contoso.com.", stale: true},
		{name: "what is gone since the plan", text: strings.Replace(masterFile, "@ MX 5 old", ";", 1), want: "is now absent", stale: true},
		{name: "another TTL since the plan", text: strings.Replace(masterFile, "@ MX", "@ 60 MX", 1), want: "TTL 60", stale: true},
		{name: "an RRset of an included file", text: "$TTL 600\n@ SOA ns1 admin 7 1 1 1 1\n$INCLUDE mail\n", beside: map[string]string{"mail": "@ MX 5 old\n"}, want: "comes from an $INCLUDE"},
		{name: "a file that is included and not there", text: masterFile + "$INCLUDE nothing\n", want: "nothing"},
		{name: "an RRset that is made", text: "$TTL 600\n@ SOA ns1 admin 7 1 1 1 1\n$GENERATE 5-5 @ 600 MX $ old\n", want: "$GENERATE"},
		{name: "an owner that nobody knows", text: masterFile + "$GENERATE 1-2 h$ A 192.0.2.$\n  TXT x\n", want: "line 7: it names no owner"},
		{name: "an SOA elsewhere", text: "$TTL 600\n$INCLUDE top.zone\n@ MX 5 old\n", beside: map[string]string{"top.zone": "@ SOA ns1 admin 7 1 1 1 1\n"}, want: "no SOA record whose serial"},
		{name: "another class", text: masterFile + "x CH TXT y\n", want: "class is CH"},
		{name: "a directive of others", text: masterFile + "$DATE IN TXT now\n", want: "$DATE is not known"},
		{name: "a parenthesis that stays open", text: masterFile + "x TXT ( y\n", want: "not closed"},
		{name: "a quote that stays open", text: masterFile + "x TXT \"y\nz A 192.0.2.1\n", want: "quote in line 6"},
		{name: "a signed zone", text: masterFile + "@ RRSIG MX 13 2 600 20300101000000 20200101000000 1 contoso.com. AAAA\n", want: "RRSIG"},
		{name: "a zone that its server writes", text: masterFile, beside: map[string]string{"db.contoso.jnl": ""}, want: "journal"},
		{name: "another zone", text: strings.Replace(masterFile, "@ SOA", "other SOA", 1), want: "the zone is contoso.com."},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, zone, path := zoneFile(t, tt.text)
			for name, text := range tt.beside {
				if err := os.WriteFile(filepath.Join(w.Dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			x, err := readIndex(masterFile, "contoso.com", "")
			if err != nil {
				t.Fatal(err)
			}
			err = w.Write(context.Background(), zone, []plan.SetChange{swap(t, x, "@", "MX", 600, "10 relay")})
			var stale *StaleError
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) || errors.As(err, &stale) != tt.stale {
				t.Errorf("got %v", err)
			}
			if got, _ := os.ReadFile(path); string(got) != tt.text {
				t.Errorf("the file was changed: %s", got)
			}
		})
	}
}

// TestZoneFileRace holds that what somebody saves in the last moment is not lost.
func TestZoneFileRace(t *testing.T) {
	_, _, path := zoneFile(t, masterFile+"; saved meanwhile\n")
	if err := replaceFile(path, []byte(masterFile), []byte("ours")); err == nil || !strings.Contains(err.Error(), "somebody else") {
		t.Errorf("got %v", err)
	}
	if got, _ := os.ReadFile(path); !strings.HasSuffix(string(got), "; saved meanwhile\n") {
		t.Errorf("it was lost: %s", got)
	}
}

// randomZone draws the text of a master file, in all the ways in which one may be
// written.
func randomZone(t *rapid.T) string {
	pick := func(label string, from ...string) string { return rapid.SampledFrom(from).Draw(t, label) }
	var b strings.Builder
	if rapid.Bool().Draw(t, "ttl directive") {
		b.WriteString("$TTL " + pick("ttl", "600", "1h", "1h30m") + "\n")
	}
	b.WriteString(pick("soa", "@ 600 IN SOA ns1 admin 7 1 1 1 1\n", "contoso.com. IN 600 SOA ns1 admin (\n\t2026112100 ; serial\n\t1 1 1 1 )\n", "@\t600\tSOA\tns1 admin ( 4294967295\n 1 1\n 1 1 ) ; end\n"))
	names := []string{"@", "www", "a.b", "contoso.com.", "WWW", "mail.contoso.com.", "*"}
	for range rapid.IntRange(0, 14).Draw(t, "lines") {
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			b.WriteString(pick("comment", "; a comment\n", "\n", "   ; ( \" indented\n", "\t\n"))
		case 1:
			b.WriteString(pick("directive", "$ORIGIN contoso.com.\n", "$ORIGIN sub.contoso.com.\n", "$ORIGIN x\n", "$TTL 300\n", "$TTL 1d ; a day\n"))
		default:
			owner := pick("owner", append(names, " ", "\t", "        ")...)
			ttl := pick("own ttl", "", "60 ", "2h ")
			class := pick("class", "", "IN ", "in\t")
			if rapid.Bool().Draw(t, "order") {
				ttl, class = class, ttl
			}
			data := pick("data", "A 192.0.2.1", "A 192.0.2.2", "MX 10 relay", "MX 5 OLD.contoso.com.", "MX ( 20 ; pref\n  third )", `TXT "x;y"`, "TXT a b", "TXT ( \"one\" ; first\n \"two\" ) ", `TXT "q\"(" `, "AAAA 2001:db8::1", `TYPE65280 \# 2 0102`)
			b.WriteString(owner + " " + ttl + class + data + pick("tail", "\n", " ; why\n", "\t;(\"\n", "\r\n"))
		}
	}
	return b.String()
}

// TestZoneFileProperty holds for random files and changes: the result holds exactly
// what is wanted, as the library reads it, and every line that is not about it is
// there, byte by byte, in its order.
func TestZoneFileProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := randomZone(t)
		x, err := readIndex(text, "contoso.com", "")
		if err != nil {
			t.Skip(err)
		}
		values := map[string][]rr.Data{"A": {"192.0.2.1", "192.0.2.3"}, "MX": {"10 relay.contoso.com.", "5 old.contoso.com.", "0 ."}, "TXT": {"x;y", `new "text" (`, rr.Data(strings.Repeat("z", 300))}}
		changed := map[rr.Key]bool{}
		var changes []plan.SetChange
		for range rapid.IntRange(1, 3).Draw(t, "changes") {
			k := rr.Key{Name: rapid.SampledFrom([]string{"contoso.com.", "www.contoso.com.", "a.b.contoso.com.", "new.contoso.com.", "*.contoso.com."}).Draw(t, "name"), Type: rapid.SampledFrom([]string{"A", "MX", "TXT"}).Draw(t, "type")}
			if changed[k] {
				continue
			}
			changed[k] = true
			c := plan.SetChange{Key: k}
			if c.Before, err = x.set(k); err != nil {
				t.Fatal(err)
			}
			if data := rapid.SliceOfNDistinct(rapid.SampledFrom(values[k.Type]), 0, 3, rapid.ID[rr.Data]).Draw(t, "data"); len(data) > 0 {
				s := rr.NewSet(k.Name, k.Type, rapid.SampledFrom([]uint32{60, 600, 3600}).Draw(t, "ttl"), data...)
				c.After = &s
			}
			changes = append(changes, c)
		}
		got, err := x.edited(changes, zoneDay)
		if err != nil {
			t.Fatal(err)
		}
		if err := x.check(got, "", changes); err != nil {
			t.Fatalf("%v\n%s\n----\n%s", err, text, got)
		}
		if again, err := readIndex(got, "contoso.com", ""); err != nil {
			t.Fatal(err)
		} else if twice, err := again.edited(changes, zoneDay); err != nil || twice != got {
			t.Fatalf("a second edit changes something: %v\n%s\n----\n%s", err, got, twice)
		}
		var kept []string
		for _, e := range x.entries {
			if e.rr == nil {
				kept = append(kept, text[e.start:e.end])
			} else if !changed[e.key] && e.rr.Header().Rrtype != 6 {
				kept = append(kept, text[e.tokens[e.typ].start:e.end]) // owner and TTL may have become explicit
				if e.first == 1 && e.ttl >= 0 {
					kept[len(kept)-1] = text[e.start:e.end]
				}
			}
		}
		rest := got
		for _, part := range kept {
			i := strings.Index(rest, part)
			if i < 0 {
				t.Fatalf("%q is not there, or not in its order\n%s\n----\n%s", part, text, got)
			}
			rest = rest[i+len(part):]
		}
	})
}

// FuzzZoneFile holds that no file makes the reader fall.
func FuzzZoneFile(f *testing.F) {
	f.Add(masterFile)
	f.Add("$ORIGIN .\n$TTL 1\n@ IN SOA a b ( 1 2 3 4 5 )\n\\")
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(strings.ToUpper(text), "$INCLUDE") || strings.Contains(strings.ToUpper(text), "$GENERATE") {
			t.Skip()
		}
		x, err := readIndex(text, "contoso.com", "")
		if err != nil {
			return
		}
		set := rr.NewSet("contoso.com.", "MX", 60, "10 relay.contoso.com.")
		c := []plan.SetChange{{Key: set.Key(), After: &set}}
		got, err := x.edited(c, zoneDay)
		if err != nil {
			return
		}
		if err := x.check(got, "", c); err != nil {
			t.Fatalf("%v\n%q\n%q", err, text, got)
		}
	})
}

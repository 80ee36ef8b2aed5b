package revision

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// revisions are such with every field in every form.
func revisions() *rapid.Generator[*Revision] {
	words := rapid.OneOf(rapid.StringMatching(`[a-z ="\\;.:{}\[\],]{0,12}`), rapid.StringMatching("[<>&é\u2028\n\"\\\\x]{0,6}"))
	addr := rapid.Custom(func(t *rapid.T) schema.Addr {
		if rapid.IntRange(0, 9).Draw(t, "zero") == 0 {
			return schema.Addr{}
		}
		return schema.Addr{Type: "record", Name: rapid.StringMatching(`[a-z]{1,5}`).Draw(t, "name"), Key: words.Draw(t, "key")}
	})
	set := rapid.Custom(func(t *rapid.T) rr.Set {
		s := rr.Set{Name: words.Draw(t, "name"), Type: "TXT", TTL: rapid.Uint32().Draw(t, "ttl")}
		for range rapid.IntRange(0, 3).Draw(t, "values") {
			s.Data = append(s.Data, rr.Data(words.Draw(t, "data")))
		}
		if rapid.Bool().Draw(t, "empty") && s.Data == nil {
			s.Data = []rr.Data{}
		}
		return s
	})
	sets := rapid.Ptr(set, true)
	owned := rapid.Custom(func(t *rapid.T) Owned {
		return Owned{addr.Draw(t, "addr"), addr.Draw(t, "zone"), set.Draw(t, "set"), rapid.Bool().Draw(t, "exclusive"), sets.Draw(t, "before"), rapid.Bool().Draw(t, "adopted")}
	})
	object := rapid.Custom(func(t *rapid.T) Object {
		value, err := json.Marshal(rapid.MapOf(words, rapid.SliceOf(words)).Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		return Object{Addr: addr.Draw(t, "addr"), Value: value, Decl: words.Draw(t, "decl")}
	})
	step := rapid.Custom(func(t *rapid.T) Step {
		s := Step{Addrs: rapid.SliceOfN(addr, 0, 2).Draw(t, "addrs"), Zone: addr.Draw(t, "zone"), Before: sets.Draw(t, "before"), After: sets.Draw(t, "after")}
		for range rapid.IntRange(0, 2).Draw(t, "owned") {
			s.Owned = append(s.Owned, owned.Draw(t, "owned"))
		}
		if rapid.Bool().Draw(t, "later") {
			s.NotBefore = time.Unix(rapid.Int64Range(0, 1e9).Draw(t, "at"), 0).UTC()
		}
		return s
	})
	some := func(t *rapid.T, what string) int { return rapid.IntRange(0, 3).Draw(t, what) }
	return rapid.Custom(func(t *rapid.T) *Revision {
		r := &Revision{Lineage: words.Draw(t, "lineage"), Serial: 7, Parent: Hash(words.Draw(t, "parent")), By: words.Draw(t, "by"), Applied: time.Unix(1, 2).UTC()}
		if rapid.Bool().Draw(t, "target") {
			r.Target = []Object{}
		}
		for range some(t, "objects") {
			r.Target = append(r.Target, object.Draw(t, "object"))
		}
		for range some(t, "owned") {
			r.Owned = append(r.Owned, owned.Draw(t, "owned"))
		}
		for range some(t, "steps") {
			r.Intent = append(r.Intent, step.Draw(t, "step"))
		}
		for range some(t, "retained") {
			r.Retained = append(r.Retained, Retained{Object: object.Draw(t, "object")})
		}
		r.Seal()
		return r
	})
}

// TestJSON holds that a revision is written as encoding/json does, and reads as the
// same again.
func TestJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := revisions().Draw(t, "r")
		want, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(r.JSON())); diff != "" {
			t.Fatal(diff)
		}
		plain := new(Revision)
		if err := json.Unmarshal(want, plain); err != nil {
			t.Fatal(err)
		}
		got, err := Read(r.JSON())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(plain, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestReadTight holds that what is written is read the short way, and that whatever
// is read that way is what encoding/json makes of it.
func TestReadTight(t *testing.T) {
	set := rr.NewSet("contoso.com.", "TXT", 60, `v=spf1 "x" -all`)
	r := &Revision{Target: []Object{{Addr: schema.Addr{Type: "zone", Name: "z", Key: "a"}, Value: []byte(`{"a":["]}\""]}`)}}, Owned: []Owned{{Set: set, Before: &set}}}
	r.Seal()
	if !readTight(r.JSON(), new(Revision)) {
		t.Error("what was written is not read the short way")
	}
	rapid.Check(t, func(t *rapid.T) {
		raw := revisions().Draw(t, "r").JSON()
		i := rapid.IntRange(0, len(raw)-1).Draw(t, "at")
		switch rapid.IntRange(0, 2).Draw(t, "damage") {
		case 0:
			raw = raw[:i]
		case 1:
			raw[i] = rapid.SampledFrom([]byte(`"\{}[],: x0`)).Draw(t, "byte")
		case 2:
			raw = append(raw[:i:i], raw[min(len(raw), i+rapid.IntRange(1, 9).Draw(t, "n")):]...)
		}
		got, err := Read(raw)
		plain := new(Revision)
		if json.Unmarshal(raw, plain) != nil || plain.Check() != nil {
			if err == nil {
				t.Fatalf("%s was read", raw)
			}
			return
		}
		if diff := cmp.Diff(plain, got); diff != "" {
			t.Error(diff)
		}
	})
}

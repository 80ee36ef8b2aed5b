package revision

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
)

// TestInForce holds that what is retained stands in the place of the target's
// object of the same address, or beside the others.
func TestInForce(t *testing.T) {
	obj := func(name, value string) Object {
		return Object{Addr: schema.Addr{Type: "domain", Name: name}, Value: []byte(value)}
	}
	r := &Revision{
		Target:   []Object{obj("a", "1"), obj("b", "1")},
		Retained: []Retained{{Object: obj("c", "2")}, {Object: obj("b", "2"), Until: time.Unix(1, 0)}},
	}
	got := map[string]string{}
	for _, o := range r.InForceObjects() {
		got[o.Addr.Name] += string(o.Value)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2", "c": "2"}, got); diff != "" {
		t.Error(diff)
	}
	if string(r.Target[1].Value) != "1" {
		t.Error("the target was changed")
	}
}

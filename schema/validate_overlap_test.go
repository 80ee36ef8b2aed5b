package schema

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"
)

// collisions finds the same pairs of connectors as comparing every range with
// every other one.
func TestCollisions(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 500 {
		connectors := []*ReceiveConnector{{}, {}, {}}
		for i, c := range connectors {
			c.addr = Addr{Type: "receive_connector", Name: fmt.Sprint("c", i)}
		}
		var claims []claim
		for range 1 + r.IntN(8) {
			low := byte(r.IntN(16))
			high := low + byte(r.IntN(6))
			claims = append(claims, claim{
				IPRange: netipx.IPRangeFrom(netip.AddrFrom4([4]byte{10, 0, 0, low}), netip.AddrFrom4([4]byte{10, 0, 0, high})),
				by:      connectors[r.IntN(len(connectors))],
			})
		}
		var want []string
		for _, a := range claims {
			for _, b := range claims {
				within := func(x, y claim) bool { return y.From().Compare(x.From()) <= 0 && x.To().Compare(y.To()) <= 0 }
				nested := (within(a, b) || within(b, a)) && a.IPRange != b.IPRange
				if a.by.addr.Name < b.by.addr.Name && a.Overlaps(b.IPRange) && !nested {
					want = append(want, a.by.addr.Name+" "+b.by.addr.Name)
				}
			}
		}
		var got []string
		for _, pair := range collisions(slices.Clone(claims)) {
			names := []string{pair[0].by.addr.Name, pair[1].by.addr.Name}
			slices.Sort(names)
			got = append(got, names[0]+" "+names[1])
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(slices.Compact(want), slices.Compact(got)); diff != "" {
			t.Fatalf("round %d: %v: -want +got\n%s", round, claims, diff)
		}
	}
}

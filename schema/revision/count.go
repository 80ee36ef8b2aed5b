package revision

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
)

// Count is how many blocks of one type came, changed and went.
type Count struct {
	Type    string `json:"type"`
	Added   int    `json:"added"`
	Changed int    `json:"changed"`
	Removed int    `json:"removed"`
}

// String gives it in Terraform's symbols: "record +2 ~1".
func (c Count) String() string {
	words := []string{c.Type}
	for _, n := range []struct {
		symbol string
		n      int
	}{{"+", c.Added}, {"~", c.Changed}, {"-", c.Removed}} {
		if n.n > 0 {
			words = append(words, fmt.Sprintf("%s%d", n.symbol, n.n))
		}
	}
	return strings.Join(words, " ")
}

// Counts compares two targets, sorted by type. Types of which nothing changed are
// left out; the result is never nil.
func Counts(before, after []Object) []Count {
	byType := map[string]*Count{}
	of := func(o Object) *Count {
		if byType[o.Addr.Type] == nil {
			byType[o.Addr.Type] = &Count{Type: o.Addr.Type}
		}
		return byType[o.Addr.Type]
	}
	was := make(map[schema.Addr]Object, len(before))
	for _, o := range before {
		was[o.Addr] = o
	}
	for _, o := range after {
		old, ok := was[o.Addr]
		delete(was, o.Addr)
		switch {
		case !ok:
			of(o).Added++
		case !bytes.Equal(old.Value, o.Value):
			of(o).Changed++
		}
	}
	for _, o := range was {
		of(o).Removed++
	}
	out := make([]Count, 0, len(byType))
	for _, c := range byType {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(a, b Count) int { return cmp.Compare(a.Type, b.Type) })
	return out
}

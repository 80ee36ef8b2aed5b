package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Question is one that the evaluation of an SPF record asks of DNS.
type Question struct{ Name, Type string } // Name is full, in lower case, with the final dot

// Answer is what is known about a question. The zero Answer is a name that holds
// nothing of the type.
type Answer struct {
	Open  bool     // nobody knows; the rest means nothing then
	Found bool     // there is something of the type
	Texts []string // of TXT
	// Hosts are those of MX, full, and Addrs the addresses; CostOf does not need them.
	Hosts []string
	Addrs []netip.Addr
}

// Cost is what the evaluation of an SPF record costs whoever does it, if the sender
// matches nothing before the end.
type Cost struct {
	Lookups int // of at most MaxLookups
	Void    int // of them that find nothing; of at most MaxVoid
	// Open says why there may be more of both: the names of records that could not be
	// read, because nobody answered, the message decides, or it is enough. Sorted.
	Open []string
	// Broken says why receivers take the record as an error (permerror), whatever it
	// costs; empty if they do not.
	Broken string
	// Ring is the way from a record back to itself, if there is one.
	Ring []string
}

// Over reports whether receivers give up because of the cost.
func (c Cost) Over() bool { return c.Lookups > MaxLookups || c.Void > MaxVoid }

// enough is a number of look-ups beyond what is allowed, at which counting ends:
// the ways through includes may be many.
const enough = 3 * MaxLookups

// CostOf counts the look-ups of the SPF record r at name, which is full, with those
// of the records that it leads to (RFC 7208, 4.6.4). ask is called for each that has
// to be known, again where records lead to it again, and must give the same answer.
// The addresses behind the names of an MX record have a limit of their own, and do
// not count.
func CostOf(name string, r Record, ask func(Question) Answer) Cost {
	w := walk{ask: ask}
	w.record(name, r, nil)
	slices.Sort(w.cost.Open)
	w.cost.Open = slices.Compact(w.cost.Open)
	return w.cost
}

type walk struct {
	ask  func(Question) Answer
	cost Cost
}

func (w *walk) record(name string, r Record, path []string) {
	path = append(slices.Clip(path), name)
	for _, t := range r.Effective() {
		if w.cost.Lookups >= enough {
			w.cost.Open = append(w.cost.Open, strings.TrimSuffix(name, "."))
			return
		}
		target := fqdn(t.Domain)
		if t.Domain == "" {
			target = name
		}
		switch {
		case t.Name == "include" && !t.Modifier(), t.Name == "redirect" && t.Modifier():
			w.cost.Lookups++
			if t.Macros() {
				w.cost.Open = append(w.cost.Open, t.Domain)
			} else {
				w.follow(t, target, path)
			}
		case t.Modifier(): // exp is looked up after the end, and does not count
		case t.Name == "a":
			w.lookup(t, Question{target, "A"}, Question{target, "AAAA"})
		case t.Name == "mx":
			w.lookup(t, Question{target, "MX"})
		case t.Name == "exists":
			w.lookup(t, Question{target, "A"})
		case t.Name == "ptr":
			w.cost.Lookups++
		}
	}
}

// lookup counts one, which is void if there is no answer to any of the questions.
func (w *walk) lookup(t Term, questions ...Question) {
	w.cost.Lookups++
	if t.Macros() {
		return
	}
	for _, q := range questions {
		if a := w.ask(q); a.Found || a.Open {
			return
		}
	}
	w.cost.Void++
}

// follow goes to the record at target.
func (w *walk) follow(t Term, target string, path []string) {
	if i := slices.Index(path, target); i >= 0 {
		if w.cost.Ring == nil {
			w.cost.Ring = append(slices.Clone(path[i:]), target)
			w.broken("%s leads back to where it came from", t)
		}
		return
	}
	if len(path) > MaxLookups {
		return
	}
	a := w.ask(Question{target, "TXT"})
	if a.Open {
		w.cost.Open = append(w.cost.Open, strings.TrimSuffix(target, "."))
		return
	}
	if !a.Found {
		w.cost.Void++
	}
	var records []string
	for _, text := range a.Texts {
		if isSPF(text) {
			records = append(records, text)
		}
	}
	switch len(records) {
	case 0:
		w.broken("%s leads to a name without an SPF record", t)
		return
	case 1:
	default:
		w.broken("%s leads to a name with %d SPF records", t, len(records))
		return
	}
	r, err := ReadSPF(records[0])
	if err != nil {
		w.broken("%s leads to a record that is broken itself: %v", t, err)
		return
	}
	w.record(target, r, path)
}

func (w *walk) broken(format string, args ...any) {
	if w.cost.Broken == "" {
		w.cost.Broken = fmt.Sprintf(format, args...)
	}
}

func fqdn(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) + "." }

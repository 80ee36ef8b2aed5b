package decide

import "strings"

// tree finds what is meant for a domain: entries for a name alone, for a name and
// all below, and for everything.
type tree[V any] struct {
	exact map[string][]V
	below map[string][]V // the name and all below
	any   []V
}

// put adds v for a space: contoso.com, *.contoso.com or *.
func (t *tree[V]) put(space string, v V) {
	if t.exact == nil {
		t.exact, t.below = map[string][]V{}, map[string][]V{}
	}
	switch rest, wild := strings.CutPrefix(space, "*."); {
	case space == "*":
		t.any = append(t.any, v)
	case wild:
		t.below[rest] = append(t.below[rest], v)
	default:
		t.exact[space] = append(t.exact[space], v)
	}
}

// find gives the first entry that ok takes, of the most specific space that has
// one: the name, then the nearest *.name, then *.
func (t *tree[V]) find(domain string, ok func(V) bool) (v V, found bool) {
	pick := func(list []V) bool {
		for _, e := range list {
			if ok(e) {
				v, found = e, true
				return true
			}
		}
		return false
	}
	if pick(t.exact[domain]) {
		return
	}
	for name := domain; name != ""; {
		if pick(t.below[name]) {
			return
		}
		_, name, _ = strings.Cut(name, ".")
	}
	pick(t.any)
	return
}

// contains reports whether any entry is meant for the domain.
func (t *tree[V]) contains(domain string) bool {
	_, found := t.find(domain, func(V) bool { return true })
	return found
}

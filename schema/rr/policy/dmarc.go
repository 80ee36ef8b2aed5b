package policy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// readDMARC gives what a DMARC record means, with the defaults of what it does not
// say (RFC 7489, 6.3). What receivers cannot read they take as not written (6.3), a
// record without a readable p that asks for reports as p=none (6.6.3).
func readDMARC(text string) ([]Field, error) {
	list, err := tags(text)
	said := map[string]string{}
	for _, t := range list {
		said[strings.ToLower(t.name)] = t.value
	}
	wrong := func(format string, args ...any) {
		if err == nil {
			err = fmt.Errorf(format, args...)
		}
	}
	one := func(name, otherwise string, words ...string) string {
		value, ok := said[name]
		if word := strings.ToLower(value); slices.Contains(words, word) {
			return word
		}
		if ok {
			wrong("%s=%s is none of %s, and receivers take it as %s", name, value, strings.Join(words, ", "), otherwise)
		}
		return otherwise
	}
	number := func(name string, otherwise, most uint64) string {
		value, ok := said[name]
		n, e := strconv.ParseUint(value, 10, 64)
		if e == nil && n <= most {
			return strconv.FormatUint(n, 10)
		}
		if ok {
			wrong("%s=%s is no number up to %d, and receivers take it as %d", name, value, most, otherwise)
		}
		return strconv.FormatUint(otherwise, 10)
	}
	actions := []string{"none", "quarantine", "reject"}
	if said["p"] == "" {
		wrong("it has no p, and receivers do nothing with such a record, or take it as p=none")
	}
	p := one("p", "none", actions...)
	rua, ruf := urls(said["rua"]), urls(said["ruf"])
	out := []Field{
		{Name: "p", Value: p},
		{Name: "sp", Value: one("sp", p, actions...)},
		{Name: "pct", Value: number("pct", 100, 100)},
		{Name: "adkim", Value: one("adkim", "r", "r", "s")},
		{Name: "aspf", Value: one("aspf", "r", "r", "s")},
	}
	out = append(out, fields("rua", rua)...)
	if len(rua) > 0 {
		out = append(out, Field{Name: "ri", Value: number("ri", 86400, 1<<32-1)})
	}
	out = append(out, fields("ruf", ruf)...)
	if len(ruf) > 0 { // nobody reads fo without it
		out = append(out, fields("fo", members(said["fo"], "0"))...)
		out = append(out, fields("rf", members(said["rf"], "afrf"))...)
	}
	return out, err
}

// members are the words of a list with colons, in lower case, sorted; otherwise if
// there are none.
func members(list, otherwise string) []string {
	var out []string
	for w := range strings.SplitSeq(strings.ToLower(list), ":") {
		if w = strings.Trim(w, " \t"); w != "" {
			out = append(out, w)
		}
	}
	if out == nil {
		return []string{otherwise}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

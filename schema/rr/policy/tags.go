package policy

import (
	"fmt"
	"slices"
	"strings"
)

// tag is one name=value of a list (RFC 6376, 3.2).
type tag struct{ name, value string }

// tags reads a list of tags, separated by semicolons. The error is about the first
// part that is none; the list holds the others all the same.
func tags(text string) ([]tag, error) {
	var out []tag
	var first error
	for part := range strings.SplitSeq(text, ";") {
		part = strings.Trim(part, " \t\r\n")
		if part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		t := tag{strings.TrimRight(name, " \t\r\n"), strings.TrimLeft(value, " \t\r\n")}
		twice := slices.ContainsFunc(out, func(u tag) bool { return u.name == t.name })
		switch {
		case ok && t.name != "" && !twice:
			out = append(out, t)
		case first != nil:
		case twice:
			first = fmt.Errorf("%s stands twice: leave one", t.name)
		default:
			first = fmt.Errorf("%q is no tag: write name=value, with semicolons between", part)
		}
	}
	return out, first
}

// Field is one part of what a policy means, with what stands for it where nothing is
// written. Values of a field that is a set are fields of their own.
type Field struct {
	Name, Value string
	Set         bool // the policy may hold others of the same name
}

// urls cuts a list of URIs (RFC 7489, 6.2; RFC 8460, 3) in canonical form.
func urls(list string) []string {
	var out []string
	for u := range strings.SplitSeq(list, ",") {
		if u = strings.Trim(u, " \t"); u != "" && !slices.Contains(out, canonURL(u)) {
			out = append(out, canonURL(u))
		}
	}
	slices.Sort(out)
	return out
}

// canonURL writes in lower case what knows no case: the scheme, and the domain of a
// mail address or host.
func canonURL(u string) string {
	scheme, rest, ok := strings.Cut(u, ":")
	if !ok {
		return u
	}
	scheme = strings.ToLower(scheme)
	if scheme == "mailto" {
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = rest[:at] + strings.ToLower(rest[at:])
		}
		return scheme + ":" + rest
	}
	if host, path, ok := strings.Cut(strings.TrimPrefix(rest, "//"), "/"); ok && strings.HasPrefix(rest, "//") {
		rest = "//" + strings.ToLower(host) + "/" + path
	}
	return scheme + ":" + rest
}

// fields makes a field of each member of a set.
func fields(name string, members []string) []Field {
	out := make([]Field, len(members))
	for i, m := range members {
		out[i] = Field{Name: name, Value: m, Set: true}
	}
	return out
}

package schema

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// finalDots finds names that are full and are meant to be, but stand where a name
// without a final dot is relative to the zone: nobody wants
// relay.contoso.com.contoso.com.
func (v *validation) finalDots() {
	for _, r := range v.written {
		if !r.proves() {
			v.finalDot(r, r.zone, r.Name, r.Type, r.Values)
		}
	}
	for _, e := range v.config.Expects() {
		if z := At[*Zone](v.config, e.Zone); z != nil {
			v.finalDot(e, z, e.Name, e.Type, e.Values)
		}
	}
}

func (v *validation) finalDot(b Block, z *Zone, owner, typ string, values []string) {
	full := func(name string) bool { return z.holds(strings.ToLower(name)) }
	if full(owner) {
		short := strings.TrimSuffix(strings.TrimSuffix(strings.ToLower(owner), z.Name), ".")
		if short == "" {
			short = "@"
		}
		v.report(b, "name", "Full name where a relative one is wanted", "%q means %s.%s., because names are relative to the zone. Write %q.", owner, owner, z.Name, short)
	}
	switch typ {
	case "MX", "CNAME", "NS", "PTR", "SRV":
	default:
		return
	}
	for _, text := range values {
		if host := lastWord(text); host != "" && full(host) {
			v.report(b, "values", "Missing final dot", "%q has no final dot, so it means %s.%s., as in a zone file. Write %q.", host, host, z.Name, text+".")
		}
	}
}

// lastWord is the last of the words in text, which spaces part.
func lastWord(text string) string {
	text = strings.TrimRightFunc(text, unicode.IsSpace)
	i := strings.LastIndexFunc(text, unicode.IsSpace)
	if i < 0 {
		return text
	}
	_, n := utf8.DecodeRuneInString(text[i:])
	return text[i+n:]
}

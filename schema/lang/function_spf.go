package lang

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// spfFunc writes an SPF record (RFC 7208) of an object with the keys ip4, ip6, a,
// mx, include, redirect and all. Addresses come first, because they cost no
// look-up.
func spfFunc() function.Function {
	return objectFunc("Writes an SPF record (RFC 7208) of an object with the keys ip4, ip6, a, mx, include, redirect and all (fail, softfail, neutral or pass). More than 10 look-ups are an error.",
		"{ip4 = [\"203.0.113.25\"], all = \"fail\"}", spf)
}

func spf(given map[string]cty.Value) (string, error) {
	keys := []string{"ip4", "ip6", "a", "mx", "include", "redirect", "all"}
	if err := onlyKeys(given, "SPF", keys); err != nil {
		return "", err
	}
	terms := []string{"v=spf1"}
	lookups := 0 // those behind an include count too, but only DNS knows them
	for _, key := range keys {
		words, err := spfWords(key, given)
		if err != nil {
			return "", err
		}
		for _, word := range words {
			term, err := spfTerm(key, word)
			if err != nil {
				return "", err
			}
			switch key {
			case "a", "mx", "include", "redirect":
				lookups++
			}
			if lookups > policy.MaxLookups {
				return "", fmt.Errorf("%s is look-up %d, and SPF allows %d: receivers would treat the record as broken. Take out what is no longer used, or list addresses instead of names", term, lookups, policy.MaxLookups)
			}
			terms = append(terms, term)
		}
	}
	if has(given, "redirect") && has(given, "all") {
		return "", fmt.Errorf("redirect is ignored where all is given (RFC 7208, 6.1): leave one of the two out")
	}
	return strings.Join(terms, " "), nil
}

// spfWords are the values of one key: redirect and all take one, the others a
// list or set.
func spfWords(key string, given map[string]cty.Value) ([]string, error) {
	if key != "redirect" && key != "all" {
		return wordsOf(given, key)
	}
	word, err := wordOf(given, key)
	if err != nil || !has(given, key) {
		return nil, err
	}
	return []string{word}, nil
}

func spfTerm(key, word string) (string, error) {
	switch key {
	case "ip4", "ip6":
		return spfAddress(key, word)
	case "all":
		signs := map[string]string{"fail": "-all", "softfail": "~all", "neutral": "?all", "pass": "+all"}
		names := []string{"fail", "softfail", "neutral", "pass"}
		if signs[word] == "" {
			return "", fmt.Errorf("all cannot be %q: write one of %s", word, nearest(word, names))
		}
		return signs[word], nil
	}
	name, length, sized := strings.Cut(word, "/")
	domain, err := schema.CanonDomain(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", key, err)
	}
	if sized && key != "a" && key != "mx" {
		return "", fmt.Errorf("%s: %q is not a domain name: take /%s away", key, word, length)
	}
	if key == "redirect" {
		return "redirect=" + domain, nil
	}
	if sized {
		if _, err := netip.ParsePrefix("0.0.0.0/" + length); err != nil {
			return "", fmt.Errorf("%s: %q does not end with a prefix length from 0 to 32", key, word)
		}
		domain += "/" + length
	}
	return key + ":" + domain, nil
}

// spfAddress is an address or a network of the family that key names.
func spfAddress(key, word string) (string, error) {
	p, err := netip.ParsePrefix(word)
	if err != nil {
		a, err := netip.ParseAddr(word)
		if err != nil || a.Zone() != "" {
			return "", fmt.Errorf("%s: %q is neither an address nor a network", key, word)
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	other := map[string]string{"ip4": "ip6", "ip6": "ip4"}[key]
	if p.Addr().Is4() != (key == "ip4") {
		return "", fmt.Errorf("%s: %q belongs under %s", key, word, other)
	}
	if p.Masked() != p {
		return "", fmt.Errorf("%s: %q has host bits set: write %s", key, word, p.Masked())
	}
	if p.IsSingleIP() {
		return key + ":" + p.Addr().String(), nil
	}
	return key + ":" + p.String(), nil
}

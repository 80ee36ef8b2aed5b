package policy

import (
	"net/netip"
	"slices"
	"strings"
)

// Permission is whether an SPF record lets an address send.
type Permission byte

// The answers of Permits.
const (
	Refused   Permission = iota // the record does not let it pass
	Permitted                   // it passes
	Unsure                      // nobody knows: something could not be asked, or the message decides
)

// Permits reports whether a message from the address passes the SPF record r at name,
// which is full (RFC 7208, 4.6, 5). ask is called for what has to be known. What only a
// message or its receiver knows (macros, exists, ptr) is Unsure. A record that costs
// too much is taken as if it did not.
func Permits(name string, r Record, a netip.Addr, ask func(Question) Answer) Permission {
	return permits(name, r, a.Unmap(), ask, nil)
}

func permits(name string, r Record, a netip.Addr, ask func(Question) Answer, path []string) Permission {
	if slices.Contains(path, name) || len(path) > MaxLookups {
		return Refused
	}
	path = append(slices.Clip(path), name)
	unsure := false
	redirect := ""
	for _, t := range r.Effective() {
		switch {
		case t.Modifier() && t.Name == "redirect":
			redirect = t.Domain
			continue
		case t.Modifier():
			continue
		}
		switch matches(name, t, a, ask, path) {
		case Unsure:
			unsure = true
		case Permitted:
			switch {
			case t.Qualifier == '+':
				return Permitted
			case unsure:
				return Unsure
			}
			return Refused
		}
	}
	switch {
	case unsure || strings.ContainsRune(redirect, '%'):
		return Unsure
	case redirect != "":
		return include(fqdn(redirect), a, ask, path)
	}
	return Refused
}

// matches reports whether a mechanism matches the address.
func matches(name string, t Term, a netip.Addr, ask func(Question) Answer, path []string) Permission {
	target := name
	if t.Domain != "" {
		target = fqdn(t.Domain)
	}
	yes := func(ok bool) Permission {
		if ok {
			return Permitted
		}
		return Refused
	}
	switch {
	case t.Name == "all":
		return Permitted
	case t.Name == "ip4", t.Name == "ip6":
		return yes(t.Net.Contains(a))
	case t.Macros(), t.Name == "exists", t.Name == "ptr":
		return Unsure
	case t.Name == "include":
		return include(target, a, ask, path)
	case t.Name == "a":
		return near(target, t, a, ask)
	case t.Name == "mx":
		mx := ask(Question{target, "MX"})
		if mx.Open {
			return Unsure
		}
		result := Refused
		for _, host := range mx.Hosts {
			switch near(host, t, a, ask) {
			case Permitted:
				return Permitted
			case Unsure:
				result = Unsure
			}
		}
		return result
	}
	return Unsure
}

// near reports whether the address is in the networks around those of a host.
func near(host string, t Term, a netip.Addr, ask func(Question) Answer) Permission {
	typ, bits := "A", t.Bits4
	if a.Is6() {
		typ, bits = "AAAA", t.Bits6
	}
	got := ask(Question{host, typ})
	if got.Open {
		return Unsure
	}
	for _, x := range got.Addrs {
		if p, err := x.Prefix(bits); err == nil && p.Contains(a) {
			return Permitted
		}
	}
	return Refused
}

// include evaluates the record at a name.
func include(name string, a netip.Addr, ask func(Question) Answer, path []string) Permission {
	got := ask(Question{name, "TXT"})
	if got.Open {
		return Unsure
	}
	var records []string
	for _, text := range got.Texts {
		if isSPF(text) {
			records = append(records, text)
		}
	}
	if len(records) != 1 {
		return Refused // an error for the whole record, which MR208 says
	}
	r, err := ReadSPF(records[0])
	if err != nil {
		return Refused
	}
	return permits(name, r, a, ask, path)
}

package reach

import (
	"slices"
	"strings"

	"github.com/mailrelay/mailrelay/schema/decide"
)

// who is a kind of client, besides its address and TLS.
type who struct {
	user        string   // "": has not logged on; other: somebody whom no permission names
	certificate int      // of the certificates of a crowd; 0: none that makes a partner
	names       []string // in it
}

// other is a user whom no permission names: no name that one could log on with.
const other = "\x00"

// certificate is the certificates that make a client a partner before, after, or at
// both times.
type certificate struct {
	names []string // an example
	entry []string // how a Line names them
}

// principals are the kinds of clients that either door tells apart.
func (d doors) principals() ([]who, []certificate) {
	users := []string{""}
	for _, at := range d {
		if at.connector == nil {
			continue
		}
		for _, m := range at.connector.Block.AuthMechanisms {
			if strings.HasPrefix(m, "basic_auth") && !slices.Contains(users, other) {
				users = append(users, other)
			}
		}
	}
	if len(users) > 1 {
		for _, at := range d {
			if at.connector == nil {
				continue
			}
			for _, p := range at.connector.Block.Permissions {
				if user, ok := strings.CutPrefix(p.Principal, "user:"); ok && !slices.Contains(users, strings.ToLower(user)) {
					users = append(users, strings.ToLower(user))
				}
			}
		}
	}
	certificates := d.certificates()
	var out []who
	for _, u := range users {
		for i, c := range certificates {
			out = append(out, who{u, i, c.names})
		}
	}
	return out, certificates
}

// certificates are those that the doors tell apart; the first is none. One may bear
// several names.
func (d doors) certificates() []certificate {
	wild := map[string]bool{}
	for _, at := range d {
		if at.connector == nil {
			continue
		}
		for _, space := range at.connector.Block.TLSClientNames {
			if rest, ok := strings.CutPrefix(space, "*."); ok {
				wild[rest] = true
			} else if space != "*" && !wild[space] {
				wild[space] = false
			}
		}
	}
	p := arrange(wild).domains("someone")
	kind := func(name string) [2]bool {
		var out [2]bool
		for side, at := range d {
			out[side] = at.connector != nil && at.connector.IsPartner(name)
		}
		return out
	}
	example := map[[2]bool]string{}
	for i, e := range p.elements {
		if i == p.bare {
			continue
		}
		if k := kind(e.one.Domain); example[k] == "" {
			example[k] = e.one.Domain
		}
	}
	out := []certificate{{}}
	for _, k := range [][2]bool{{true, true}, {true, false}, {false, true}} {
		entry := func(k [2]bool) []string {
			s := p.describe(Widened, func(e int) wanted {
				if e == p.bare {
					return whatever
				}
				return being(kind(p.elements[e].one.Domain) == k)
			})
			if len(s.Except) == 0 {
				return s.Names
			}
			return []string{strings.Join(s.Names, " or ") + " but " + strings.Join(s.Except, " or ")}
		}
		switch b, a := example[[2]bool{true, false}], example[[2]bool{false, true}]; {
		case example[k] != "":
			out = append(out, certificate{[]string{example[k]}, entry(k)})
		case k == [2]bool{true, true} && b != "" && a != "":
			out = append(out, certificate{[]string{b, a}, []string{strings.Join(entry([2]bool{true, false}), " or ") + " and of " + strings.Join(entry([2]bool{false, true}), " or ")}})
		}
	}
	return out
}

func being(b bool) wanted {
	if b {
		return in
	}
	return out
}

// as gives the client of one side that is w. A certificate that makes no partner at
// the door is none.
func (w who) as(c decide.Client, at *decide.Receive, tls bool) decide.Client {
	c.TLS, c.User = tls, w.user
	if w.certificate > 0 && (!tls || slices.ContainsFunc(w.names, at.IsPartner)) {
		c.Partner, c.Names = true, w.names
	}
	return c
}

// label names the clients of which mask says who is meant. all are those that there
// can be; where they are externally secured, they are nothing else.
func label(mask []bool, all []who, certificates []certificate, secured bool) []Principal {
	var users []string
	kinds := map[string]int{} // certificates by user
	for _, w := range all {
		if kinds[w.user]++; kinds[w.user] == 1 {
			users = append(users, w.user)
		}
	}
	meant := func(user string) []int { // the certificates
		var out []int
		for i, w := range all {
			if mask[i] && w.user == user {
				out = append(out, w.certificate)
			}
		}
		return out
	}
	entry := func(certs []int, of int) []string {
		if len(certs) == of {
			return nil
		}
		var out []string
		for _, c := range certs {
			if c == 0 {
				out = append(out, "-")
			}
			out = append(out, certificates[c].entry...)
		}
		return out
	}
	var out []Principal
	others := meant(other)
	for _, u := range users {
		certs := meant(u)
		if len(certs) == 0 {
			continue
		}
		switch {
		case u == "":
			partners := kinds[u]
			if all[0].certificate == 0 {
				partners-- // all[0] is who has nothing
			}
			if certs[0] == 0 {
				name := "anonymous"
				if secured {
					name = "externally_secured"
				}
				out = append(out, Principal{Name: name})
				certs = certs[1:]
			}
			if len(certs) > 0 {
				out = append(out, Principal{Name: "partner", Certificate: entry(certs, partners)})
			}
		case u == other:
			p := Principal{Name: "authenticated", Certificate: entry(certs, kinds[u])}
			for _, named := range users {
				if named != "" && named != other && !slices.Equal(meant(named), others) {
					p.Except = append(p.Except, named)
				}
			}
			out = append(out, p)
		case !slices.Equal(certs, others):
			out = append(out, Principal{Name: "user:" + u, Certificate: entry(certs, kinds[u])})
		}
	}
	return out
}

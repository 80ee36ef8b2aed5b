package reach

import (
	"fmt"
	"strings"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// ways are where mail to a recipient goes, by its size.
func ways(p *decide.Policy, relay schema.Addr, to schema.Mailbox) []Way {
	var out []Way
	for size := int64(1); ; {
		r, rewritten := p.Route(relay, to, size)
		w := Way{Rewrite: rewriting(p, relay, to, rewritten), to: rewritten}
		if r == nil {
			return append(out, w)
		}
		w.lead(r)
		if n := len(out); n > 0 && same([]Way{out[n-1].any()}, []Way{w.any()}) {
			out[n-1].UpTo = w.UpTo
		} else {
			out = append(out, w)
		}
		size = w.UpTo + 1
		if _, ok := p.Fits(relay, to, size); !ok {
			return out
		}
	}
}

// lead fills in what the route has.
func (w *Way) lead(r *decide.Route) {
	c := r.Connector
	w.UpTo, w.Via, w.Hosts = c.MaxMessageSize, c.Addr(), r.Hosts()
	if len(w.Hosts) == 0 && c.Port != 25 {
		w.Port = c.Port
	}
	w.TLS = protection(c.TLS)
	var proof []string
	for _, part := range []struct{ what, value string }{
		{"", strings.TrimPrefix(c.TLS.Verify, "none")}, {"domain ", c.TLS.Domain}, {"roots ", c.TLS.CA}, {"our certificate ", c.TLS.Certificate}, {"our key ", secret(c.TLS.Key)},
	} {
		if part.value != "" {
			proof = append(proof, part.what+part.value)
		}
	}
	w.Proof = strings.Join(proof, ", ")
	if c.SourceAddress.IsValid() {
		w.From = c.SourceAddress.String()
	}
	if c.HELO != "" {
		w.From = strings.TrimSpace(w.From + " as " + c.HELO)
	}
	if c.Auth != nil {
		w.LogOn = fmt.Sprintf("%s (password in %s)", c.Auth.Username, secret(c.Auth.Password))
	}
}

// secret says where one is.
func secret(s schema.Secret) string {
	if s.Env != "" {
		return s.Env
	}
	return s.File
}

// protection is how the connection is protected, in a word or two.
func protection(t schema.SendTLS) string {
	verified := map[string]string{"certificate": "verified", "domain": "verified", "dane": "verified by DANE", "mta_sts": "verified by MTA-STS"}[t.Verify]
	switch {
	case verified == "":
		return t.Mode
	case t.Mode == "required":
		return verified
	}
	return t.Mode + ", " + verified
}

// rewriting is what RCPT TO becomes. An address of which only the domain becomes
// another may still be one that was given as a target: then user+tag becomes the
// same.
func rewriting(p *decide.Policy, relay schema.Addr, to, rewritten schema.Mailbox) string {
	if rewritten == to {
		return ""
	}
	if user, _, tagged := strings.Cut(to.Local, "+"); rewritten.Local == to.Local && to.Domain != "" {
		if tagged && user != "" {
			return "@" + rewritten.Domain
		}
		to.Local += "+tag"
		if _, other := p.Route(relay, to, 1); other != rewritten {
			return "@" + rewritten.Domain
		}
	}
	return rewritten.String()
}

// any is w for a message of any size.
func (w Way) any() Way {
	w.UpTo = 0
	return w
}

// same reports whether mail goes the same way, whatever the connectors are called. The
// case of local parts is no difference.
func same(a, b []Way) bool { return essence(a, true) == essence(b, true) }

// essence is a list of ways in a form that compares: for one message, or as a line
// shows it.
func essence(list []Way, one bool) string {
	var b strings.Builder
	for _, w := range list {
		nowhere := w.Via.IsZero()
		w.Via = schema.Addr{}
		w.to.Local = strings.ToLower(w.to.Local)
		if one {
			w.Rewrite = ""
		} else {
			w.to = schema.Mailbox{}
		}
		fmt.Fprintf(&b, "%t %+v\n", nowhere, w)
	}
	return b.String()
}

package lang

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/mailrelay/mailrelay/schema"
)

// mtaSTSFunc writes the record that says that a domain has an MTA-STS policy, and
// which edition of it (RFC 8461, 3.1).
func mtaSTSFunc() function.Function {
	return stringFunc("Writes the TXT record of MTA-STS (RFC 8461), which stands at _mta-sts. The id, letters and digits, changes whenever the policy file does.",
		func(args []string) (string, error) {
			id := args[0]
			ok := len(id) >= 1 && len(id) <= 32
			for _, c := range []byte(id) {
				ok = ok && ('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9')
			}
			if !ok {
				return "", function.NewArgErrorf(0, "%q is not the id of a policy: write 1 to 32 letters and digits, like 20270630T120000 (RFC 8461, 3.1)", id)
			}
			return "v=STSv1; id=" + id + ";", nil
		}, "id")
}

// tlsRPTFunc writes the record that says where reports of failed TLS go (RFC
// 8460, 3).
func tlsRPTFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Writes the TXT record of SMTP TLS reporting (RFC 8460), which stands at _smtp._tls. rua is where reports go: a mail address, an https:// address, or a list of them.",
		Params:      []function.Parameter{{Name: "rua", Type: cty.DynamicPseudoType}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(cty.String), nil
			}
			list := args[0]
			if list.Type() == cty.String {
				list = cty.ListVal([]cty.Value{list})
			}
			list, err := convert.Convert(list, cty.List(cty.String))
			if err != nil || list.LengthInt() == 0 {
				return cty.NilVal, function.NewArgErrorf(0, "an address is wanted, or a list of them that is not empty")
			}
			var uris []string
			for _, e := range list.AsValueSlice() {
				if e.IsNull() {
					return cty.NilVal, function.NewArgErrorf(0, "an address is null")
				}
				uri, err := reportURI(e.AsString())
				if err != nil {
					return cty.NilVal, function.NewArgErrorf(0, "%s", err)
				}
				uris = append(uris, uri)
			}
			return cty.StringVal("v=TLSRPTv1; rua=" + strings.Join(uris, ",")), nil
		},
	})
}

// reportURI is where TLS reports go: by mail or by HTTPS.
func reportURI(s string) (string, error) {
	if !strings.HasPrefix(strings.ToLower(s), "https:") {
		return mailURI(s)
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return "", fmt.Errorf("%q is not an https address: write it like https://reports.contoso.com/tls", s)
	}
	if _, err := schema.CanonDomain(u.Hostname()); err != nil {
		return "", fmt.Errorf("%q: %w", s, err)
	}
	return escapeList(u.String()), nil
}

// mailURI is the mailto: URI of a mail address, which may be one already.
func mailURI(s string) (string, error) {
	address := s
	if scheme, rest, ok := strings.Cut(s, ":"); ok && strings.EqualFold(scheme, "mailto") {
		unescaped, err := url.PathUnescape(rest)
		if err != nil {
			return "", fmt.Errorf("%q is not a mailto: address", s)
		}
		address = unescaped
	}
	m, err := schema.ParseMailbox(address)
	if err != nil {
		return "", err
	}
	if strings.HasPrefix(m.Domain, "[") {
		return "", fmt.Errorf("%q: reports go to a domain, not to an address literal", s)
	}
	local, _, _ := strings.Cut(m.String(), "@"+m.Domain)
	return "mailto:" + escapeList(url.PathEscape(local)) + "@" + m.Domain, nil
}

// escapeList hides in a URI what separates the members of a list and the tags of
// a record.
func escapeList(uri string) string {
	return strings.NewReplacer(",", "%2C", "!", "%21", ";", "%3B").Replace(uri)
}

// described is f with a description for the manual.
func described(text string, f function.Function) function.Function {
	var params []string
	for _, p := range f.Params() {
		params = append(params, p.Description)
	}
	if v := f.VarParam(); v != nil {
		params = append(params, v.Description)
	}
	return f.WithNewDescriptions(text, params)
}

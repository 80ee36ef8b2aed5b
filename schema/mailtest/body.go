package mailtest

import (
	"fmt"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// Body describes what may stand in a test.
func Body() *schema.Body {
	return &schema.Body{Attrs: []schema.Attr{
		{Name: "relay", Kind: schema.Ref("relay"), Doc: "The relay that the client connects to; needed where several listen on the binding."},
		{Name: "binding", Kind: schema.Binding(), Doc: "Where the client connects; 0.0.0.0:25 or [::]:25 by its family, or else the only binding there is."},
		{Name: "client", Kind: schema.Address(), Doc: "The address of the client; required, but for a Unix socket."},
		{Name: "helo", Kind: schema.Text(), Doc: "What the client calls itself. No rule looks at it."},
		{Name: "tls", Kind: schema.Bool(), Doc: "Whether the client speaks under TLS; true by itself with client_certificate."},
		{Name: "client_certificate", Kind: schema.SomeSet(schema.DomainName()), Doc: "The names in the certificate that the client shows, and that the relay can verify."},
		{Name: "user", Kind: schema.Text(), Doc: "The name that the client has logged on with."},
		{Name: "from", Kind: sender(), Required: true, Doc: "The address in MAIL FROM; \"\" is the null sender of bounces."},
		{Name: "to", Kind: recipient(), Required: true, Doc: "The address in RCPT TO."},
		{Name: "size", Kind: schema.Size(1, 1<<40), Doc: "The size of the message; not looked at if not given."},
		{Name: "at", Kind: instant(), Doc: "When the message comes, for what expires; a date means its first moment, UTC. Now if not given."},
		{Name: "accept", Kind: schema.Bool(), Doc: "Whether the relay takes the message."},
		{Name: "code", Kind: schema.Int(200, 599), Doc: "The code of its answer, like 250 or 550."},
		{Name: "via", Kind: schema.Ref("send_connector"), Doc: "The send connector by which the message leaves."},
		{Name: "next_hop", Kind: schema.HostPort(0), Doc: "The first smart host that is tried; without smart hosts, the domain of which the MX records are asked."},
		{Name: "rewritten_to", Kind: schema.MailAddress(), Doc: "The address in RCPT TO at the next hop."},
		{Name: "connector", Kind: schema.Ref("receive_connector"), Doc: "The receive connector that answers."},
	}}
}

// word is a Kind of strings with a form of their own.
type word struct {
	what  string
	canon func(string) (string, error)
}

func (k word) Type() cty.Type { return cty.String }
func (k word) What() string   { return k.what }
func (k word) Canon(v cty.Value) (cty.Value, error) {
	s, err := k.canon(v.AsString())
	if err != nil {
		return v, err
	}
	return cty.StringVal(s), nil
}

// sender is a reverse-path: an address, or nothing.
func sender() schema.Kind {
	return word{`a mail address like user@contoso.com, or "" for the null sender`, func(s string) (string, error) {
		if s == "" || s == "<>" {
			return "", nil
		}
		m, err := schema.ParseMailbox(s)
		return m.String(), err
	}}
}

// recipient is a forward-path: an address, or postmaster alone (RFC 5321, 4.5.1).
func recipient() schema.Kind {
	return word{"a mail address like user@contoso.com, or postmaster", func(s string) (string, error) {
		if strings.EqualFold(s, "postmaster") {
			return s, nil
		}
		m, err := schema.ParseMailbox(s)
		return m.String(), err
	}}
}

// instant is a moment, or the first one of a day.
func instant() schema.Kind {
	const what = `a date like "2027-06-30" or a time like "2027-06-30T18:00:00Z"`
	return word{what, func(s string) (string, error) {
		at, err := parseInstant(s)
		if err != nil {
			return "", fmt.Errorf("%q is neither a date nor a time: write %s", s, what)
		}
		return at.Format(time.RFC3339), nil
	}}
}

func parseInstant(s string) (time.Time, error) {
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	return at.UTC(), err
}

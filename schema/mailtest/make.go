package mailtest

import (
	"fmt"
	"net/netip"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailrelay/mailrelay/schema"
)

// New makes the test at a from v, which must be of Body().Type(). The error is a
// cty.PathError that leads to the attribute at fault.
func New(a schema.Addr, v cty.Value, decl hcl.Range) (*Test, error) {
	cv, err := Body().Canon(v)
	if err != nil {
		return nil, err
	}
	r := reader{value: cv}
	t := &Test{
		Addr: a, Decl: decl, Relay: r.ref("relay"), Binding: r.text("binding"), HELO: r.text("helo"),
		TLS: r.flag("tls"), User: r.text("user"), From: r.mailbox("from"), To: r.mailbox("to"),
		Want: Want{
			Accept: r.flag("accept"), Via: r.ref("via"), NextHop: r.text("next_hop"),
			RewrittenTo: r.mailbox("rewritten_to"), Connector: r.ref("connector"),
		},
	}
	if s := r.text("client"); s != "" {
		t.Client, err = netip.ParseAddr(s)
		r.note("client", err)
	}
	if s := r.text("size"); s != "" {
		t.Size, err = schema.ParseSize(s)
		r.note("size", err)
	}
	if s := r.text("at"); s != "" {
		t.At, err = parseInstant(s)
		r.note("at", err)
	}
	if names := cv.GetAttr("client_certificate"); !names.IsNull() {
		for _, n := range names.AsValueSlice() {
			t.Certificate = append(t.Certificate, n.AsString())
		}
	}
	if code := cv.GetAttr("code"); !code.IsNull() {
		n, _ := code.AsBigFloat().Int64()
		t.Want.Code = int(n)
	}
	return t, r.err
}

// reader reads typed values out of a canonical one; what is null reads as zero. It
// keeps the first error.
type reader struct {
	value cty.Value
	err   error
}

func (r *reader) note(name string, err error) {
	if err != nil && r.err == nil {
		r.err = cty.GetAttrPath(name).NewError(fmt.Errorf("%w", err))
	}
}

func (r *reader) text(name string) string {
	if v := r.value.GetAttr(name); !v.IsNull() {
		return v.AsString()
	}
	return ""
}

func (r *reader) flag(name string) *bool {
	v := r.value.GetAttr(name)
	if v.IsNull() {
		return nil
	}
	b := v.True()
	return &b
}

func (r *reader) ref(name string) schema.Addr {
	a, err := schema.ParseAddr(r.text(name))
	r.note(name, err)
	return a
}

func (r *reader) mailbox(name string) schema.Mailbox {
	var m schema.Mailbox
	r.note(name, m.UnmarshalText([]byte(r.text(name))))
	return m
}

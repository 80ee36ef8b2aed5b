package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/reach"
)

// mailLines are one of each symbol.
func mailLines(t *testing.T) []reach.Line {
	anonymous := []reach.Principal{{Name: "anonymous"}}
	refused := reach.Outcome{Code: 550, Enhanced: "5.7.54", Reason: "refused"}
	taken := reach.Outcome{Accepted: true, Code: 250, Enhanced: "2.1.5"}
	by := func(via, host, tls string) reach.Outcome {
		o := taken
		o.Ways = []reach.Way{{Via: addr(t, via), Hosts: []string{host}, TLS: tls}}
		return o
	}
	return []reach.Line{
		{Kind: reach.Widened, Clients: []string{"10.2.0.0/16"}, Principals: anonymous, Senders: reach.Set{Base: reach.Anything}, Recipients: reach.Set{Base: reach.Foreign}, Relays: true, Before: refused, After: taken},
		{Kind: reach.Narrowed, Clients: []string{"10.3.0.7"}, Principals: anonymous, TLS: "without", Senders: reach.Set{Base: reach.Anything}, Recipients: reach.Set{Names: []string{"contoso.com"}}, Before: taken, After: refused},
		{Kind: reach.Rerouted, Recipients: reach.Set{Names: []string{"contoso.com"}}, Before: by("send_connector.mbx", "mbx01", "none"), After: by("send_connector.cloud", "contoso-com.mail.protection.outlook.com", "verified")},
	}
}

func TestReach(t *testing.T) {
	p := &plan.Plan{}
	said := func() (whole, alone string) {
		m := model(t, p)
		var b bytes.Buffer
		if err := Reach(&b, m, Style{}); err != nil {
			t.Fatal(err)
		}
		return string(shown(t, m, Style{})), b.String()
	}
	if whole, alone := said(); strings.Contains(whole, "for the mail") || alone != "Nothing changes for the mail.\n" {
		t.Errorf("where nothing changes the plan says %q, and -reach %q", whole, alone)
	}
	for range 10 {
		p.Reach.Lines = append(p.Reach.Lines, mailLines(t)...)
	}
	whole, alone := said()
	if n := strings.Count(whole, "(was: refused)"); n != 7 || !strings.Contains(whole, "  and 10 lines more: mailrelay plan -reach") {
		t.Errorf("of 30 lines the plan shows\n%s", whole)
	}
	if n := strings.Count(alone, "\n"); n != 30 {
		t.Errorf("-reach shows %d lines of 30", n)
	}
}

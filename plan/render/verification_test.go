package render

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mailrelay/mailrelay/plan"
)

// A token is for good once something is applied, and not before.
func TestWaitingForAPerson(t *testing.T) {
	const record = `new.example.	3600	IN	TXT	"token"`
	for _, test := range []struct {
		name   string
		m      Model
		v      Verification
		wanted string
	}{
		{"issued by the first plan", Model{}, Verification{ByHand: true, Issued: true, Record: record}, "apply this first, and enter the record then"},
		{"given", Model{}, Verification{ByHand: true, Record: record}, "enter this record, then apply: " + record},
		{"issued before", Model{Base: "a"}, Verification{ByHand: true, Issued: true, Record: record}, "enter this record, then apply: " + record},
		{"without the state", Model{}, Verification{ByHand: true, Issued: true}, "may be verified or not"},
		{"written by mailrelay", Model{}, Verification{Issued: true, Record: record}, "the proof: " + record},
	} {
		t.Run(test.name, func(t *testing.T) {
			var b bytes.Buffer
			test.v.State = plan.Unverified
			test.m.Verifications = []Verification{test.v}
			test.m.unverified(&b, Style{})
			if !strings.Contains(b.String(), test.wanted) {
				t.Errorf("%q is not in:\n%s", test.wanted, b.String())
			}
		})
	}
}

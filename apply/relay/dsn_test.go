package relay

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReportsAskedFor: what a client asks of reports (RFC 3461) goes on to a next
// hop that offers them, and what contradicts itself is refused.
func TestReportsAskedFor(t *testing.T) {
	w := newWorld(t, nil)
	r := w.config(block(connector("one", relaying)))
	w.run()
	w.runs(r)
	w.talk("10.1.2.3", hello+`
		-> MAIL FROM:<a@contoso.com> RET=SOME
		<~ 501
		-> MAIL FROM:<a@contoso.com> RET=HDRS ENVID=a+2Bb
		<~ 250
		-> RCPT TO:<b@fabrikam.com> NOTIFY=NEVER,SUCCESS
		<~ 501
		-> RCPT TO:<b@fabrikam.com> NOTIFY=success,DELAY ORCPT=rfc822;list+2Bx@contoso.com
		<~ 250
		-> RCPT TO:<c@fabrikam.com> NOTIFY=NEVER ORCPT=utf-8;\x{FC}@contoso.com
		<~ 250
		-> RCPT TO:<d@fabrikam.com>
		<~ 250
		-> DATA
		<~ 354
		-> Subject: a
		-> 
		-> .
		<~ 250`)
	want := []string{"HDRS a+b", "[SUCCESS DELAY] RFC822 list+x@contoso.com", "[NEVER] UTF-8 \u00fc@contoso.com", "[]  "}
	if diff := cmp.Diff(want, w.sink.next(t).Asked); diff != "" {
		t.Error(diff)
	}
}

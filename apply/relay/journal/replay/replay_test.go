package replay

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// short is an envelope in a line.
func short(e Envelope) string {
	client := e.Client.String()
	if e.Unix != "" {
		client = "unix:" + e.Unix
	}
	at := ""
	if e.Local.IsValid() {
		at = " at " + e.Local.String()
	}
	return fmt.Sprintf("%s %s%s tls=%t user=%q <%s> <%s> %d %d", e.Time.UTC().Format("01-02T15:04:05"), client, at, e.TLS, e.User, e.From, e.To, e.Size, e.Code)
}

func read(t *testing.T, log string) ([]string, Unread) {
	t.Helper()
	var out []string
	u, err := Read(strings.NewReader(log), func(e Envelope) { out = append(out, short(e)) })
	if err != nil {
		t.Fatal(err)
	}
	return out, u
}

func TestRead(t *testing.T) {
	iis, err := os.ReadFile("../testdata/iis.log")
	if err != nil {
		t.Fatal(err)
	}
	const head = "#Software: Microsoft Exchange Server\r\n#Log-type: SMTP Receive Protocol Log\r\n#Fields: date-time,connector-id\r\n"
	protocol := func(lines ...string) string {
		var b strings.Builder
		for i, l := range lines {
			fmt.Fprintf(&b, "2026-11-22T04:05:06.000Z,EX\\Default,08D1,%d,10.0.0.1:25,10.20.0.9:50001,%s\r\n", i, l)
		}
		return b.String()
	}
	tests := []struct {
		name, log string
		want      []string
		unread    int
	}{
		{"events", `{"time":"2026-11-22T04:05:06Z","event":"received","client":"10.0.0.1","from":"a@contoso.com","to":["b@fabrikam.com"]}
{"time":"2026-11-22T04:05:06Z","event":"queued","client":"10.0.0.1","tls":"TLS 1.3","user":"scanner","from":"a@contoso.com","to":["b@fabrikam.com","\"c d\"@fabrikam.com"],"size":5}
{"time":"2026-11-22T04:05:07Z","event":"queued","id":"1","from":"","to":["a@contoso.com"]}
{"time":"2026-11-22T04:05:08Z","event":"refused","client":"unix:/run/x","from":"","to":["postmaster"],"command":"RCPT","code":550}
{"time":"2026-11-22T04:05:08Z","event":"refused","client":"10.0.0.1","command":"CONNECT","code":554}
{"time":"2026-11-22T04:05:09Z","event":"queued","client":"10.0.0.1","from":"a","to":["b@fabrikam.com"]}
{"time":
`, []string{
			`11-22T04:05:06 10.0.0.1 tls=true user="scanner" <a@contoso.com> <b@fabrikam.com> 5 250`,
			`11-22T04:05:06 10.0.0.1 tls=true user="scanner" <a@contoso.com> <"c d"@fabrikam.com> 5 250`,
			`11-22T04:05:08 unix:/run/x tls=false user="" <> <postmaster> 0 550`}, 2},
		{"IIS", string(iis), []string{`10-11T19:16:41 61.47.65.115 tls=false user="" <Keith@boardermail.com> <s-r_kke@meelift.com> 0 250`}, 0},
		{"NCSA", `10.0.0.1 - host [22/Nov/2026:04:05:06 +0000] "EHLO -?+host SMTP" 250 46
10.0.0.1 - host [22/Nov/2026:04:05:06 +0000] "STARTTLS - SMTP" 220 46
10.0.0.1 - host [22/Nov/2026:04:05:06 +0000] "MAIL -?+FROM:<a+tag@contoso.com>+SIZE=12 SMTP" 250 46
10.0.0.1 - other [22/Nov/2026:04:05:06 +0000] "MAIL -?+FROM:<> SMTP" 250 46
10.0.0.1 - host [22/Nov/2026:04:05:07 +0000] "RCPT -?+TO:<"b+c"@fabrikam.com> SMTP" 550 46
10.0.0.1 - other [22/Nov/2026:04:05:07 +0000] "RCPT -?+TO:<\"b>c\"@fabrikam.com> SMTP" 250 46
10.0.0.1 - host [22/Nov/2026:04:05:07 +0000] "QUIT -?host SMTP" 240 46
10.0.0.1 - host [22/Nov/2026:04:05:07 +0000] "RCPT -?+TO:<late@fabrikam.com> SMTP" 250 46
10.0.0.1 - host [32/Nov/2026:04:05:07 +0000] "RCPT -?+TO:<late@fabrikam.com> SMTP" 250 46
nonsense
`, []string{
			`11-22T04:05:07 10.0.0.1 tls=true user="" <a+tag@contoso.com> <b+c@fabrikam.com> 12 550`,
			`11-22T04:05:07 10.0.0.1 tls=false user="" <> <"b>c"@fabrikam.com> 0 250`}, 3},
		{"Exchange", head + protocol("+,,", ">,220 ready,", "<,EHLO printer,", ">,250-hello,", ">,250 SIZE 37748736,", "<,STARTTLS,", ">,220 2.0.0 ready,", "<,EHLO printer,", ">,250 hello,",
			"<,AUTH LOGIN,", ">,334 <authentication response>,", "*,,secret", ">,235 2.7.0 good,",
			"<,MAIL FROM:<a@contoso.com> SIZE=7,", "<,RCPT TO:<b@fabrikam.com>,", `<,"RCPT TO:<""x,y""@fabrikam.com>",`, ">,250 2.1.0 Sender OK,", ">,550 5.7.54 Unable to relay,", ">,250 2.1.5 OK,",
			"<,DATA,", ">,354 go on,", ">,250 2.6.0 queued,", "<,RSET,", ">,250 2.0.0 reset,", "<,RCPT TO:<late@fabrikam.com>,", ">,503 no sender,", "-,,Local"), []string{
			`11-22T04:05:06 10.20.0.9 at 10.0.0.1:25 tls=true user="(somebody)" <a@contoso.com> <b@fabrikam.com> 7 550`,
			`11-22T04:05:06 10.20.0.9 at 10.0.0.1:25 tls=true user="(somebody)" <a@contoso.com> <"x,y"@fabrikam.com> 7 250`}, 1},
		{"what was sent", "#Log-type: SMTP Send Protocol Log\r\n" + protocol("<,MAIL FROM:<a@contoso.com>,", ">,250 ok,"), nil, 0},
		{"nothing", "", nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, unread := read(t, tt.log)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if unread.Lines != tt.unread {
				t.Errorf("%d lines were not read, the first %+v", unread.Lines, unread)
			}
		})
	}
}

// TestUnread holds that what could not be read can be found.
func TestUnread(t *testing.T) {
	_, u := read(t, "#\n\n"+strings.Repeat("x", 3*maxLine)+"\nnonsense\n")
	if u.Lines != 2 || u.First != 3 || len(u.Text) != 120 || u.Why == "" {
		t.Errorf("%+v", u)
	}
}

// FuzzRead holds that whatever a log holds, each envelope is one that could have been
// handed in.
func FuzzRead(f *testing.F) {
	f.Add(`{"time":"2026-11-22T04:05:06Z","event":"queued","client":"10.0.0.1","from":"","to":["b@fabrikam.com"]}`)
	f.Add("10.0.0.1 - h [22/Nov/2026:04:05:06 +0000] \"MAIL -?+FROM:<a@b.example> SMTP\" 250 46\n10.0.0.1 - h [22/Nov/2026:04:05:06 +0000] \"RCPT -?+TO:<a@b.example> SMTP\" 250 46")
	f.Add("2026-11-22T04:05:06.000Z,c,1,0,10.0.0.1:25,10.20.0.9:1,<,MAIL FROM:<>,\n2026-11-22T04:05:06.000Z,c,1,0,10.0.0.1:25,10.20.0.9:1,>,250,\n")
	f.Fuzz(func(t *testing.T, s string) {
		lines := strings.Count(s, "\n") + 1
		u, err := Read(strings.NewReader(s), func(e Envelope) {
			if e.Client.IsValid() == (e.Unix != "") || e.To.IsNull() || e.Size < 0 {
				t.Errorf("%+v", e)
			}
		})
		if err != nil || u.Lines > lines {
			t.Errorf("%+v, %v", u, err)
		}
	})
}

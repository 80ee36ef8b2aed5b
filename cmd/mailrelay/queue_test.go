package main

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
)

// queue runs a command of mailrelay queue, which must end with the exit code.
func (s *site) queue(code int, args ...string) (stdout, stderr string) {
	s.t.Helper()
	args = append([]string{"queue", args[0], "-state=" + s.state}, args[1:]...)
	var out, errs strings.Builder
	cmd := exec.Command("mailrelay", args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("mailrelay %q exits with %d, want %d\n%s%s", args, got, code, &out, &errs)
	}
	return out.String(), errs.String()
}

// queued is what queue list -json says.
type queued struct {
	Messages int            `json:"messages"`
	Items    []deliver.Item `json:"items"`
}

func (s *site) listed(args ...string) (q queued) {
	s.t.Helper()
	out, _ := s.queue(exitDone, append([]string{"list", "-json"}, args...)...)
	if err := json.Unmarshal([]byte(out), &q); err != nil {
		s.t.Fatal(err)
	}
	return q
}

// TestQueue lists, shows, holds, releases, retries, returns and drops messages that
// their hosts do not take.
func TestQueue(t *testing.T) {
	later := make(chan bool, 1)
	later <- true
	host := newMailHost(t, nil, func(to string) error {
		wait := <-later
		later <- wait
		if !wait || strings.HasSuffix(to, "@contoso.com") {
			return nil
		}
		return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "Come back \x1b[31mlater"}
	})
	s := newSite(t)
	s.apply(localSite(reloadOut, "$HOST", host.addr, `["1s"]`, `["6h"]`))
	s.serve()
	if out, errs := s.queue(exitDone, "list"); out+errs != "" {
		t.Errorf("of an empty queue, list says %q", out+errs)
	}
	for _, m := range [][2]string{
		{"one@contoso.com", "a@fabrikam.com"}, {"two@contoso.com", "b@fabrikam.com"},
		{"two@contoso.com", "c@adatum.com"}, {"three@contoso.com", "d@adatum.com"},
	} {
		s.mail(m[0], m[1])
	}
	var q queued
	eventually(t, "all were tried", func() bool {
		q = s.listed()
		for _, i := range q.Items {
			if i.State != deliver.Waiting || i.Rcpts[0].LastError == "" {
				return false
			}
		}
		return q.Messages == 4
	})
	one, two, three, four := q.Items[0].ID, q.Items[1].ID, q.Items[2].ID, q.Items[3].ID
	for _, tt := range []struct {
		want []string
		args []string
	}{
		{[]string{one, two, three, four}, nil},
		{[]string{one, two, three, four}, []string{"-all"}},
		{[]string{two}, []string{strings.ToLower(two)}},
		{[]string{one, two}, []string{"-domain=fabrikam.com"}},
		{[]string{two, three}, []string{"-from=two@contoso.com"}},
		{[]string{three}, []string{"-from=two@contoso.com", "-domain=adatum.com"}},
		{[]string{one, two, three, four}, []string{"-site=127.0.0.1"}},
		{[]string{}, []string{"-site=127.0.0.2"}},
		{[]string{}, []string{"-older=1h"}},
		{[]string{}, []string{"-held"}},
		{[]string{one}, []string{"-most=1"}},
	} {
		got := []string{}
		for _, i := range s.listed(tt.args...).Items {
			got = append(got, i.ID)
		}
		if strings.Join(got, " ") != strings.Join(tt.want, " ") {
			t.Errorf("list %q gives %q, want %q", tt.args, got, tt.want)
		}
	}
	out, _ := s.queue(exitDone, "list", "-most=1")
	if want := `^` + one + `  waiting +\d+s +\d+ B  <one@contoso\.com>\n    <a@fabrikam\.com>: 127\.0\.0\.1.*451 4\.7\.1 Come back  \[31mlater\n` + `and 3 messages more; -most=N shows more of them\n$`; !regexp.MustCompile(want).MatchString(out) {
		t.Errorf("list says\n%s", out)
	}
	out, _ = s.queue(exitDone, "show", one)
	for _, want := range []string{
		one + `: waiting, next try 2\d{3}-`, `from       <one@contoso\.com>`, `from 127\.0\.0\.1.* by receive_connector\.application`,
		`to         <a@fabrikam\.com>\n +next hop 127\.0\.0\.1`, `(?s)\n\nReceived: .*\nSubject: Toner is low\n$`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("show does not say %s:\n%s", want, out)
		}
	}
	if out, _ = s.queue(exitDone, "show", "-body", one); !strings.HasSuffix(out, "Subject: Toner is low\n\nPlease order some.\n") {
		t.Errorf("show -body says\n%s", out)
	}

	// Nothing is changed that is not named, and nothing without a yes.
	for args, want := range map[string]string{
		"drop":                     "changes nothing that is not named",
		"hold -domain=":            "-domain is empty",
		"hold -older=soon":         "-older",
		"retry 00000000000 " + one: "00000000000. Nothing was done",
		"show 00000000000":         "00000000000: the message is not in the queue",
		"show":                     "takes the id of one message",
		"drop -input=false " + one: "approval is needed",
		"bounce " + one:            "no answer could be read",
	} {
		if _, errs := s.queue(exitError, strings.Fields(args)...); !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(errs, "│", " ")), " "), want) {
			t.Errorf("queue %s says\n%s", args, errs)
		}
	}
	if n := s.listed().Messages; n != 4 {
		t.Fatalf("%d messages are left", n)
	}

	if out, _ := s.queue(exitDone, "hold", "-from=two@contoso.com"); out != "Held 2 messages.\n" {
		t.Errorf("hold says %q", out)
	}
	if out, errs := s.queue(exitDone, "hold", "-from=two@contoso.com"); out+errs != "" {
		t.Errorf("hold once more says %q", out+errs)
	}
	<-later
	later <- false // from now on the host takes them
	if out, _ := s.queue(exitDone, "retry", "-json", "-all"); !strings.Contains(out, `"messages": `) {
		t.Errorf("retry says %q", out)
	}
	host.next(t)
	host.next(t)
	eventually(t, "the two that are held are left", func() bool { q = s.listed(); return q.Messages == 2 })
	for _, i := range q.Items {
		if i.State != deliver.Held {
			t.Errorf("%s is %s", i.ID, i.State)
		}
	}
	if out, _ := s.queue(exitDone, "drop", "-auto-approve", three); out != "Dropped 1 message.\n" {
		t.Errorf("drop says %q", out)
	}
	if out, errs := s.queue(exitDone, "drop", "-auto-approve", "-domain=adatum.com"); out+errs != "" {
		t.Errorf("drop of nothing says %q", out+errs)
	}
	if out, _ := s.queue(exitDone, "release", two); out != "Released 1 message.\n" {
		t.Errorf("release says %q", out)
	}
	if l := host.next(t); l.To != "b@fabrikam.com" {
		t.Errorf("released: %+v", l)
	}
	<-later
	later <- true
	s.mail("one@contoso.com", "a@fabrikam.com")
	if out, _ := s.queue(exitDone, "bounce", "-auto-approve", "-reason=We are closed.", "-all"); out != "Returned 1 message.\n" {
		t.Errorf("bounce says %q", out)
	}
	if l := host.next(t); l.To != "one@contoso.com" || !strings.Contains(l.Content, "We are closed.") {
		t.Errorf("returned: %+v", l)
	}
	eventually(t, "the queue is empty", func() bool { return s.listed().Messages == 0 })
}

// TestQueueWithoutRelay says whom it asks, and what to do.
func TestQueueWithoutRelay(t *testing.T) {
	s := newSite(t)
	if _, errs := s.queue(exitError, "list"); !strings.Contains(errs, "mailrelay serve") {
		t.Errorf("it says\n%s", errs)
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m", 2*time.Hour + 3*time.Minute: "2h03m", 49 * time.Hour: "2d1h",
	} {
		if got := age(d); got != want {
			t.Errorf("%s is %s, want %s", d, got, want)
		}
	}
}

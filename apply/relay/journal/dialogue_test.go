package journal

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/schema"
)

// entry is what a reader makes of a line of IIS SMTP.
type entry struct {
	client, name, verb, args, status, bytes string
	at                                      time.Time
}

// Quotes inside are allowed for, because IIS did not escape them.
var ncsa = regexp.MustCompile(`^(\S+) - (\S+) \[([^\]]+)\] "(\S+) -(?:\?(.*))? SMTP" (\d+) (\d+)$`)

func readNCSA(t *testing.T, text string) []entry {
	t.Helper()
	var out []entry
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		m := ncsa.FindStringSubmatch(line)
		if m == nil {
			t.Errorf("%q is not of the form of IIS", line)
			continue
		}
		at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[3])
		if err != nil {
			t.Error(err)
		}
		out = append(out, entry{m[1], m[2], m[4], m[5], m[6], m[7], at})
	}
	return out
}

// dialogues has a client and a next hop talk as those of the samples of IIS did.
func dialogues(j *Journal, verbose bool) {
	in := j.Inbound(schema.Addr{Type: "receive_connector", Name: "in"}, verbose, "10.0.0.1:25", "61.47.65.115:4000", "61.47.65.115")
	in.Answer("220 relay ESMTP")
	for _, x := range [][]string{
		{"HELO 207.250.64.66", "250 mee-pdc.meelift.com Hello [61.47.65.115]."},
		{"MAIL FROM: <Keith@boardermail.com>", "250 2.1.0 OK"},
		{"RCPT TO: <s-r_kke@meelift.com>", "250 2.1.5 OK"},
		{`RCPT TO:<"a \" b"@meelift.com>`, "550 5.1.1 No"},
		{"xxxx armin.techtarget.com", "500 5.5.1 Unknown"},
		{"AUTH PLAIN AGFubgBzZXNhbWU=", "235 2.7.0 OK"},
		{"AUTH LOGIN", "334 VXNlcm5hbWU6"},
		{"c2VzYW1l", "334 UGFzc3dvcmQ6"},
		{"c2VzYW1l", "535 5.7.8 No"},
		{"c2VzYW1l", "500 5.5.2 Syntax errors, c2VzYW1l command unrecognized"},
	} {
		in.Command(x[0])
		in.Answer(x[1])
	}
	in.Command("DATA")
	in.Answer("354 Go ahead")
	in.Took("0001")
	in.Answer("250 2.0.0 OK: queued as 0001")
	in.Command("QUIT")
	in.Answer("221 Bye")
	in.Note("TLS 1.3")
	in.End()
	in.End()
	out := j.Outbound(schema.Addr{Type: "send_connector", Name: "out"}, verbose, "10.0.0.1:4001", "205.188.158.121:25", "205.188.158.121")
	out.Answer(`220-rly-yi06.mx.aol.com ESMTP mail_relay_in-yi6.1; Wed, 11 Oct 2006 14:16:38 -0400`)
	out.Answer(`220 "quoted"`)
	out.Command("EHLO mee-pdc.meelift.com")
	out.Command("DATA")
	out.Answer("250 OK")
	out.End()
}

// The lines of IIS and ours are read by one reader, and those that are about the
// same say the same.
func TestNCSA(t *testing.T) {
	set, c := settings(t.TempDir()), newClock()
	c.now = time.Date(2006, 10, 11, 13, 16, 39, 0, time.FixedZone("", -6*3600))
	dialogues(open(t, set, c), false)
	ours := readNCSA(t, read(t, set.Directory, "ncsa.log"))
	sample, err := os.ReadFile(filepath.Join("testdata", "iis.log"))
	if err != nil {
		t.Fatal(err)
	}
	theirs := readNCSA(t, string(sample))
	find := func(verb, args string) entry {
		for _, e := range ours {
			if e.verb == verb && e.args == args {
				return e
			}
		}
		t.Fatalf("there is no %s with %q in %+v", verb, args, ours)
		return entry{}
	}
	same := 0
	for _, want := range theirs {
		if want.client != "61.47.65.115" && want.client != "205.188.158.121" || want.at.Minute() == 17 || strings.Contains(want.args, "250-rly") {
			continue
		}
		got := find(want.verb, want.args)
		if got.client != want.client || got.name != want.name && want.verb != "HELO" || got.status != want.status || want.status == "0" && got.bytes != want.bytes {
			t.Errorf("IIS wrote %+v, and we %+v", want, got)
		}
		same++
	}
	if same < 5 {
		t.Errorf("only %d lines could be compared", same)
	}
	if got := find("DATA", "+<0001>"); got.status != "250" {
		t.Errorf("DATA has %+v", got)
	}
	if got := find("QUIT", "207.250.64.66"); got.status != "240" {
		t.Errorf("QUIT has %+v", got)
	}
	if got := find("RCPT", `+TO:<\"a+\\\"+b\"@meelift.com>`); got.status != "550" {
		t.Errorf("quotes have %+v", got)
	}
}

func TestProtocolLog(t *testing.T) {
	set, c := settings(t.TempDir()), newClock()
	dialogues(open(t, set, c), true)
	head := func(kind string) string {
		return "#Software: mailrelay\r\n#Version: 15.00.0000.000\r\n#Log-type: SMTP " + kind + " Protocol Log\r\n#Date: 2026-11-22T04:05:06.789Z\r\n" +
			"#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\r\n"
	}
	got := read(t, set.Directory, "send.csv")
	at := fmt.Sprintf("2026-11-22T04:05:06.789Z,send_connector.out,%08X00000002,", c.now.Unix())
	ends := ",10.0.0.1:4001,205.188.158.121:25,"
	want := head("Send") + at + "0" + ends + "+,,\r\n" +
		at + "1" + ends + `<,"220-rly-yi06.mx.aol.com ESMTP mail_relay_in-yi6.1; Wed, 11 Oct 2006 14:16:38 -0400",` + "\r\n" +
		at + "2" + ends + `<,"220 ""quoted""",` + "\r\n" +
		at + "3" + ends + ">,EHLO mee-pdc.meelift.com,\r\n" + at + "4" + ends + ">,DATA,\r\n" + at + "5" + ends + "<,250 OK,\r\n" +
		at + "6" + ends + "-,,\r\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	receive := read(t, set.Directory, "receive.csv")
	if !strings.HasPrefix(receive, head("Receive")) || !strings.Contains(receive, "*,,TLS 1.3\r\n") || strings.Count(receive, ",-,,\r\n") != 1 {
		t.Errorf("the other file has %s", receive)
	}
	for _, name := range []string{"receive.csv", "send.csv", "ncsa.log"} {
		if text := read(t, set.Directory, name); strings.Contains(text, "c2VzYW1l") || strings.Contains(text, "AGFubgBzZXNhbWU") {
			t.Errorf("%s tells passwords:\n%s", name, text)
		}
	}
	events := read(t, set.Directory, "events.json")
	if !strings.Contains(events, `"event":"connected"`) || strings.Count(events, `"event":"disconnected"`) != 1 {
		t.Errorf("the events are %s", events)
	}
}

func TestNobodyListens(t *testing.T) {
	j := New(Options{})
	if j.Inbound(schema.Addr{}, true, "", "", "") != nil {
		t.Error("a conversation is followed that no log shows")
	}
	var none *Journal
	d := none.Outbound(schema.Addr{}, true, "", "", "")
	d.Command("EHLO x")
	d.Answer("250 x")
	d.Took("1")
	d.Note("x")
	d.End()
}

package dns

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema"
)

// text gives one secret for all references.
func text(s string) func(schema.Secret) ([]byte, error) {
	return func(schema.Secret) ([]byte, error) { return []byte(s), nil }
}

// faulty is a world in process that knows how to fail.
func faulty(t *testing.T, f func(dnstest.Request) dnstest.Fault) (*world, *dnstest.Server) {
	t.Helper()
	s, err := dnstest.New(dnstest.Options{Zones: map[string]string{"contoso.com": contoso}, TSIG: map[string]string{keyName: secret}, Fault: f})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return newWorld(t, s.Addr()), s
}

func onUpdate(f dnstest.Fault) func(dnstest.Request) dnstest.Fault {
	return func(r dnstest.Request) dnstest.Fault {
		if r.Update {
			return f
		}
		return dnstest.Fault{}
	}
}

func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		code int
		say  string
	}{
		{2, "(SERVFAIL): it could not store it"},
		{4, "(NOTIMP): it takes no dynamic updates"},
		{5, "(REFUSED): it does not let TSIG key \"mailrelay.\" change"},
		{9, "(NOTAUTH): it is not the zone's primary server"},
		{10, "(NOTZONE): a record lies outside"},
		{1, "(FORMERR): look at its log"},
	} {
		w, s := faulty(t, onUpdate(dnstest.Fault{Code: tt.code}))
		err := w.write(w.change("mail", "A", 300, "192.0.2.25"))
		if err == nil || !strings.Contains(err.Error(), tt.say) || !strings.Contains(err.Error(), s.Addr()) {
			t.Errorf("code %d: %v, want %q", tt.code, err, tt.say)
		}
	}
}

// TestAnswerLost has a server that does the update and does not say so.
func TestAnswerLost(t *testing.T) {
	w, _ := faulty(t, onUpdate(dnstest.Fault{Silent: true}))
	w.writer.Timeout = 100 * time.Millisecond
	if err := w.write(w.change("mail", "A", 300, "192.0.2.25")); err != nil {
		t.Fatal(err)
	}
	if w.see("mail", "A").Set == nil {
		t.Error("it was not written")
	}
}

// TestAnswerLostThenChanged has somebody else change what was just written.
func TestAnswerLostThenChanged(t *testing.T) {
	w, s := faulty(t, nil)
	changes := w.change("mail", "A", 300, "192.0.2.25")
	mx := w.change("@", "MX", 3600, "10 mail")
	s.SetFault(func(r dnstest.Request) dnstest.Fault {
		if !r.Update && r.Key.Type == "MX" {
			s.SetFault(nil)
			s.Set("contoso.com", "MX", 60, "99 old.contoso.com.")
		}
		return dnstest.Fault{Silent: r.Update}
	})
	w.writer.Timeout = 100 * time.Millisecond
	var stale *StaleError
	err := w.write(changes, mx)
	if err == nil || errors.As(err, &stale) || !strings.Contains(err.Error(), "some of it has been changed since") {
		t.Errorf("error %v", err)
	}
}

// TestAnswerLostThenPartTaken has somebody else take away a part of what was just
// written: the rest is ours, and so it is no stale plan, after which nobody looks.
func TestAnswerLostThenPartTaken(t *testing.T) {
	w, s := faulty(t, nil)
	addresses := w.change("mail", "A", 300, "192.0.2.25", "192.0.2.26")
	s.SetFault(func(r dnstest.Request) dnstest.Fault {
		if !r.Update && r.Key.Type == "A" {
			s.SetFault(nil)
			s.Set("mail.contoso.com", "A", 300, "192.0.2.25")
		}
		return dnstest.Fault{Silent: r.Update}
	})
	w.writer.Timeout = 100 * time.Millisecond
	var stale *StaleError
	err := w.write(addresses)
	if err == nil || errors.As(err, &stale) || !strings.Contains(err.Error(), "some of it has been changed since") {
		t.Errorf("error %v", err)
	}
}

// swallow is a connection that takes what is written and then breaks.
type swallow struct{ net.Conn }

func (swallow) Write(p []byte) (int, error) { return len(p), nil }
func (swallow) Read([]byte) (int, error)    { return 0, io.ErrUnexpectedEOF }

func TestUpdateLost(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change string // made by somebody else meanwhile
		say    string
		stale  bool
	}{
		{"nothing else", "", "everything is as it was: try again", false},
		{"changed meanwhile", "mail.contoso.com. 60 IN A 192.0.2.99", "mail.contoso.com. A changed since", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := faulty(t, nil)
			w.writer = NewRFC2136(Options{Secret: text(secret), Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				c, err := new(net.Dialer).DialContext(ctx, network, addr)
				if network == "tcp" && err == nil {
					if tt.change != "" {
						w.other(tt.change)
					}
					c = swallow{c}
				}
				return c, err
			}})
			err := w.write(w.change("mail", "A", 300, "192.0.2.25"))
			var stale *StaleError
			if err == nil || !strings.Contains(err.Error(), tt.say) || errors.As(err, &stale) != tt.stale {
				t.Errorf("error %v, want %q", err, tt.say)
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	w, s := faulty(t, nil)
	c := w.change("mail", "A", 300, "192.0.2.25")
	w.writer = NewRFC2136(Options{Secret: text(secret), Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no route to host")
	}})
	err := w.write(c)
	want := "nothing was written: " + s.Addr() + ", which takes updates of contoso.com, cannot be reached: no route to host; check that it runs and that TCP port " + port(s.Addr()) + " is open from here, then try again"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// TestNoErrorIsNoProof changes what dnstest, like Knot, ignores in silence.
func TestNoErrorIsNoProof(t *testing.T) {
	w, _ := faulty(t, nil)
	err := w.write(w.change("@", "NS", 60, "ns1"))
	if err == nil || !strings.Contains(err.Error(), `contoso.com. NS is ["ns1.contoso.com."] (TTL 3600) and should be ["ns1.contoso.com."] (TTL 60)`) {
		t.Errorf("error %v", err)
	}
}

// TestPrimary finds the server by the SOA and the resolver.
func TestPrimary(t *testing.T) {
	w, s := faulty(t, nil)
	w.zone.RFC2136.Server = ""
	dialed := map[string]bool{}
	w.writer = NewRFC2136(Options{Secret: text(secret), Resolvers: []string{s.Addr()}, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if network == "tcp" {
			dialed[addr] = true
		}
		return new(net.Dialer).DialContext(ctx, network, s.Addr())
	}})
	if err := w.write(w.change("mail", "A", 300, "192.0.2.25")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]bool{"127.0.0.1:53": true}, dialed); diff != "" {
		t.Error(diff)
	}
}

// TestPartlyWritten fails at the second message, when the first is done.
func TestPartlyWritten(t *testing.T) {
	w, s := faulty(t, nil)
	small := w.change("_a", "TXT", 60, "x")
	large := w.change("_b", "TXT", 60, strings.Repeat("x", 63000))
	if err := s.Set("_b.contoso.com", "TXT", 60, `"somebody else's"`); err != nil {
		t.Fatal(err)
	}
	pad := w.change("_a2", "TXT", 60, strings.Repeat("x", 2000))
	err := w.write(small, pad, large)
	var stale *StaleError
	if err == nil || errors.As(err, &stale) || !strings.Contains(err.Error(), "1 of the 2 updates that zone contoso.com needed were made") {
		t.Errorf("error %v", err)
	}
	if w.see("_a", "TXT").Set == nil {
		t.Error("the first message was not written")
	}
}

func TestRefusedBeforeSending(t *testing.T) {
	w, _ := faulty(t, nil)
	outside := w.change("mail", "A", 300, "192.0.2.25")
	outside.Key.Name = "mail.fabrikam.com."
	if err := w.write(outside); err == nil || !strings.Contains(err.Error(), "is not in zone contoso.com") {
		t.Errorf("outside: %v", err)
	}
	if err := w.write(w.change("_a", "TXT", 60, strings.Repeat("x", 65000))); err == nil || !strings.Contains(err.Error(), "no update can hold") {
		t.Errorf("too large: %v", err)
	}
	w.zone.RFC2136 = nil
	if writer, manual := w.writer.ForZone(w.zone); writer != nil || !manual {
		t.Errorf("ForZone = %v, %v", writer, manual)
	}
	if err := w.write(outside); err == nil || !strings.Contains(err.Error(), "a person writes zone contoso.com") {
		t.Errorf("manual: %v", err)
	}
}

func TestReadKey(t *testing.T) {
	tsig := &schema.TSIG{Name: "Mailrelay.", Algorithm: "hmac-sha384"}
	want := &key{"mailrelay.", "hmac-sha384.", secret}
	for _, in := range []string{
		secret, " " + secret + "\n",
		"key \"mailrelay.\" {\n\talgorithm hmac-sha384;\n\tsecret \"" + secret + "\";\n};\n",
		"# hmac-sha384:mailrelay:" + secret + "\nkey:\n- id: mailrelay\n  algorithm: hmac-sha384\n  secret: " + secret + "\n",
	} {
		got, err := readKey(tsig, text(in))
		if err != nil {
			t.Errorf("%q: %v", in, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(key{})); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
	for _, in := range []string{"", "not base64!", secret[:5]} {
		if got, err := readKey(tsig, text(in)); err == nil || in != "" && strings.Contains(err.Error(), in) {
			t.Errorf("%q gives %v, %v", in, got, err)
		}
	}
}

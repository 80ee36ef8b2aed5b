package dns

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// impatient is a writer that waits no real time between tries, and counts them.
func (w *world) impatient() (slept *int) {
	slept = new(int)
	w.writer = NewRFC2136(Options{Secret: text(secret), Timeout: 100 * time.Millisecond, Sleep: func(ctx context.Context, _ time.Duration) error {
		*slept++
		return ctx.Err()
	}})
	return slept
}

// TestAnswers has servers whose answers say nothing, or die around an update. What
// they did is found out by asking.
func TestAnswers(t *testing.T) {
	garble := func(f func([]byte) []byte) dnstest.Fault { return dnstest.Fault{Garble: f} }
	for _, tt := range []struct {
		name  string
		fault dnstest.Fault
		say   string // empty: it was done, and that is seen
	}{
		{"dies before", dnstest.Fault{Lost: true, Hangup: true}, "(the answer was lost: the connection was closed before it came), and everything is as it was: try again"},
		{"silent, nothing done", dnstest.Fault{Lost: true}, "(the answer was lost: none came within 100ms), and everything is as it was: try again"},
		{"dies after", dnstest.Fault{Silent: true, Hangup: true}, ""},
		{"silent, done", dnstest.Fault{Silent: true}, ""},
		{"truncated", garble(func(b []byte) []byte { b[2] |= 2; return b }), ""},
		{"another id", garble(func(b []byte) []byte { b[0]++; return b }), ""},
		{"no signature", garble(func(b []byte) []byte { return unsigned(b) }), ""},
		{"noise", garble(func([]byte) []byte { return []byte("\x00HTTP/1.1 400 Bad Request\r\n\r\n") }), ""},
		{"nothing", garble(func([]byte) []byte { return nil }), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _ := faulty(t, onUpdate(tt.fault))
			w.impatient()
			err := w.write(w.change("mail", "A", 300, "192.0.2.25"))
			stands := w.see("mail", "A").Set != nil
			var stale *StaleError
			if tt.say == "" && err != nil || tt.say != "" && (err == nil || !strings.Contains(err.Error(), tt.say)) || errors.As(err, &stale) {
				t.Errorf("error %v, want %q", err, tt.say)
			}
			if stands != (tt.say == "") {
				t.Errorf("it stands there: %v", stands)
			}
		})
	}
}

// unsigned takes the signature, and all that goes with it, off an answer.
func unsigned(b []byte) []byte {
	m := new(dns.Msg)
	if m.Unpack(b) != nil {
		return b
	}
	m.Extra = nil
	raw, err := m.Pack()
	if err != nil {
		return b
	}
	return raw
}

// broken is a connection that ends in the middle of what is read.
type broken struct {
	net.Conn
	left int
}

func (b *broken) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// TestAnswerBroken loses the answer in the middle of it, at every place.
func TestAnswerBroken(t *testing.T) {
	for _, at := range []int{1, 2, 3, 12, 20} {
		w, s := faulty(t, nil)
		c := w.change("mail", "A", 300, "192.0.2.25")
		w.writer = NewRFC2136(Options{Secret: text(secret), Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			if network == "tcp" && err == nil {
				conn = &broken{conn, at}
			}
			return conn, err
		}})
		serial := s.Serial("contoso.com")
		if err := w.write(c); err != nil || s.Serial("contoso.com") != serial+1 {
			t.Errorf("after %d bytes: error %v, serial %d", at, err, s.Serial("contoso.com"))
		}
	}
}

// TestBusy has a server that cannot take an update at first.
func TestBusy(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fails int
		slept int
		say   string
	}{
		{"once", 1, 1, ""},
		{"three times", 3, 3, ""},
		{"for ever", 99, 3, "(SERVFAIL): it could not store it"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got atomic.Int32
			w, _ := faulty(t, func(r dnstest.Request) dnstest.Fault {
				if r.Update && int(got.Add(1)) <= tt.fails {
					return dnstest.Fault{Code: dns.RcodeServerFailure}
				}
				return dnstest.Fault{}
			})
			slept := w.impatient()
			err := w.write(w.change("mail", "A", 300, "192.0.2.25"))
			if tt.say == "" && err != nil || tt.say != "" && (err == nil || !strings.Contains(err.Error(), tt.say)) {
				t.Errorf("error %v, want %q", err, tt.say)
			}
			if *slept != tt.slept {
				t.Errorf("it waited %d times, want %d", *slept, tt.slept)
			}
		})
	}
}

// failed makes an answer say SERVFAIL, when the update is done.
func failed(b []byte) []byte {
	b[3] = b[3]&0xF0 | dns.RcodeServerFailure
	return b
}

// TestFailedAndDone has a server that does the update and says that it failed.
func TestFailedAndDone(t *testing.T) {
	w, s := faulty(t, onUpdate(dnstest.Fault{Garble: failed}))
	w.impatient()
	serial := s.Serial("contoso.com")
	if err := w.write(w.change("mail", "A", 300, "192.0.2.25")); err != nil {
		t.Error(err)
	}
	if got := s.Serial("contoso.com"); got != serial+1 {
		t.Errorf("it was sent again: serial %d, then %d", serial, got)
	}
}

// TestFailedAndChanged has somebody else write in between: it is never sent again
// over what is not known.
func TestFailedAndChanged(t *testing.T) {
	w, s := faulty(t, nil)
	c := w.change("mail", "A", 300, "192.0.2.25")
	slept := w.impatient()
	s.SetFault(func(r dnstest.Request) dnstest.Fault {
		if !r.Update {
			return dnstest.Fault{}
		}
		s.SetFault(nil)
		if err := s.Set("mail.contoso.com", "A", 60, "192.0.2.99"); err != nil {
			t.Error(err)
		}
		return dnstest.Fault{Code: dns.RcodeServerFailure}
	})
	var stale *StaleError
	if err := w.write(c); !errors.As(err, &stale) || *slept > 0 {
		t.Errorf("error %v; waited %d times", err, *slept)
	}
}

// TestChangedAndBack has somebody else change an RRset, and change it back before it
// can be looked at: the update is sent again. Where that goes on for ever, it is said.
func TestChangedAndBack(t *testing.T) {
	for _, tt := range []struct {
		times, slept int
		say          string
	}{
		{1, 1, ""},
		{99, 3, "(NXRRSET), though every one looks the same from here"},
	} {
		var got atomic.Int32
		w, _ := faulty(t, func(r dnstest.Request) dnstest.Fault {
			if r.Update && int(got.Add(1)) <= tt.times {
				return dnstest.Fault{Code: dns.RcodeNXRrset}
			}
			return dnstest.Fault{}
		})
		slept := w.impatient()
		err := w.write(w.change("@", "MX", 300, "10 mail"))
		if tt.say == "" && err != nil || tt.say != "" && (err == nil || !strings.Contains(err.Error(), tt.say)) || *slept != tt.slept {
			t.Errorf("%d times: error %v, want %q; it waited %d times", tt.times, err, tt.say, *slept)
		}
	}
}

// TestRefusedConnection has a server whose queue of connections is full.
func TestRefusedConnection(t *testing.T) {
	w, _ := faulty(t, nil)
	c := w.change("mail", "A", 300, "192.0.2.25")
	w.impatient()
	refuse := 2
	w.writer.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
		if refuse--; refuse >= 0 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
		}
		return new(net.Dialer).DialContext(ctx, network, addr)
	}
	if err := w.write(c); err != nil || refuse != -1 {
		t.Errorf("error %v; %d", err, refuse)
	}
}

// counted is a connection that counts as long as it is open.
type counted struct {
	net.Conn
	once sync.Once
	open *atomic.Int32
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}

// TestInFlight writes many zones of one server at the same time, which gets no more
// than it may have under way.
func TestInFlight(t *testing.T) {
	zones := map[string]string{}
	for i := range 24 {
		zones[string(rune('a'+i))+".example"] = "@ A 192.0.2.1\n"
	}
	s, err := dnstest.New(dnstest.Options{Zones: zones, TSIG: map[string]string{keyName: secret}, Fault: onUpdate(dnstest.Fault{Delay: 5 * time.Millisecond})})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var open, most atomic.Int32
	w := NewRFC2136(Options{Secret: text(secret), InFlight: 3, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		if network != "tcp" || err != nil {
			return conn, err
		}
		n := open.Add(1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		return &counted{Conn: conn, open: &open}, nil
	}})
	var wg sync.WaitGroup
	for name := range zones {
		wg.Go(func() {
			set := rr.NewSet("new."+name+".", "A", 60, "192.0.2.25")
			if err := w.Write(t.Context(), zoneBlock(t, name, s.Addr(), keyName), []plan.SetChange{{Key: set.Key(), After: &set}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := most.Load(); n != 3 {
		t.Errorf("%d updates were under way at one time, want 3", n)
	}
}

// each runs a test against both real servers.
func each(t *testing.T, z daemon.Zone, test func(t *testing.T, w *world)) {
	t.Run("named", func(t *testing.T) { test(t, newWorld(t, daemon.Named(t, z).Addr)) })
	t.Run("knotd", func(t *testing.T) { test(t, newWorld(t, daemon.Knotd(t, z).Addr)) })
}

func TestAlgorithms(t *testing.T) {
	for _, algorithm := range []string{"hmac-sha256", "hmac-sha384", "hmac-sha512"} {
		z := contosoZone()
		z.Algorithm = algorithm
		each(t, z, func(t *testing.T, w *world) {
			w.zone.RFC2136.TSIG.Algorithm = algorithm
			if err := w.write(w.change("mail", "A", 300, "192.0.2.25")); err != nil {
				t.Error(err)
			}
			w.zone.RFC2136.TSIG.Algorithm = map[string]string{"hmac-sha256": "hmac-sha512"}[algorithm]
			if w.zone.RFC2136.TSIG.Algorithm == "" {
				w.zone.RFC2136.TSIG.Algorithm = "hmac-sha256"
			}
			if err := w.write(w.change("mail", "A", 300, "192.0.2.26")); err == nil || !strings.Contains(err.Error(), `does not know the TSIG key "mailrelay." (BADKEY), or it is Knot and no acl lets that key change the zone; check its name and algorithm`) {
				t.Errorf("with another algorithm: %v", err)
			}
		})
	}
}

// TestKeyWithoutRights has a key that the server knows and that may change nothing,
// to which Knot says BADKEY.
func TestKeyWithoutRights(t *testing.T) {
	z := contosoZone()
	z.Idle = "idle."
	each(t, z, func(t *testing.T, w *world) {
		w.zone = zoneBlock(t, "contoso.com", w.addr, "idle.")
		err := w.write(w.change("mail", "A", 300, "192.0.2.25"))
		if err == nil || !strings.Contains(err.Error(), `(REFUSED): it does not let TSIG key "idle." change these records; allow it there`) &&
			!strings.Contains(err.Error(), `no acl lets that key change the zone`) {
			t.Error(err)
		}
	})
}

// TestNoTransfer writes to servers that give the zone to nobody.
func TestNoTransfer(t *testing.T) {
	z := contosoZone()
	z.Closed = true
	each(t, z, func(t *testing.T, w *world) {
		transfer, err := new(dns.Transfer).In(new(dns.Msg).SetAxfr("contoso.com."), w.addr)
		if err != nil {
			t.Fatal(err)
		}
		if first := <-transfer; first.Error == nil {
			t.Fatal("the zone may be transferred")
		}
		if err := w.write(w.change("mail", "A", 300, "192.0.2.25"), w.change("@", "MX", 300, "10 mail")); err != nil {
			t.Error(err)
		}
	})
}

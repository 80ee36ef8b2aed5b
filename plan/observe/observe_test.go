package observe

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema/rr"
)

const contoso = `
$TTL 3600
@            NS    ns1
@            NS    ns2.fabrikam.com.
ns1          A     127.0.0.1
@       300  MX    10 Mail.Contoso.COM.
@            TXT   "v=spf1 " "-all"
mail         A     192.0.2.25
*.wild       TXT   "everything"
autodiscover CNAME Mail
`

// now is when all observations of the tests are made.
var now = time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)

func clock() time.Time { return now }

func serve(t testing.TB, o dnstest.Options) *dnstest.Server {
	t.Helper()
	s, err := dnstest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func key(name, typ string) rr.Key { return rr.Key{Name: name, Type: typ} }

func set(name, typ string, ttl uint32, d ...rr.Data) *rr.Set {
	s := rr.NewSet(name, typ, ttl, d...)
	return &s
}

func TestOneServer(t *testing.T) {
	s := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso}})
	z := zone(t, "zone.contoso", "contoso.com", s.Addr())
	for _, tt := range []struct {
		key  rr.Key
		want plan.Observation
	}{
		{key("contoso.com.", "MX"), plan.Observation{
			Set:  set("contoso.com.", "MX", 300, "10 mail.contoso.com."),
			Wire: []string{"000a044d61696c07436f6e746f736f03434f4d00"},
		}},
		{key("contoso.com.", "TXT"), plan.Observation{
			Set:  set("contoso.com.", "TXT", 3600, "v=spf1 -all"),
			Wire: []string{"07763d7370663120042d616c6c"},
		}},
		{key("x.wild.contoso.com.", "TXT"), plan.Observation{
			Set:  set("x.wild.contoso.com.", "TXT", 3600, "everything"),
			Wire: []string{"0a65766572797468696e67"},
		}},
		{key("autodiscover.contoso.com.", "A"), plan.Observation{CNAME: "mail.contoso.com."}},
		{key("autodiscover.contoso.com.", "CNAME"), plan.Observation{
			Set:  set("autodiscover.contoso.com.", "CNAME", 3600, "mail.contoso.com."),
			Wire: []string{"044d61696c07636f6e746f736f03636f6d00"},
		}},
		{key("nothing.contoso.com.", "A"), plan.Observation{Code: plan.NoName}},
		{key("mail.contoso.com.", "AAAA"), plan.Observation{Code: plan.NoData}},
		{key("contoso.com.", "TYPE65280"), plan.Observation{Code: plan.NoData}},
	} {
		t.Run(tt.key.String(), func(t *testing.T) {
			tt.want.Zone, tt.want.Key, tt.want.Source, tt.want.At = z.Addr(), tt.key, s.Addr(), now
			got := New(Options{Clock: clock}).RRsets(t.Context(), []Ask{{Zone: z, Key: tt.key}})
			if diff := cmp.Diff([]plan.Observation{tt.want}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestServersOfTheZone looks for the name servers by the resolver. One of the two
// has no address.
func TestServersOfTheZone(t *testing.T) {
	s := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso, "fabrikam.com": ""}})
	c := New(Options{Resolvers: []string{s.Addr()}, Clock: clock, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Addr())
	}})
	z := zone(t, "zone.contoso", "contoso.com")
	got := c.RRsets(t.Context(), []Ask{{Zone: z, Key: key("mail.contoso.com.", "A")}})
	want := []plan.Observation{
		{
			Zone: z.Addr(), Key: key("mail.contoso.com.", "A"), Source: "ns1.contoso.com. (127.0.0.1:53)", At: now,
			Set: set("mail.contoso.com.", "A", 3600, "192.0.2.25"), Wire: []string{"c0000219"},
		},
		{
			Zone: z.Addr(), Key: key("mail.contoso.com.", "A"), Source: "ns2.fabrikam.com.", At: now,
			Code: plan.Lost, Err: "it has no address in DNS: correct the name where it is given, in an NS record, in servers or in update, or write servers = [...] into the zone",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	primary, err := c.Primary(t.Context(), z)
	if err != nil || primary != "ns.contoso.com:53" {
		t.Errorf("Primary = %q, %v", primary, err)
	}
}

// TestNextAddress has a server with three addresses, of which the second answers,
// and sees that the others are not tried again.
func TestNextAddress(t *testing.T) {
	s := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso, "fabrikam.com": `
ns3 A    192.0.2.1
ns3 A    192.0.2.2
ns3 AAAA 2001:db8::1
`}})
	var mu sync.Mutex
	dials := map[string]int{}
	c := New(Options{Resolvers: []string{s.Addr()}, InFlight: 1, Retries: -1, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		mu.Lock()
		dials[addr]++
		mu.Unlock()
		if addr == "192.0.2.1:5353" || addr == "[2001:db8::1]:5353" {
			return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ENETUNREACH)}
		}
		return new(net.Dialer).DialContext(ctx, network, s.Addr())
	}})
	z := zone(t, "zone.contoso", "contoso.com", "ns3.fabrikam.com:5353")
	got := c.RRsets(t.Context(), []Ask{{Zone: z, Key: key("contoso.com.", "MX")}, {Zone: z, Key: key("contoso.com.", "NS")}, {Zone: z, Key: key("mail.contoso.com.", "A")}})
	for _, o := range got {
		if o.Set == nil || o.Source != "ns3.fabrikam.com. (192.0.2.2:5353)" {
			t.Errorf("got %+v", o)
		}
	}
	if len(got) != 3 || dials["192.0.2.1:5353"] != 1 || dials["[2001:db8::1]:5353"] > 2 {
		t.Errorf("%d observations, dialled %v", len(got), dials)
	}
}

func TestZoneWithoutServers(t *testing.T) {
	s := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": "mail A 192.0.2.25"}})
	z := zone(t, "zone.contoso", "contoso.com")
	got := New(Options{Resolvers: []string{s.Addr()}, Clock: clock}).RRsets(t.Context(), []Ask{
		{Zone: z, Key: key("b.contoso.com.", "A")}, {Zone: z, Key: key("a.contoso.com.", "A")},
	})
	if len(got) != 2 || got[0].Key.Name != "a.contoso.com." || got[0].Source != "contoso.com's name servers" ||
		!strings.Contains(got[0].Err, "the resolvers know no name servers of contoso.com") {
		t.Errorf("got %+v", got)
	}
}

func TestFaults(t *testing.T) {
	udp := func(f dnstest.Fault) func(dnstest.Request) dnstest.Fault {
		return func(dnstest.Request) dnstest.Fault { return f }
	}
	for _, tt := range []struct {
		name  string
		zone  string
		fault func(dnstest.Request) dnstest.Fault
		err   string // empty: the answer comes
	}{
		{"truncated", "contoso.com", udp(dnstest.Fault{Truncate: true}), ""},
		{"without EDNS", "contoso.com", func(r dnstest.Request) dnstest.Fault {
			if r.EDNS {
				return dnstest.Fault{Code: 1}
			}
			return dnstest.Fault{}
		}, ""},
		{"SERVFAIL", "contoso.com", udp(dnstest.Fault{Code: 2}), "SERVFAIL: it has not loaded contoso.com"},
		{"REFUSED", "contoso.com", udp(dnstest.Fault{Code: 5}), "it does not serve contoso.com"},
		{"another zone", "fabrikam.com", nil, "it does not serve fabrikam.com"},
		{"lame", "contoso.com", udp(dnstest.Fault{NotAuth: true}), "not authoritative for contoso.com"},
		{"silent", "contoso.com", udp(dnstest.Fault{Silent: true}), "no answer after 2 tries of 300ms each"},
		{"truncated, and TCP silent", "contoso.com", func(r dnstest.Request) dnstest.Fault {
			return dnstest.Fault{Truncate: true, Silent: r.Network == "tcp"}
		}, "no answer after 2 tries of 300ms each"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso}, Fault: tt.fault})
			z := zone(t, "zone.it", tt.zone, s.Addr())
			c := New(Options{Clock: clock, Timeout: 300 * time.Millisecond, Retries: 1})
			if tt.err == "" {
				c = New(Options{Clock: clock})
			}
			got := c.RRsets(t.Context(), []Ask{{Zone: z, Key: key("mail."+tt.zone+".", "A")}})[0]
			switch {
			case tt.err == "" && (got.Err != "" || got.Set == nil):
				t.Errorf("got %+v", got)
			case tt.err != "" && (!strings.Contains(got.Err, tt.err) || got.Set != nil):
				t.Errorf("got error %q, want %q", got.Err, tt.err)
			}
		})
	}
}

// TestLostOnce drops the first answer to each question, over UDP.
func TestLostOnce(t *testing.T) {
	var mu sync.Mutex
	seen := map[rr.Key]bool{}
	s := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso}, Fault: func(r dnstest.Request) dnstest.Fault {
		mu.Lock()
		defer mu.Unlock()
		again := seen[r.Key]
		seen[r.Key] = true
		return dnstest.Fault{Silent: !again}
	}})
	z := zone(t, "zone.contoso", "contoso.com", s.Addr())
	got := New(Options{Timeout: 200 * time.Millisecond}).RRsets(t.Context(), []Ask{{Zone: z, Key: key("mail.contoso.com.", "A")}})[0]
	if got.Err != "" || got.Set == nil {
		t.Errorf("got %+v", got)
	}
}

// TestDeafServer sees that thousands of questions to a server that is down end
// soon.
func TestDeafServer(t *testing.T) {
	var mu sync.Mutex
	asked := 0
	s := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso}, Fault: func(dnstest.Request) dnstest.Fault {
		mu.Lock()
		defer mu.Unlock()
		asked++
		return dnstest.Fault{Silent: true}
	}})
	z := zone(t, "zone.contoso", "contoso.com", s.Addr())
	var asks []Ask
	for i := range 5000 {
		asks = append(asks, Ask{Zone: z, Key: key(fmt.Sprintf("h%d.contoso.com.", i), "A")})
	}
	got := New(Options{Timeout: 20 * time.Millisecond, Retries: -1, InFlight: 4}).RRsets(t.Context(), asks)
	for _, o := range got {
		if !strings.HasPrefix(o.Err, "no answer") {
			t.Fatalf("got %+v", o)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 5000 || asked > deaf+2*4 {
		t.Errorf("%d observations after %d questions, want 5000 after at most %d", len(got), asked, deaf+2*4)
	}
}

func TestCancelled(t *testing.T) {
	s := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso}, Fault: func(dnstest.Request) dnstest.Fault {
		return dnstest.Fault{Silent: true}
	}})
	ctx, cancel := context.WithCancel(t.Context())
	z := zone(t, "zone.contoso", "contoso.com", s.Addr())
	c := New(Options{Timeout: time.Hour, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		defer cancel()
		return new(net.Dialer).DialContext(context.WithoutCancel(ctx), network, addr)
	}})
	got := c.RRsets(ctx, []Ask{{Zone: z, Key: key("mail.contoso.com.", "A")}})[0]
	if !strings.Contains(got.Err, "given up") {
		t.Errorf("got %+v", got)
	}
}

func TestManyKeys(t *testing.T) {
	var text strings.Builder
	var asks []Ask
	for i := range 4000 {
		fmt.Fprintf(&text, "h%d A 192.0.2.%d\n", i, i%256)
	}
	s := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": text.String()}})
	z := zone(t, "zone.contoso", "contoso.com", s.Addr())
	for i := range 4000 {
		asks = append(asks, Ask{Zone: z, Key: key(fmt.Sprintf("h%d.contoso.com.", i), "A")})
	}
	var mu sync.Mutex
	dials := 0
	c := New(Options{InFlight: 8, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		mu.Lock()
		dials++
		mu.Unlock()
		return new(net.Dialer).DialContext(ctx, network, addr)
	}})
	for _, o := range c.RRsets(t.Context(), asks) {
		if o.Err != "" || o.Set == nil {
			t.Fatalf("got %+v", o)
		}
	}
	if dials > 100 {
		t.Errorf("%d sockets were opened for 4000 questions, want them used again", dials)
	}
}

func TestRecursive(t *testing.T) {
	s := serve(t, dnstest.Options{Zones: map[string]string{
		"113.0.203.in-addr.arpa": "25 CNAME 25.0/26\n25.0/26 60 PTR relay.contoso.com.\nloop CNAME loop\n",
	}})
	c := New(Options{Resolvers: []string{s.Addr()}, Clock: clock})
	source := "resolver " + s.Addr()
	got := c.Recursive(t.Context(), []rr.Key{
		key("25.113.0.203.in-addr.arpa.", "PTR"), key("26.113.0.203.in-addr.arpa.", "PTR"), key("www.contoso.com.", "A"),
	})
	want := []plan.Observation{
		{
			Key: key("25.113.0.203.in-addr.arpa.", "PTR"), Source: source, At: now, CNAME: "25.0/26.113.0.203.in-addr.arpa.", Through: []rr.Data{"25.0/26.113.0.203.in-addr.arpa."},
			Set: set("25.113.0.203.in-addr.arpa.", "PTR", 60, "relay.contoso.com."), Wire: []string{"0572656c617907636f6e746f736f03636f6d00"},
		},
		{Key: key("26.113.0.203.in-addr.arpa.", "PTR"), Source: source, At: now, Code: plan.NoName, Negative: 300},
		{
			Key: key("www.contoso.com.", "A"), Source: source, At: now, Code: "REFUSED",
			Err: "the resolver answered REFUSED: name one that answers questions from here, in the mailrelay block",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestNextResolver has a first resolver that knows nothing.
func TestNextResolver(t *testing.T) {
	bad := serve(t, dnstest.Options{})
	good := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso}})
	got := New(Options{Resolvers: []string{bad.Addr(), good.Addr()}}).Recursive(t.Context(), []rr.Key{key("mail.contoso.com.", "A")})[0]
	if got.Err != "" || got.Set == nil || got.Source != "resolver "+good.Addr() {
		t.Errorf("got %+v", got)
	}
}

// TestGarbage has a server that is none: it answers what is no DNS message, an
// answer to another question, or with an id of its own.
func TestGarbage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		answer func(q []byte) []byte
		code   string
		err    string
	}{
		{"cut header", func(q []byte) []byte { return q[:5] }, plan.Garbage, "is no answer to the question in 2 tries"},
		{"cut answer", func(q []byte) []byte { return append(q[:2:2], 0x84, 0, 0, 1, 0, 9, 0, 0, 0, 0, 'x') }, plan.Garbage, "is no answer to the question in 2 tries"},
		{"another question", func(q []byte) []byte {
			a := slices.Clone(q)
			a[2] |= 0x80
			a[13]++
			return a
		}, plan.Garbage, "is no answer to the question in 2 tries"},
		{"records that are none", func(q []byte) []byte {
			a := slices.Clone(q[:len(q)-11])
			a[2], a[7], a[11] = 0x84, 1, 0
			return append(a, 0xC0, 12, 0, 15, 0, 1, 0, 0, 0, 60, 0, 1, 7) // an MX of one byte
		}, plan.Garbage, "is no answer to the question in 2 tries"},
		{"another id", func(q []byte) []byte {
			a := slices.Clone(q)
			a[0]++
			a[2] |= 0x80
			return a
		}, plan.Garbage, "is no answer to the question in 2 tries"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := net.ListenPacket("udp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan struct{})
			t.Cleanup(func() { conn.Close(); <-done })
			go func() {
				defer close(done)
				buf := make([]byte, 4096)
				for {
					n, from, err := conn.ReadFrom(buf)
					if err != nil {
						return
					}
					conn.WriteTo(tt.answer(buf[:n]), from)
				}
			}()
			z := zone(t, "zone.contoso", "contoso.com", conn.LocalAddr().String())
			got := New(Options{Timeout: 200 * time.Millisecond, Retries: 1}).RRsets(t.Context(), []Ask{{Zone: z, Key: key("contoso.com.", "MX")}})
			if len(got) != 1 || got[0].Code != tt.code || !strings.Contains(got[0].Err, tt.err) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestLossy drops every twentieth packet, and asks for thousands of RRsets all the
// same.
func TestLossy(t *testing.T) {
	var n atomic.Int32
	s := serve(t, dnstest.Options{Zones: map[string]string{"contoso.com": contoso}, Fault: func(dnstest.Request) dnstest.Fault {
		return dnstest.Fault{Silent: n.Add(1)%20 == 0}
	}})
	z := zone(t, "zone.contoso", "contoso.com", s.Addr())
	var asks []Ask
	for i := range 1000 {
		asks = append(asks, Ask{Zone: z, Key: key(fmt.Sprintf("h%d.wild.contoso.com.", i), "TXT")})
	}
	for _, o := range New(Options{Timeout: 400 * time.Millisecond, Retries: 12}).RRsets(t.Context(), asks) {
		if o.Set == nil {
			t.Fatalf("got %+v", o)
		}
	}
}

// TestWaiting is told of a server that is silent, and for how long it is waited for,
// and not of one that answers.
func TestWaiting(t *testing.T) {
	zones := map[string]string{"contoso.com": contoso}
	silent, well := serve(t, dnstest.Options{Zones: zones}), serve(t, dnstest.Options{Zones: zones})
	silent.SetFault(func(dnstest.Request) dnstest.Fault { return dnstest.Fault{Lost: true} })
	z := zone(t, "zone.contoso", "contoso.com", silent.Addr(), well.Addr())
	var mu sync.Mutex
	told := map[string][]time.Duration{}
	c := New(Options{Clock: clock, Timeout: 400 * time.Millisecond, Waiting: func(server string, most time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		told[server] = append(told[server], most)
	}})
	c.RRsets(t.Context(), []Ask{{Zone: z, Key: key("contoso.com.", "MX")}})
	want := map[string][]time.Duration{silent.Addr(): {800 * time.Millisecond, 400 * time.Millisecond}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

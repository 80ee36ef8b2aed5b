package observe

import (
	"context"
	"encoding/binary"
	"net"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// garbage is a connection to a name server that answers each question with what
// answer makes of it, and then says nothing more. Over TCP messages have their
// length before them.
type garbage struct {
	net.Conn // nil
	tcp      bool
	answer   func(query []byte) []byte

	mu    sync.Mutex
	in    []byte // over TCP
	out   [][]byte
	ready chan struct{}
	until time.Time
}

func (g *garbage) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.tcp {
		g.out = append(g.out, g.answer(p))
	} else if g.in = append(g.in, p...); len(g.in) >= 2 && len(g.in)-2 >= int(binary.BigEndian.Uint16(g.in)) {
		a := g.answer(g.in[2:])
		g.out = append(g.out, binary.BigEndian.AppendUint16(nil, uint16(len(a))), a)
		g.in = nil
	}
	select {
	case g.ready <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (g *garbage) Read(p []byte) (int, error) {
	for {
		g.mu.Lock()
		if len(g.out) > 0 {
			n := copy(p, g.out[0])
			if g.out[0] = g.out[0][n:]; !g.tcp || len(g.out[0]) == 0 {
				g.out = g.out[1:]
			}
			g.mu.Unlock()
			return n, nil
		}
		left := time.Until(g.until)
		g.mu.Unlock()
		limit := time.NewTimer(left)
		select {
		case <-g.ready:
			limit.Stop()
		case <-limit.C:
			return 0, os.ErrDeadlineExceeded
		}
	}
}

func (g *garbage) SetDeadline(t time.Time) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.until = t
	select {
	case g.ready <- struct{}{}:
	default:
	}
	return nil
}

func (g *garbage) SetReadDeadline(t time.Time) error { return g.SetDeadline(t) }
func (g *garbage) SetWriteDeadline(time.Time) error  { return nil }
func (g *garbage) Close() error                      { return nil }

// over gives an answer to a query: its number and question, if whole, and
// otherwise the bytes of raw.
func over(raw []byte, whole bool) func([]byte) []byte {
	return func(query []byte) []byte {
		a := slices.Clone(raw)
		if len(a) < 12 {
			return a
		}
		copy(a, query[:2])
		q := new(dns.Msg)
		if whole || q.Unpack(query) != nil {
			return a
		}
		end := 12
		for query[end] != 0 {
			end += int(query[end]) + 1
		}
		end += 5 // the root, type and class
		return slices.Concat(a[:12], query[12:end], a[12:])
	}
}

// FuzzAnswer has a server that answers with anything. Whatever it says, there is
// one observation for each question; either it says what is wrong, or what it holds
// can be written again.
func FuzzAnswer(f *testing.F) {
	types := []string{"MX", "TXT", "CNAME", "A", "NS", "SRV", "CAA", "TLSA", "TYPE65280"}
	for i, typ := range types {
		code, err := rr.Code(typ)
		if err != nil {
			f.Fatal(err)
		}
		a := new(dns.Msg).SetQuestion("contoso.com.", code)
		a.Response, a.Authoritative = true, true
		for _, s := range []string{
			"contoso.com. 60 IN MX 10 mail.contoso.com.", `contoso.com. 60 IN TXT "v=spf1 -all" "x"`, "contoso.com. 60 IN CNAME a.", "contoso.com. 60 IN A 192.0.2.1",
			"contoso.com. 60 IN NS ns1.contoso.com.", "contoso.com. 60 IN SRV 1 2 3 a.", `contoso.com. 60 IN CAA 0 issue "ca.example"`, "contoso.com. 60 IN TLSA 3 1 1 00ff", `contoso.com. 60 IN TYPE65280 \# 2 00ff`,
		} {
			r, err := dns.NewRR(s)
			if err != nil {
				f.Fatal(err)
			}
			if r.Header().Rrtype == code {
				a.Answer = append(a.Answer, r)
			}
		}
		raw, err := a.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, true, byte(i))
		const question = 13 + 4 // "contoso.com." without its compression
		f.Add(append(raw[:12:12], raw[12+question:]...), false, byte(i))
		f.Add(raw[:len(raw)-1], true, byte(i))
	}
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), true, byte(0))
	f.Add([]byte{}, true, byte(0))
	z := &schema.Zone{Name: "contoso.com", Servers: []string{"192.0.2.53:53"}}
	f.Fuzz(func(t *testing.T, raw []byte, whole bool, typ byte) {
		if len(raw) > 4096 {
			return
		}
		c := New(Options{Timeout: 5 * time.Millisecond, Retries: -1, Dial: func(_ context.Context, network, _ string) (net.Conn, error) {
			return &garbage{tcp: network == "tcp", answer: over(raw, whole), ready: make(chan struct{}, 1)}, nil
		}})
		k := rr.Key{Name: "contoso.com.", Type: types[int(typ)%len(types)]}
		seen := c.RRsets(t.Context(), []Ask{{Zone: z, Key: k}})
		if len(seen) != 1 {
			t.Fatalf("%d observations", len(seen))
		}
		o := seen[0]
		if o.Err != "" || o.Set == nil {
			return
		}
		if o.Key != k || o.Set.Key() != k || len(o.Set.Data) == 0 || len(o.Wire) != len(o.Set.Data) {
			t.Fatalf("got %+v", o)
		}
		for i, d := range o.Set.Data {
			if _, err := rr.Raw(k.Name, k.Type, o.Set.TTL, o.Wire[i]); err != nil {
				t.Errorf("the bytes of %s: %v", d, err)
			}
			if _, err := rr.Record(k.Name, k.Type, o.Set.TTL, d); err != nil {
				t.Errorf("%s %s was read and cannot be written: %v", k.Type, d, err)
			}
		}
	})
}

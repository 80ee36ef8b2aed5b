package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/plan/observe/dnstest"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// liar is a connection that takes an update, does nothing, and answers anything.
type liar struct {
	net.Conn
	answer []byte // with its length before it once an update has come
	number bool   // it has the number of the update
	ready  bool
}

func (l *liar) Write(p []byte) (int, error) {
	if !l.ready && len(p) >= 4 {
		l.ready = true
		a := slices.Clone(l.answer)
		if l.number && len(a) >= 2 {
			copy(a, p[2:4])
		}
		l.answer = append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...)
	}
	return len(p), nil
}

func (l *liar) Read(p []byte) (int, error) {
	n := copy(p, l.answer)
	l.answer = l.answer[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// FuzzUpdateAnswer has a server that does nothing and answers anything. No answer
// makes an update of it that was done, nor evidence that does not hold.
func FuzzUpdateAnswer(f *testing.F) {
	for code := range 24 {
		a := new(dns.Msg)
		a.Response, a.Opcode, a.Rcode = true, dns.OpcodeUpdate, code&0xF
		if code > 15 {
			a.SetTsig(keyName, dns.HmacSHA256, 300, 0)
			a.IsTsig().Error = uint16(code)
		}
		raw, err := a.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, true)
	}
	f.Add([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"), false)
	f.Add([]byte{}, false)
	s, err := dnstest.New(dnstest.Options{Zones: map[string]string{"contoso.com": contoso}, TSIG: map[string]string{keyName: secret}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(t *testing.T, raw []byte, number bool) {
		if len(raw) > 4096 {
			return
		}
		w := NewRFC2136(Options{
			Secret: text(secret),
			Sleep:  func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
			Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				conn, err := new(net.Dialer).DialContext(ctx, network, addr)
				if network == "tcp" && err == nil {
					conn = &liar{Conn: conn, answer: raw, number: number}
				}
				return conn, err
			},
		})
		set := rr.NewSet("mail.contoso.com.", "A", 60, "192.0.2.25")
		err := w.Write(t.Context(), zoneBlock(t, "contoso.com", s.Addr(), keyName), []plan.SetChange{{Key: set.Key(), After: &set}})
		var stale *StaleError
		if err == nil || errors.As(err, &stale) {
			t.Errorf("error %v", err)
		}
	})
}

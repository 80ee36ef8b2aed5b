package deliver

import (
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// record makes a TLSA record about c.
func record(usage, selector, matching uint8, c *x509.Certificate) TLSA {
	data := c.Raw
	if selector == publicKey {
		data = c.RawSubjectPublicKeyInfo
	}
	switch matching {
	case sha2256:
		sum := sha256.Sum256(data)
		data = sum[:]
	case sha2512:
		sum := sha512.Sum512(data)
		data = sum[:]
	}
	return TLSA{usage, selector, matching, data}
}

// TestTLSA shows every kind of record to every kind of chain.
func TestTLSA(t *testing.T) {
	root := newAuthority(t)
	under := &authority{t: t}
	ca := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "under"}}
	under.cert, under.key = root.issue(ca)
	leaf, _ := under.issue(&x509.Certificate{DNSNames: []string{"mx.test"}})
	other, _ := under.issue(&x509.Certificate{DNSNames: []string{"other.test"}})
	stranger, _ := newAuthority(t).issue(&x509.Certificate{DNSNames: []string{"mx.test"}})
	chain := []*x509.Certificate{leaf, under.cert, root.cert}
	now, late := time.Now(), time.Now().Add(48*time.Hour)
	const ok = ""
	for _, tt := range []struct {
		name    string
		records []TLSA
		chain   []*x509.Certificate
		at      time.Time
		want    string // part of the error
	}{
		{"3 0 0", []TLSA{record(3, 0, 0, leaf)}, chain, now, ok},
		{"3 0 1", []TLSA{record(3, 0, 1, leaf)}, chain, now, ok},
		{"3 0 2", []TLSA{record(3, 0, 2, leaf)}, chain, now, ok},
		{"3 1 0", []TLSA{record(3, 1, 0, leaf)}, chain, now, ok},
		{"3 1 1", []TLSA{record(3, 1, 1, leaf)}, chain, now, ok},
		{"3 1 2", []TLSA{record(3, 1, 2, leaf)}, chain, now, ok},
		{"3 1 1, however old", []TLSA{record(3, 1, 1, leaf)}, chain, late, ok},
		{"3 1 1, whatever its name", []TLSA{record(3, 1, 1, other)}, []*x509.Certificate{other}, now, ok},
		{"3 1 1 of another", []TLSA{record(3, 1, 1, stranger)}, chain, now, "is not one of the TLSA records of mx.test"},
		{"3 1 1 of its authority", []TLSA{record(3, 1, 1, root.cert)}, chain, now, "is not one of the TLSA records"},
		{"one of several", []TLSA{record(3, 1, 1, stranger), record(2, 0, 1, stranger), record(3, 0, 1, leaf)}, chain, now, ok},
		{"2 0 0", []TLSA{record(2, 0, 0, root.cert)}, chain, now, ok},
		{"2 0 1", []TLSA{record(2, 0, 1, root.cert)}, chain, now, ok},
		{"2 0 2", []TLSA{record(2, 0, 2, root.cert)}, chain, now, ok},
		{"2 1 0", []TLSA{record(2, 1, 0, root.cert)}, chain, now, ok},
		{"2 1 1", []TLSA{record(2, 1, 1, root.cert)}, chain, now, ok},
		{"2 1 2", []TLSA{record(2, 1, 2, root.cert)}, chain, now, ok},
		{"2 1 1 of the one in between", []TLSA{record(2, 1, 1, under.cert)}, chain[:2], now, ok},
		{"2 0 0 that is not shown", []TLSA{record(2, 0, 0, root.cert)}, chain[:2], now, ok},
		{"2 0 1 that is not shown", []TLSA{record(2, 0, 1, root.cert)}, chain[:2], now, "the authority that they name is not in the chain"},
		{"2 0 1 with a gap", []TLSA{record(2, 0, 1, root.cert)}, []*x509.Certificate{leaf, root.cert}, now, "unknown authority"},
		{"2 0 1, too old", []TLSA{record(2, 0, 1, root.cert)}, chain, late, "expired"},
		{"2 0 1, another name", []TLSA{record(2, 0, 1, root.cert)}, []*x509.Certificate{other, under.cert, root.cert}, now, "it bears none of the names mx.test, but other.test"},
		{"2 0 1 of the host itself", []TLSA{record(2, 0, 1, leaf)}, chain, now, "is not in the chain"},
		{"2 0 1 shown behind a stranger", []TLSA{record(2, 0, 1, root.cert)}, []*x509.Certificate{stranger, under.cert, root.cert}, now, "certificate signed by unknown authority"},
		{"no certificate", []TLSA{record(3, 1, 1, leaf)}, nil, now, "showed no certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := usable(tt.records); len(got) != len(tt.records) {
				t.Errorf("%d of %d records are usable", len(got), len(tt.records))
			}
			p := &proof{base: "mx.test", records: tt.records, names: []string{"mx.test"}}
			switch err := p.check(tt.chain, tt.at); {
			case tt.want == ok && err != nil:
				t.Error(err)
			case tt.want != ok && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func TestUsableTLSA(t *testing.T) {
	c := newAuthority(t).cert
	cut := record(3, 1, 1, c)
	cut.Data = cut.Data[1:]
	for _, tt := range []struct {
		name string
		in   []TLSA
		want []TLSA
	}{
		{"none", nil, nil},
		{"PKIX is not for mail", []TLSA{record(0, 0, 1, c), record(1, 1, 1, c)}, nil},
		{"unknown numbers", []TLSA{record(4, 1, 1, c), record(3, 2, 1, c), record(3, 1, 3, c), record(255, 255, 255, c)}, nil},
		{"a digest of another length", []TLSA{cut}, nil},
		{"no certificate", []TLSA{{3, 0, 0, []byte("x")}, {2, 1, 0, c.Raw}, {3, 0, 0, c.RawSubjectPublicKeyInfo}}, nil},
		{"the strongest digest of each", []TLSA{record(3, 1, 1, c), record(3, 1, 2, c), record(3, 0, 1, c), record(2, 1, 1, c)}, []TLSA{record(3, 1, 2, c), record(3, 0, 1, c), record(2, 1, 1, c)}},
		{"what is whole counts beside digests", []TLSA{record(3, 1, 0, c), record(3, 1, 1, c)}, []TLSA{record(3, 1, 0, c), record(3, 1, 1, c)}},
		{"a strong one that is malformed does not count", []TLSA{record(3, 1, 1, c), {3, 1, 2, []byte("short")}}, []TLSA{record(3, 1, 1, c)}},
	} {
		if diff := cmp.Diff(tt.want, usable(tt.in)); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}

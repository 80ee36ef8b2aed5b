package schema

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// fields says what has no meaning in record data that is well-formed: numbers
// that no registry knows, digests of a wrong length, an address where a host must
// stand. text is what the user wrote and d its canonical form. nil is fine.
func fields(typ, text string, d rr.Data) error {
	var words []string
	switch typ {
	case "TLSA", "SSHFP", "DS":
		words = strings.Fields(string(d))
	}
	switch typ {
	case "TLSA":
		return tlsa(words)
	case "SSHFP":
		if !number(words[0], 1, 2, 3, 4, 6) {
			return fmt.Errorf("%q is no algorithm of SSH keys: write 1 (RSA), 2 (DSA), 3 (ECDSA), 4 (Ed25519) or 6 (Ed448), as ssh-keygen -r does", words[0])
		}
		return digest(words[1], words[2], "fingerprint type", map[string]int{"1": 20, "2": 32}, "1 (SHA-1) or 2 (SHA-256)")
	case "DS":
		return digest(words[2], words[3], "digest type", map[string]int{"1": 20, "2": 32, "4": 48}, "2 (SHA-256) or 4 (SHA-384)")
	case "MX", "NS", "SRV", "CNAME", "PTR":
		last := lastWord(text)
		if a, err := netip.ParseAddr(strings.TrimSuffix(last, ".")); err == nil {
			return fmt.Errorf("%s is an address, and %s names a host. Give the address to a name, in a record of type %s, and write that name here", a, article(typ), family(a))
		}
	}
	return nil
}

// tlsa checks the numbers and the digest of a TLSA record (RFC 6698, 2.1; RFC
// 7671 for SMTP).
func tlsa(words []string) error {
	switch {
	case !number(words[0], 0, 1, 2, 3, 255):
		return fmt.Errorf("%q is no certificate usage: write 2 (an authority) or 3 (the certificate of the host itself)", words[0])
	case !number(words[1], 0, 1, 255):
		return fmt.Errorf("%q is no selector: write 0 (the whole certificate) or 1 (its public key)", words[1])
	case words[2] == "0" || words[2] == "255":
		return nil
	}
	return digest(words[2], words[3], "matching type", map[string]int{"1": 32, "2": 64}, "1 (SHA-256) or 2 (SHA-512)")
}

// digest checks that a digest, in hex, has the length that its type asks for.
func digest(typ, text, what string, lengths map[string]int, known string) error {
	want, ok := lengths[typ]
	switch {
	case !ok:
		return fmt.Errorf("%q is no %s: write %s", typ, what, known)
	case len(text) != 2*want:
		return fmt.Errorf("a digest of %s %s has %d bytes, %d digits, and this one has %d digits. Copy it again, as a whole", what, typ, want, 2*want, len(text))
	}
	return nil
}

func number(word string, known ...int) bool {
	n, err := strconv.Atoi(word)
	for _, k := range known {
		if err == nil && n == k {
			return true
		}
	}
	return false
}

func family(a netip.Addr) string {
	if a.Is4() {
		return "A"
	}
	return "AAAA"
}

// article names a record type in a sentence: "an MX record".
func article(typ string) string {
	if strings.ContainsRune("AMNS", rune(typ[0])) {
		return "an " + typ + " record"
	}
	return "a " + typ + " record"
}

// owner finds names under which nobody looks for a record of that type.
func (v *validation) owner(r *Record) {
	switch r.Type {
	case "SRV", "TLSA", "DS":
	default:
		return
	}
	labels := strings.Split(r.Name, ".")
	service := len(labels) > 1 && strings.HasPrefix(labels[0], "_") && strings.HasPrefix(labels[1], "_")
	switch {
	case labels[0] == "*":
	case r.Type == "SRV" && !service:
		v.report(r, "name", "Invalid name of an SRV record", "%q does not begin with a service and a protocol, and nobody looks for an SRV record elsewhere (RFC 2782). Write a name like _sip._tls.", r.Name)
	case r.Type == "TLSA" && !(service && number16(labels[0][1:])):
		v.report(r, "name", "Invalid name of a TLSA record", "%q does not begin with a port and a protocol, and nobody looks for a TLSA record elsewhere (RFC 6698, 3). Write a name like _25._tcp.mail.", r.Name)
	case r.Type == "DS" && r.Name == "@":
		v.report(r, "type", "DS record in its own zone", "A DS record stands in the zone above the one that it vouches for (RFC 4034, 5). Write it there, or give it to whoever keeps that zone.")
	}
}

func number16(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}

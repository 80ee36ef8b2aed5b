package observe

import (
	"encoding/binary"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// headerSize is that of a DNS message's header (RFC 1035, 4.1.1).
const headerSize = 12

// packet makes the message that asks an authoritative server or, with recurse, a
// resolver for k. end is where its question ends. It is the same as ask makes, by
// hand, since there are so many of them.
func packet(k rr.Key, id uint16, recurse bool) (p []byte, end int, err error) {
	code, err := rr.Code(k.Type)
	if err != nil {
		return nil, 0, err
	}
	p = make([]byte, headerSize+len(k.Name)+1+4+11+1)
	binary.BigEndian.PutUint16(p, id)
	if recurse {
		p[2] = 1
	}
	p[5], p[11] = 1, 1 // a question, and an OPT record
	off, err := dns.PackDomainName(k.Name, p, headerSize, nil, false)
	if err != nil {
		return nil, 0, err
	}
	binary.BigEndian.PutUint16(p[off:], code)
	binary.BigEndian.PutUint16(p[off+2:], dns.ClassINET)
	end = off + 4
	binary.BigEndian.PutUint16(p[end+1:], dns.TypeOPT) // of the root, whose name is a zero
	binary.BigEndian.PutUint16(p[end+3:], payload)
	return p[:end+11], end, nil
}

// echoes reports whether a, a message with the right id, answers the question of q,
// which ends at end (RFC 5452, 9.1). The case of letters does not count, and
// lengths of labels are no letters. Some servers leave the question out where they
// refuse it.
func echoes(a, q []byte, end int) bool {
	if len(a) < headerSize || a[2]&0x80 == 0 {
		return false
	}
	switch binary.BigEndian.Uint16(a[4:]) {
	case 0:
		return a[3]&0xF != dns.RcodeSuccess
	case 1:
	default:
		return false
	}
	if len(a) < end {
		return false
	}
	name := end - 4
	for i := headerSize; i < end; i++ {
		x, y := a[i], q[i]
		if i < name && 'A' <= x && x <= 'Z' {
			x += 'a' - 'A'
		}
		if i < name && 'A' <= y && y <= 'Z' {
			y += 'a' - 'A'
		}
		if x != y {
			return false
		}
	}
	return true
}

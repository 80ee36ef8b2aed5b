package rr

import (
	"errors"

	"github.com/miekg/dns"
)

// Parse reads record data as a user writes it, in the form of a zone file in
// which names without a final dot are relative to origin. TXT is taken as it is:
// the joined text, unquoted. The error says what to write instead.
func Parse(typ, origin, text string) (Data, error) { return "", errors.New("rr: Parse") }

// Read gives the data of a record as it came from the wire, or from a zone file.
func Read(r dns.RR) Data { return "" }

// Record makes a record that can be put on the wire. TXT is cut into strings of
// at most 255 bytes.
func Record(name, typ string, ttl uint32, d Data) (dns.RR, error) {
	return nil, errors.New("rr: Record")
}

// Wire is the data of a record as read, byte for byte and in hex, uncompressed:
// what an exact-match prerequisite sends back (Knot compares names in it with
// regard to case).
func Wire(r dns.RR) (string, error) { return "", errors.New("rr: Wire") }

// Raw makes a record of what Wire gave.
func Raw(name, typ string, ttl uint32, wire string) (dns.RR, error) {
	return nil, errors.New("rr: Raw")
}

package rr

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Parse reads record data as a user writes it, in the form of a zone file in
// which names without a final dot are relative to origin, the zone's name with or
// without one. It holds the data of one record and nothing else: no owner, TTL,
// class or type, no comment. TYPEn is written as RFC 3597, 5 has it.
//
// TXT is taken as it is: the joined text, unquoted, in which a backslash is a
// backslash. So Parse of its own output gives the same again for every type but
// TXT.
//
// The error says what to write instead.
func Parse(typ, origin, text string) (Data, error) {
	if _, err := Code(typ); err != nil {
		return "", err
	}
	if typ == "TXT" {
		return Text(text)
	}
	f := formOf(typ)
	if f.words == 0 {
		return generic(text)
	}
	wrong := func(err error) error {
		return fmt.Errorf("%w: %s record is %s, like %s", err, article(typ), f.is, f.like)
	}
	if err := clean(text); err != nil {
		return "", wrong(err)
	}
	words := cut(text, f.words)
	if len(words) != f.words {
		return "", wrong(fmt.Errorf("%q has too few parts", shorten(text)))
	}
	for i, read := range f.field[:f.words] {
		var err error
		if words[i], err = read(words[i], origin); err != nil {
			return "", wrong(err)
		}
	}
	return Data(strings.Join(words, " ")), nil
}

// clean refuses what a zone file may hold beside the data of one record.
func clean(text string) error {
	inside := false
	for _, r := range text {
		switch {
		case r == '"':
			inside = !inside
		case r == '\n' || r == '\r':
			return fmt.Errorf("%q has more than one line, and one value is one record", shorten(text))
		case r < ' ' && r != '\t' || r == 127 || r == 0xFFFD:
			return fmt.Errorf("%q holds a control character", shorten(text))
		case r == ';' && !inside:
			return fmt.Errorf("%q holds a comment, which belongs behind # in the configuration", shorten(text))
		}
	}
	return nil
}

// cut gives at most n words of text; the last one is all that is left.
func cut(text string, n int) []string {
	words := make([]string, 0, n)
	rest := strings.Trim(text, " \t")
	for rest != "" && len(words) < n-1 {
		end := strings.IndexAny(rest, " \t")
		if end < 0 {
			end = len(rest)
		}
		words = append(words, rest[:end])
		rest = strings.TrimLeft(rest[end:], " \t")
	}
	if rest != "" {
		words = append(words, rest)
	}
	return words
}

// generic reads the data of a type without a form of its own (RFC 3597, 5).
func generic(text string) (Data, error) {
	words := strings.Fields(text)
	wrong := fmt.Errorf(`%q is not data of an unknown type: write \# , the number of bytes and the bytes in hex, like \# 4 c0000219`, shorten(text))
	if len(words) < 2 || words[0] != `\#` {
		return "", wrong
	}
	n, err := strconv.ParseUint(words[1], 10, 16)
	if err != nil {
		return "", wrong
	}
	b, err := hex.DecodeString(strings.Join(words[2:], ""))
	if err != nil {
		return "", wrong
	}
	if len(b) != int(n) {
		return "", fmt.Errorf("%q says %d bytes and holds %d: make both agree", shorten(text), n, len(b))
	}
	return genericData(b), nil
}

func genericData(b []byte) Data {
	return Data(strings.TrimSuffix(fmt.Sprintf(`\# %d %x`, len(b), b), " "))
}

func article(typ string) string {
	if strings.ContainsRune("AMNS", rune(typ[0])) {
		return "an " + typ
	}
	return "a " + typ
}

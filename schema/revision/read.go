package revision

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Read reads a revision from its JSON, and checks that it is whole.
func Read(raw []byte) (*Revision, error) {
	r := new(Revision)
	// What was written by this format is the very text that was sealed, and need not
	// be written again to be compared. A field that is not known here is no such text.
	strict := json.NewDecoder(bytes.NewReader(raw))
	strict.DisallowUnknownFields()
	if strict.Decode(r) == nil && r.Format == Format && sealed(raw, r.Hash) {
		return r, nil
	}
	r = new(Revision)
	if err := json.Unmarshal(raw, r); err != nil {
		return nil, err
	}
	return r, r.Check()
}

// sealed reports whether raw is the JSON of a revision with that hash.
func sealed(raw []byte, h Hash) bool {
	before, after, ok := bytes.Cut(raw, []byte(`"hash":"`+h+`"`))
	if !ok || h == "" {
		return false
	}
	sum := sha256.New()
	sum.Write(before)
	sum.Write([]byte(`"hash":""`))
	sum.Write(after)
	return Hash(hex.EncodeToString(sum.Sum(nil))) == h
}

// HashIn gives the hash that the JSON of a revision bears, without a look at the
// rest.
func HashIn(raw []byte) (Hash, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	if _, err := d.Token(); err != nil { // the opening brace
		return "", err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return "", err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return "", err
		}
		if name == "hash" {
			var h Hash
			err := json.Unmarshal(value, &h)
			return h, err
		}
	}
	return "", nil
}

// Only gives the objects of those types, in their order.
func Only(objects []Object, types ...string) []Object {
	var out []Object
	for _, o := range objects {
		for _, t := range types {
			if o.Addr.Type == t {
				out = append(out, o)
			}
		}
	}
	return out
}

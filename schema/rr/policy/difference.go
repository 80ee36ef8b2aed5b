package policy

import (
	"slices"
)

// Difference is one thing in which two policies of a kind differ.
type Difference struct {
	Kind Kind `json:"kind"`
	// Term is what differs: a mechanism of SPF without its qualifier, or a tag.
	// Besides, "look-ups" and "void look-ups" count what an SPF record costs,
	// "records" how many of the kind stand at the name, "order" is that of the terms
	// of SPF, "broken" why receivers cannot use the record, and "" is that nothing
	// differs but the text.
	Term string `json:"term"`
	// Before and After are its values, empty where it is not.
	Before string `json:"before,omitempty"`
	After  string `json:"after,omitempty"`
	Limit  int    `json:"limit,omitempty"` // of what is counted
	// AtLeast are the names of what could not be counted.
	AtLeast []string `json:"at_least,omitempty"`
}

// Same reports whether d says that nothing differs but the text.
func (d Difference) Same() bool { return d.Term == "" }

// Compare says how the policies of a kind at a name differ, name being full: one
// Difference for each term or tag, in the order in which people read the kind.
// Defaults are filled in, so that to write one down changes nothing. Two texts of
// the same meaning differ in Term "" alone. What cannot be read is compared by what
// can be.
func Compare(kind Kind, name, before, after string) []Difference {
	var out []Difference
	if kind == SPF {
		out = compareSPF(name, before, after)
	} else {
		was, werr := Read(kind, before)
		is, ierr := Read(kind, after)
		out = compareFields(kind, was, is)
		out = append(out, compareErrors(kind, werr, ierr)...)
	}
	if out == nil && before != after {
		return []Difference{{Kind: kind}}
	}
	return out
}

// New says what a policy that was not there before means beside its words: the key of
// DKIM, and what receivers cannot use.
func New(kind Kind, text string) []Difference {
	is, err := Read(kind, text)
	if kind == SPF {
		_, err = ReadSPF(text)
	}
	is = slices.DeleteFunc(is, func(f Field) bool { return f.Name != "key" })
	return append(compareFields(kind, nil, is), compareErrors(kind, nil, err)...)
}

// Read gives what a policy other than SPF means. The error says what receivers
// cannot use of it.
func Read(kind Kind, text string) ([]Field, error) {
	switch kind {
	case DMARC:
		return readDMARC(text)
	case MTASTS:
		return readMTASTS(text)
	case TLSRPT:
		return readTLSRPT(text)
	case DKIM:
		return readDKIM(text)
	}
	return nil, nil
}

// compareFields puts fields of one value side by side, and what goes before what
// comes of the sets.
func compareFields(kind Kind, was, is []Field) []Difference {
	var names []string
	for _, f := range slices.Concat(was, is) {
		if !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	var out []Difference
	for _, name := range names {
		gone, come := apart(name, was, is), apart(name, is, was)
		if len(gone) == 1 && len(come) == 1 {
			out = append(out, Difference{Kind: kind, Term: name, Before: gone[0], After: come[0]})
			continue
		}
		for _, v := range gone {
			out = append(out, Difference{Kind: kind, Term: name, Before: v})
		}
		for _, v := range come {
			out = append(out, Difference{Kind: kind, Term: name, After: v})
		}
	}
	return out
}

// apart are the values that the field name has in a and not in b.
func apart(name string, a, b []Field) []string {
	var out []string
	for _, f := range a {
		if f.Name == name && !slices.Contains(b, f) {
			out = append(out, f.Value)
		}
	}
	return out
}

func compareErrors(kind Kind, was, is error) []Difference {
	d := Difference{Kind: kind, Term: "broken"}
	if was != nil {
		d.Before = was.Error()
	}
	if is != nil {
		d.After = is.Error()
	}
	if d.Before == d.After {
		return nil
	}
	return []Difference{d}
}

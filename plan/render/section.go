package render

import (
	"fmt"
	"strings"
)

// section is a part of a document: a title, and pieces that may be left out one by
// one.
type section struct {
	title  string
	noun   string // what a piece is
	intro  string
	pieces []string
}

// document puts sections behind a head that is never cut. Of the pieces it takes as
// many as there is room for; a section takes no more than half of what is left, if
// others follow, so that a long one leaves them some.
func (o Options) document(head string, all []section) (string, error) {
	var sections []section
	size := len(head)
	for _, s := range all {
		if len(s.pieces) > 0 {
			sections = append(sections, s)
			size += len(s.before()) + len(s.left(len(s.pieces)))
		}
	}
	limited := o.MaxBytes > 0
	if limited && size > o.MaxBytes {
		return "", o.tooSmall()
	}
	var b strings.Builder
	b.WriteString(head)
	room := o.MaxBytes - size
	for i, s := range sections {
		b.WriteString(s.before())
		budget := room
		if i < len(sections)-1 {
			budget = room / 2
		}
		left := 0
		for _, p := range s.pieces {
			if limited && len(p) > budget {
				left++
				continue
			}
			budget, room = budget-len(p), room-len(p)
			b.WriteString(p)
		}
		if left > 0 {
			b.WriteString(s.left(left))
		}
	}
	return b.String(), nil
}

func (s section) before() string {
	if s.intro == "" {
		return "\n### " + s.title + "\n\n"
	}
	return "\n### " + s.title + "\n\n" + s.intro + "\n\n"
}

// left says how many pieces are left out.
func (s section) left(n int) string {
	return fmt.Sprintf("\n_%s of %d left out for want of room._\n", count(n, s.noun), len(s.pieces))
}

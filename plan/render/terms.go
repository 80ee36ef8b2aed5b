package render

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"github.com/mailrelay/mailrelay/schema/rr/policy"
)

// meaning writes what the change of a policy means to receivers, a line for each
// policy: "# SPF: + ip4:203.0.113.25, - include:spf.old.example, look-ups 9 -> 11 of 10".
func (rc ResourceChange) meaning(b *bytes.Buffer, s Style) {
	for i := 0; i < len(rc.Meaning); {
		kind := rc.Meaning[i].Kind
		var words []string
		for ; i < len(rc.Meaning) && rc.Meaning[i].Kind == kind; i++ {
			words = append(words, s.difference(rc.Meaning[i], rc.Change.Actions[0] != "update"))
		}
		fmt.Fprintf(b, "  # %s: %s\n", kind, strings.Join(words, ", "))
	}
}

// difference writes one difference. plain leaves out the sign where all that is
// said comes, or goes, with the record.
func (s Style) difference(d policy.Difference, plain bool) string {
	part := func(value string) string {
		switch {
		case d.Kind == policy.SPF:
			return value
		case d.Term == "key":
			return d.Term + " " + value
		}
		return d.Term + "=" + value
	}
	sign := func(action string) string {
		if plain {
			return ""
		}
		return s.symbol(action) + " "
	}
	switch {
	case d.Same():
		return "same meaning: the text differs, and nothing changes for receivers"
	case d.Limit > 0:
		return s.counted(d)
	case d.Term == "order":
		return "the same terms in an order that matters: " + d.Before + " -> " + d.After
	case d.Term == "broken" && d.After == "":
		return "could not be used before: " + d.Before
	case d.Term == "broken":
		return s.paint("31", "cannot be used:") + " " + d.After
	case d.Before == "":
		return sign("create") + part(d.After)
	case d.After == "":
		return sign("delete") + part(d.Before)
	}
	return part(d.Before) + " -> " + d.After
}

// counted writes a number with its limit: "look-ups 9 -> 11 of 10".
func (s Style) counted(d policy.Difference) string {
	n, _ := strconv.Atoi(d.After) // as the plan wrote it
	if d.Term == "records" && n > d.Limit {
		return s.paint("31", d.After+" records") + fmt.Sprintf(" at the name, and receivers use none where there are more than %d", d.Limit)
	}
	least, without := "", ""
	if len(d.AtLeast) > 0 {
		least, without = "at least ", " without what "+strings.Join(d.AtLeast, " and ")+map[bool]string{true: " needs", false: " need"}[len(d.AtLeast) == 1]
	}
	after := d.After
	if n > d.Limit {
		after = s.paint("31", after)
	}
	if d.Before != "" && d.Before != d.After {
		after = d.Before + " -> " + after
	}
	return fmt.Sprintf("%s %s%s of %d%s", d.Term, least, after, d.Limit, without)
}

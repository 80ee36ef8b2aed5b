package check

import (
	"fmt"
	"time"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// UnusedCode is the code of what Unused finds.
const UnusedCode = "MR110"

// Unused makes notes of what logs show no use of for so long, in the order given.
func Unused(list []decide.Unused, long time.Duration) []Finding {
	var out []Finding
	for _, u := range list {
		last := "The logs show no use of it at all."
		if !u.Last.IsZero() {
			last = fmt.Sprintf("It was used last on %s.", u.Last.UTC().Format(time.DateOnly))
		}
		ask := ""
		if u.Owner != "" {
			ask = " Ask " + u.Owner + ", who owns it."
		}
		out = append(out, Finding{
			Code: UnusedCode, Severity: Note, Addr: u.Addr, Summary: fmt.Sprintf("nobody uses %s", u.Grant),
			Detail: fmt.Sprintf("No message needed it for %s. %s What nobody needs, only an intruder will miss: take it away, if nothing rare depends on it.%s", days(long), last, ask),
			Decl:   schema.Place(u.Block.Decl()), Allowed: u.Block.Allowed()[UnusedCode],
		})
	}
	return out
}

// days writes a duration in days where it has whole ones.
func days(d time.Duration) string {
	if day := 24 * time.Hour; d >= 2*day && d%day == 0 {
		return fmt.Sprintf("%d days", d/day)
	}
	return schema.FormatDuration(d)
}

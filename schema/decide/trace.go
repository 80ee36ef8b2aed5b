package decide

import (
	"fmt"
	"net/netip"

	"go4.org/netipx"

	"github.com/mailrelay/mailrelay/schema"
)

// Because is one reason of a verdict.
type Because struct {
	Addr schema.Addr // the block that decided; zero for a rule of mailrelay itself
	Decl string      // file:line of the block
	Text string      // "range 10.20.0.0/24 is the most specific that holds 10.20.0.9"
}

func (b Because) String() string {
	if b.Addr.IsZero() {
		return b.Text
	}
	if b.Decl == "" {
		return fmt.Sprintf("%s: %s", b.Addr, b.Text)
	}
	return fmt.Sprintf("%s: %s: %s", b.Decl, b.Addr, b.Text)
}

// trace collects reasons. A nil trace collects none and costs nothing, so that one
// path through the rules serves both who decides and who explains.
type trace struct{ reasons []Because }

// add notes a reason. b is the block that decided, nil for a rule of mailrelay
// itself; format takes %s alone.
//
// The arguments are put into words here rather than handed to fmt, so that none of
// them escapes: callers keep them on the stack, and a verdict without a trace
// allocates nothing. TestAllocations holds that.
func (t *trace) add(b schema.Block, format string, args ...any) {
	if t == nil {
		return
	}
	said := make([]any, len(args))
	for i, a := range args {
		said[i] = inWords(a)
	}
	r := Because{Text: fmt.Sprintf(format, said...)}
	if b != nil {
		r.Addr, r.Decl = b.Addr(), schema.Place(b.Decl())
	}
	t.reasons = append(t.reasons, r)
}

// inWords writes what reasons are about. It must not let a escape, so it knows
// every type by name.
func inWords(a any) string {
	switch a := a.(type) {
	case string:
		return a
	case netip.Addr:
		if !a.IsValid() {
			return "this machine" // over a Unix socket
		}
		return a.String()
	case netipx.IPRange:
		return schema.FormatRange(a)
	case schema.Addr:
		return a.String()
	case schema.Mailbox:
		return a.String()
	case bytes:
		return schema.FormatSize(int64(a))
	}
	return "something"
}

// bytes is an amount of them.
type bytes int64

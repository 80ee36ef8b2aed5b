package deliver

import (
	"strconv"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// kind is what became of one recipient in one try.
type kind uint8

const (
	untried   kind = iota // nothing was said about it
	delivered             // the next hop has taken it
	refused               // for good: the sender is told
	deferred              // later
	held                  // later, and an administrator must act: the fault is ours
	unrouted              // no send connector is for it
	crowded               // the transaction was full; another takes it
	dropped               // an administrator wants it forgotten
)

// outcome is what became of one recipient, and who said so.
type outcome struct {
	kind   kind
	status string // enhanced status code, "5.1.1"
	text   string // the answer, or what happened; one line
	host   string // the next hop's name, empty if none was asked
	addr   string // its address and port
	remote bool   // text is an answer of host, and not ours
	dsn    bool   // the next hop was told when to report (RFC 3461)
	slow   bool   // the next hop wants us to slow down
	// wait means that the next hop was not asked, because it is being left alone:
	// this is no try.
	wait    bool
	until   time.Time      // with wait: when the next hop will be asked again
	expired bool           // kept trying, and gave up
	final   schema.Mailbox // the address that was, or would be, used there
	via     schema.Addr    // the send connector
	site    string         // the next hop as the queue names it
	tls     string         // TLS version of the connection, if there was one
	cipher  string         // of that
	took    time.Duration  // of the transaction, if there was one
}

// local is an outcome that we found ourselves, without an answer.
func local(k kind, status, text string) outcome { return outcome{kind: k, status: status, text: text} }

// step is the part of a conversation that an answer belongs to.
type step uint8

const (
	atConnect step = iota // greeting, EHLO, STARTTLS
	atAuth
	atMail
	atRcpt
	atData
)

// judge says what an answer means for the recipients that it is about. Besides
// the first digit it knows two families of Exchange Online: answers about our own
// configuration or reputation, which are held although they begin with 5, and
// answers that ask us to slow down.
func judge(r reply, at step) outcome {
	o := outcome{status: r.status, text: r.String(), remote: true}
	if o.status == "" {
		o.status = strconv.Itoa(r.code/100) + ".0.0"
	}
	o.slow = slowDown(r)
	switch {
	case r.positive():
		o.kind = delivered
	case at == atRcpt && tooMany(r):
		o.kind = crowded
	case advice(r.status) != "", at == atAuth && r.permanent():
		o.kind = held
	case r.permanent() && at != atConnect:
		o.kind = refused
	default:
		// A host that does not want to talk says nothing about a recipient. What is
		// neither 4 nor 5 is out of place, and no reason to give up either.
		o.kind = deferred
		if !strings.HasPrefix(o.status, "4") {
			o.status = "4.0.0"
		}
	}
	return o
}

// tooMany reports whether a transaction has as many recipients as the server
// takes: 452 4.5.3, or 552 without a reason of its own (RFC 5321, 4.5.3.1.10).
func tooMany(r reply) bool {
	return r.code == 452 && r.status == "4.5.3" || r.code == 552 && (r.status == "" || r.status == "5.5.3")
}

// slowDown reports whether the answer is about our pace and not about a message.
func slowDown(r reply) bool {
	if r.code == 421 || r.code == 432 {
		return true
	}
	n, ok := detail(r.status, "4.7.")
	return ok && (500 <= n && n <= 699 || 850 <= n && n <= 899)
}

// advice is what to do about an answer that says our own configuration or
// reputation is at fault; empty for any other.
func advice(status string) string {
	n, ok := detail(status, "5.7.")
	switch {
	case !ok:
		return ""
	case n == 64:
		return "Exchange Online does not recognise this relay. Compare its outgoing address and client certificate with the inbound connector of type OnPremises, and the sender's domain with the accepted domains there."
	case 606 <= n && n <= 649:
		return "Microsoft has banned the outgoing address of this relay. Ask for its removal at https://sender.office.com, and find out who sent what."
	case n == 511:
		return "Microsoft has blocked the outgoing address of this relay. Forward the answer to delist@microsoft.com as it asks."
	case n == 68:
		return "The tenant does not take mail from this relay's address. Compare the tenant's connectors and their address restrictions with egress_addresses."
	case n == 705 || n == 708:
		return "The tenant has sent too much and is blocked. Find the source of the mail, then ask Microsoft's support to lift the block."
	case n == 750:
		return "The sender's domain is not an accepted domain of the tenant. Add it there, or correct the address that the application sends from."
	case n == 30:
		return "The next hop no longer takes a user name and password. Use a client certificate in the tls block of the connector instead of auth."
	}
	return ""
}

// detail gives the last number of a status that begins with prefix.
func detail(status, prefix string) (int, bool) {
	rest, ok := strings.CutPrefix(status, prefix)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(rest)
	return n, err == nil
}

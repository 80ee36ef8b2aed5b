package decide

import (
	"fmt"

	"github.com/mailrelay/mailrelay/schema"
)

// replies are the answers of one connector, made once.
type replies struct {
	needTLS, needTLSEntry, noSubmit, notLimitSender, notAccepted, ownSender, notLimitRecipient, noRelay, noRoute Reply
}

func compileReplies(a schema.Addr) replies {
	say := func(code int, e1, e2, e3 int, format string) Reply {
		return Reply{code, [3]int{e1, e2, e3}, fmt.Sprintf(format, a)}
	}
	return replies{
		needTLS:           say(530, 5, 7, 0, "Issue STARTTLS first: %s takes mail under TLS alone"),
		needTLSEntry:      say(530, 5, 7, 0, "Issue STARTTLS first: the allowlist entry of your address, used by %s, takes mail under TLS alone"),
		noSubmit:          say(530, 5, 7, 57, "Client not authenticated to send mail: %s gives you no right to submit"),
		notLimitSender:    say(550, 5, 7, 60, "This sender's domain is not among allowed_sender_domains of %s"),
		notAccepted:       say(550, 5, 7, 60, "The sender must be in an accepted domain: %s does not give you accept_any_sender"),
		ownSender:         say(550, 5, 7, 60, "Senders of this organisation's own domain are refused: %s does not give you accept_authoritative_domain_sender"),
		notLimitRecipient: say(550, 5, 7, 54, "This recipient's domain is not among allowed_recipient_domains of %s"),
		noRoute:           say(550, 5, 7, 54, "Unable to relay: the address names another domain before its @ (%%, ! or @), and %s does not give you accept_any_recipient"),
		noRelay:           say(550, 5, 7, 54, "Unable to relay recipient in non-accepted domain: %s does not give you accept_any_recipient"),
	}
}

func nobody(relay schema.Addr) Reply {
	of := ""
	if !relay.IsZero() {
		of = " of " + relay.String()
	}
	return Reply{554, [3]int{5, 7, 1}, "No receive connector" + of + " is meant for your address; ask its administrator to add it to one"}
}

func noDefault() Reply {
	return Reply{550, [3]int{5, 1, 1}, "This relay has no default domain, so nobody here reads mail for an address without a domain; write the domain behind it"}
}

// unverified answers for a domain that is new and whose ownership is not proved.
func unverified(d *schema.Domain) *Reply {
	return &Reply{451, [3]int{4, 7, 1}, fmt.Sprintf("Mail for %s is not accepted yet, because its ownership has not been verified: publish the record of %s, run mailrelay apply, and try again later", d.Name, schema.ProofAddr(d.Addr()))}
}

func accepted250() Reply { return Reply{250, [3]int{2, 1, 5}, "Recipient OK"} }
func sender250() Reply   { return Reply{250, [3]int{2, 1, 0}, "Sender OK"} }

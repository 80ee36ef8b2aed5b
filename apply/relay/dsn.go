package relay

import (
	"strings"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
)

// notify is when the sender wants to hear of a recipient (RFC 3461, 4.1). go-smtp
// has refused what contradicts itself.
func notify(o *smtp.RcptOptions) spool.Notify {
	var n spool.Notify
	for _, v := range o.Notify {
		switch v {
		case smtp.DSNNotifyNever:
			n |= spool.NotifyNever
		case smtp.DSNNotifySuccess:
			n |= spool.NotifySuccess
		case smtp.DSNNotifyFailure:
			n |= spool.NotifyFailure
		case smtp.DSNNotifyDelayed:
			n |= spool.NotifyDelay
		}
	}
	return n
}

// original is the recipient that the sender meant (RFC 3461, 4.2), with its type;
// empty where it does not say.
func original(o *smtp.RcptOptions) string {
	if o.OriginalRecipient == "" {
		return ""
	}
	return strings.ToLower(string(o.OriginalRecipientType)) + ";" + o.OriginalRecipient
}

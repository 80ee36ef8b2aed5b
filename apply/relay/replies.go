package relay

import (
	"errors"
	"fmt"

	"github.com/emersion/go-smtp"

	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema/decide"
)

// reply is an SMTP answer. go-smtp passes a bare *smtp.SMTPError on as it is, and
// makes 554 of every other error from Data.
func reply(code, class, subject, detail int, format string, args ...any) *smtp.SMTPError {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{class, subject, detail}, Message: fmt.Sprintf(format, args...)}
}

func replyOf(r decide.Reply) *smtp.SMTPError {
	return &smtp.SMTPError{Code: r.Code, EnhancedCode: r.Enhanced, Message: r.Text}
}

// replyTo says what went wrong with the spool.
func replyTo(err error) *smtp.SMTPError {
	if errors.Is(err, spool.ErrFull) {
		return reply(452, 4, 3, 1, "The queue's disk is nearly full; try again later")
	}
	return reply(451, 4, 3, 0, "The message could not be stored; try again later")
}

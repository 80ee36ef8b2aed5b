package observe

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/mailrelay/mailrelay/plan"
)

// failure is why a question was not answered, with the code that an observation
// gets.
type failure struct {
	code string
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// code is that of a failure in err; without one, the server is lost.
func code(err error) string {
	var f *failure
	if errors.As(err, &f) {
		return f.code
	}
	return plan.Lost
}

// noWay reports whether err says that this machine has no way to an address: no
// route, or no address of that family. Sockets of UDP learn it when they are
// opened, without a packet.
func noWay(err error) bool {
	for _, no := range []syscall.Errno{
		syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.EPROTONOSUPPORT,
		10047, 10049, 10051, 10065, // the same in Windows, whose numbers package syscall does not use
	} {
		if errors.Is(err, no) {
			return true
		}
	}
	return false
}

func unreachable(addr string, err error) *failure {
	return &failure{plan.Unreachable, fmt.Errorf("this machine has no way to %s (%w): plan where there is one, or name servers that can be reached with servers = [...]", addr, err)}
}

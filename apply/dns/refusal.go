package dns

import (
	"fmt"

	"github.com/miekg/dns"
)

// refusal makes an error of an answer other than NOERROR that has nothing to do
// with the plan's evidence. It says what to do.
func (j *job) refusal(answer *dns.Msg) error {
	where := fmt.Sprintf("nothing was written: %s refused the update of %s", j.server, j.zone.Name)
	name := ""
	if j.key != nil {
		name = fmt.Sprintf("%q", j.key.name)
	}
	var bad uint16
	if t := answer.IsTsig(); t != nil {
		bad = t.Error
	}
	switch {
	case bad == dns.RcodeBadKey:
		return fmt.Errorf("%s: it does not know the TSIG key %s (BADKEY), or it is Knot and no acl lets that key change the zone; check its name and algorithm in %s, and the keys and rights at the server", where, name, j.zone.Addr())
	case bad == dns.RcodeBadSig:
		return fmt.Errorf("%s: the secret of TSIG key %s is not the one that the server has (BADSIG); check the secret in %s", where, name, j.zone.Addr())
	case bad == dns.RcodeBadTime:
		return fmt.Errorf("%s: its clock and the one here differ by more than 5 minutes (BADTIME); set both right", where)
	}
	switch answer.Rcode {
	case dns.RcodeRefused:
		if j.key == nil {
			return fmt.Errorf("%s (REFUSED): it takes no unsigned updates from here; give %s a tsig block", where, j.zone.Addr())
		}
		return fmt.Errorf("%s (REFUSED): it does not let TSIG key %s change these records; allow it there (BIND: update-policy or allow-update, Knot: acl). BIND also refuses an MX or SRV whose host is in the zone and has no address there", where, name)
	case dns.RcodeNotAuth:
		if j.key == nil {
			return fmt.Errorf("%s (NOTAUTH): it takes no unsigned updates, or is not the zone's primary server; give %s a tsig block, and name the right server in its update \"rfc2136\"", where, j.zone.Addr())
		}
		return fmt.Errorf("%s (NOTAUTH): it is not the zone's primary server, or does not take the TSIG key %s; name the right server in update \"rfc2136\" of %s", where, name, j.zone.Addr())
	case dns.RcodeNotZone:
		return fmt.Errorf("%s (NOTZONE): a record lies outside the zone as that server has it; check the name of %s", where, j.zone.Addr())
	case dns.RcodeServerFailure:
		return fmt.Errorf("%s (SERVFAIL): it could not store it; look at its log (full disk, frozen zone, file rights), then try again", where)
	case dns.RcodeNotImplemented:
		return fmt.Errorf("%s (NOTIMP): it takes no dynamic updates; name the zone's primary server in update \"rfc2136\" of %s, or use update \"manual\"", where, j.zone.Addr())
	}
	return fmt.Errorf("%s (%s): look at its log", where, dns.RcodeToString[answer.Rcode])
}

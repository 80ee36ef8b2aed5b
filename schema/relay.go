package schema

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/zclconf/go-cty/cty"
)

// Relay is an SMTP relay, on one machine or on several.
type Relay struct {
	header
	Hostname        string
	EgressAddresses []netip.Addr // as others see them
	Spool           string       // directory; empty means spool/ in the state directory
	TLS             *RelayTLS    // nil: self-signed
	Queue           Queue
	Log             Log
	Admin           Admin
	DKIM            []DKIM   // sorted by name
	Rollout         *Rollout // nil: all nodes take a revision over at once
}

// Rollout says how a revision comes to the nodes of a relay.
type Rollout struct {
	Canary int           // so many nodes go first
	Hold   time.Duration // and are watched for so long
}

// DKIM is one key by which a relay signs.
type DKIM struct {
	Name     string
	Selector string
	Domain   string // of the author, which may also be below it
	Key      Secret
	Sign     bool // whether it is used
}

// RelayTLS is the certificate that a relay shows. An empty Certificate means that
// it makes a self-signed one.
type RelayTLS struct {
	Certificate string // PEM file
	Key         Secret
	MinVersion  string // "1.0" to "1.3"
	ClientCA    string // PEM file; empty: no client certificate is verified
}

// Queue says how long and how often delivery is tried.
type Queue struct {
	RetryIntervals    []time.Duration // the last repeats
	DelayNotification time.Duration
	Expiration        time.Duration
	MaxHopCount       int // Received fields
}

// Log says what a relay writes about its work.
type Log struct {
	Directory string // empty: JSON to stderr
	Formats   []string
	MaxSize   int64         // bytes a file
	MaxAge    time.Duration // zero: no limit
	MaxFiles  int           // closed ones; zero: no limit
}

// Admin is the HTTP side of a relay.
type Admin struct {
	Listen string // address:port; empty: the Unix socket alone
	Token  Secret
}

func relayType() *Type {
	dur, delay := within("4h")
	_, expiration := within("48h")
	intervals := []cty.Value{}
	for _, s := range []string{"1m", "5m", "15m", "30m", "1h", "4h"} {
		intervals = append(intervals, cty.StringVal(s))
	}
	tls := &Body{Attrs: []Attr{
		{Name: "certificate", Kind: Path(true), Doc: "PEM file of the certificate and its chain; self-signed and made once if not given. It, its key and client_ca are read again when they change; what cannot be used leaves the old in use."},
		{Name: "key", Kind: SecretKind(true), Doc: "The certificate's key, PEM."},
		{Name: "min_version", Kind: OneOf("1.0", "1.1", "1.2", "1.3"), Default: cty.StringVal("1.2"), Doc: "The lowest TLS version."},
		{Name: "client_ca", Kind: Path(true), Doc: "PEM file of the authorities whose client certificates count as verified."},
	}}
	queue := &Body{Attrs: []Attr{
		{Name: "retry_intervals", Kind: Some(dur), Default: cty.ListVal(intervals), Doc: "How long to wait before each further try; the last repeats."},
		{Name: "delay_notification", Kind: dur, Default: delay, Doc: "After this long the sender is told of the delay."},
		{Name: "expiration", Kind: dur, Default: expiration, Doc: "After this long the message goes back to its sender."},
		{Name: "max_hop_count", Kind: Int(1, 1000), Default: cty.NumberIntVal(30), Doc: "More Received fields than this are a loop."},
	}}
	log := &Body{Attrs: []Attr{
		{Name: "directory", Kind: Path(true), Doc: "Where log files are written; events go to stderr as JSON if not given."},
		{Name: "formats", Kind: Set(OneOf("json", "ncsa")), Default: cty.SetVal([]cty.Value{cty.StringVal("json")}), Doc: "json (an event for each step of each message), ncsa (the commands, as IIS SMTP wrote them), or both; ncsa needs a directory."},
		{Name: "max_size", Kind: Size(64<<10, 1<<40), Default: cty.StringVal("100MiB"), Doc: "A file is closed before it would be larger, and at the end of the day (UTC)."},
		{Name: "max_age", Kind: Duration(24*time.Hour, 36500*24*time.Hour), Doc: "Closed files that are older are deleted; counted in whole days."},
		{Name: "max_files", Kind: Int(1, 100000), Doc: "So many closed files are kept beside the one that is written; the oldest beyond are deleted."},
	}}
	admin := &Body{Attrs: []Attr{
		{Name: "listen", Kind: Binding(), Doc: "An address for HTTP besides the Unix socket."},
		{Name: "token", Kind: SecretKind(true), Doc: "The bearer token; needed for any address but loopback."},
	}}
	dkim := &Body{Attrs: []Attr{
		{Name: "selector", Kind: Selector(), Required: true, Doc: "The selector: the public key is published at SELECTOR._domainkey.DOMAIN."},
		{Name: "domain", Kind: DomainName(), Required: true, Doc: "The domain that signs; mail of authors in it, or below it, is signed."},
		{Name: "key", Kind: SecretKind(true), Required: true, Doc: "The private key, PEM: RSA of 2048 bits at least, or Ed25519. It is read again when it changes."},
		{Name: "sign", Kind: Bool(), Default: cty.True, Doc: "Whether messages are signed with it; all keys of a domain that sign do. To change keys add the new one with sign = false, publish it, then turn both round."},
	}}
	hold, two := within("2m")
	rollout := &Body{Attrs: []Attr{
		{Name: "canary", Kind: Int(1, 1000), Default: cty.NumberIntVal(1), Doc: "So many nodes take a change over first; the others follow when these have run it for hold."},
		{Name: "hold", Kind: hold, Default: two, Doc: "For so long they are watched. If one refuses the change, ends, or cannot hand mail on for a reason that an administrator must mend, the change is turned back on all."},
	}}
	return &Type{
		Name: "relay", Counted: true,
		Doc: "An SMTP relay: its name, certificate, queue and logs.",
		Body: &Body{
			Attrs: []Attr{
				{Name: "hostname", Kind: Host(), Required: true, Doc: "The name in EHLO, banner and Received."},
				{Name: "egress_addresses", Kind: Set(Address()), Default: cty.SetValEmpty(cty.String), Doc: "The addresses that others see."},
				{Name: "spool", Kind: Path(true), Doc: "Directory of the queue; spool/ in the state directory if not given."},
			},
			Blocks: []Nested{
				{Name: "tls", Body: tls, Doc: "The certificate it shows."},
				{Name: "queue", Body: queue, Doc: "Retries and bounces."},
				{Name: "log", Body: log, Doc: "What it writes about its work."},
				{Name: "rollout", Body: rollout, Doc: "A change of what relays do goes to some nodes first; without it, to all at once."},
				{Name: "admin", Body: admin, Doc: "Status, metrics and queue over HTTP."},
				{Name: "dkim", Label: DKIMName(), Body: dkim, Doc: "A key by which mail is signed that came from those who may relay (accept_any_recipient), and our own reports."},
			},
		},
		build: func(h header, o object) Block {
			r := &Relay{header: h, Hostname: o.str("hostname"), EgressAddresses: o.addrs("egress_addresses"), Spool: o.str("spool")}
			if t, ok := o.sub("tls"); ok {
				r.TLS = &RelayTLS{Certificate: t.str("certificate"), Key: t.secret("key"), MinVersion: t.str("min_version"), ClientCA: t.str("client_ca")}
			}
			q := o.subOr("queue", queue)
			r.Queue = Queue{DelayNotification: q.duration("delay_notification"), Expiration: q.duration("expiration"), MaxHopCount: q.num("max_hop_count")}
			for _, s := range q.strs("retry_intervals") {
				d, _ := ParseDuration(s)
				r.Queue.RetryIntervals = append(r.Queue.RetryIntervals, d)
			}
			l := o.subOr("log", log)
			r.Log = Log{Directory: l.str("directory"), Formats: l.strs("formats"), MaxSize: l.size("max_size"), MaxAge: l.duration("max_age"), MaxFiles: l.num("max_files")}
			a := o.subOr("admin", admin)
			r.Admin = Admin{Listen: a.str("listen"), Token: a.secret("token")}
			if ro, ok := o.sub("rollout"); ok {
				r.Rollout = &Rollout{Canary: ro.num("canary"), Hold: ro.duration("hold")}
			}
			o.each("dkim", func(name string, o object) {
				r.DKIM = append(r.DKIM, DKIM{Name: name, Selector: o.str("selector"), Domain: o.str("domain"), Key: o.secret("key"), Sign: o.flag("sign")})
			})
			return r
		},
	}
}

// Selector is a DKIM selector (RFC 6376, 3.1).
func Selector() Kind {
	return dkimWord("a DKIM selector like s2026")
}

// DKIMName is what a dkim block is called.
func DKIMName() Kind {
	return dkimWord("a name like contoso-2026")
}

func dkimWord(what string) Kind {
	return scalar{what, func(s string) (string, error) {
		low := strings.ToLower(s)
		if low == "" || len(low) > 63 || strings.Trim(low, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" || strings.Trim(low, "-.") != low || strings.Contains(low, "..") {
			return "", fmt.Errorf("%q is not %s: write letters and digits, with hyphens and dots between them", s, what)
		}
		return low, nil
	}}
}

// subOr gives the nested block called name, or one in which nothing was written.
func (o object) subOr(name string, b *Body) object {
	if sub, ok := o.sub(name); ok {
		return sub
	}
	return object{v: b.Defaults()}
}

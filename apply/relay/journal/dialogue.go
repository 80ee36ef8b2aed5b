package journal

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// Dialogue is the conversation of one connection, for the logs that show it line
// by line. The methods of a nil Dialogue do nothing. They may be called
// concurrently.
type Dialogue struct {
	j             *Journal
	connector     schema.Addr
	outbound      bool
	verbose       bool
	local, remote string
	client        string // remote without its port
	session       string
	lines         int // of the protocol log

	mu     sync.Mutex // an end may come from another goroutine
	helo   string
	verb   string // of the command in hand, upper case
	args   string // behind the verb, with the blank
	id     string // of the message that was taken
	secret bool   // the next line of the client is one
	wary   bool   // AUTH was said, and what no server knows may be a secret too
	masked bool   // the command in hand was one, and its answer may repeat it
	status int
	bytes  int
	ended  bool
}

// Inbound begins the conversation of a client at a receive connector. It is nil
// where no log wants it.
func (j *Journal) Inbound(connector schema.Addr, verbose bool, local, remote, client string) *Dialogue {
	return j.dialogue(connector, false, verbose, local, remote, client)
}

// Outbound begins a conversation with a next hop. It is nil where no log wants it.
func (j *Journal) Outbound(connector schema.Addr, verbose bool, local, remote, host string) *Dialogue {
	return j.dialogue(connector, true, verbose, local, remote, host)
}

func (j *Journal) dialogue(connector schema.Addr, outbound, verbose bool, local, remote, client string) *Dialogue {
	if j == nil {
		return nil
	}
	j.mu.RLock()
	wanted := j.files.ncsa != nil || verbose && j.files.receive != nil
	j.mu.RUnlock()
	if !wanted {
		return nil
	}
	d := &Dialogue{
		j: j, connector: connector, outbound: outbound, verbose: verbose, local: local, remote: remote, client: client,
		session: fmt.Sprintf("%08X%08X", uint32(j.o.Clock().Unix()), uint32(j.dialogs.Add(1))),
	}
	d.protocol("+", "", "")
	if verbose && !outbound {
		j.Record(Event{Step: Connected, Connector: connector, Client: client})
	}
	return d
}

// Command is a line that the client of the conversation said: theirs, or ours where
// we are the client. What follows AUTH is not kept.
func (d *Dialogue) Command(line string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	verb, args := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		verb, args = line[:i], line[i:]
	}
	if upper := strings.ToUpper(verb); known(upper) {
		verb = upper
	}
	d.masked = false
	switch {
	case d.secret || d.wary && !known(verb):
		verb, args, line = "AUTH", " ***", "***"
		d.secret, d.masked, d.wary = false, true, true
	case verb == "AUTH":
		if mechanism := strings.Fields(args); len(mechanism) > 1 {
			args = " " + mechanism[0] + " ***"
			line = verb + args
		}
		d.wary = true
	case verb == "HELO" || verb == "EHLO":
		d.helo = strings.TrimSpace(args)
	}
	d.verb, d.args, d.bytes, d.status = verb, args, 0, 0
	if d.outbound {
		d.protocol(">", line, "")
		d.ncsa("OutboundConnectionCommand", verb, strings.TrimPrefix(args, " "), 0, len(verb))
		return
	}
	d.protocol("<", line, "")
}

// known reports whether verb is a command of SMTP.
func known(verb string) bool {
	switch verb {
	case "HELO", "EHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "VRFY", "EXPN", "HELP", "STARTTLS", "AUTH":
		return true
	}
	return false
}

// Answer is a line that the server of the conversation said, without its CRLF.
func (d *Dialogue) Answer(line string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.secret = strings.HasPrefix(line, "334")
	if d.masked && len(line) > 4 {
		line = line[:4] + "***"
	}
	if d.outbound {
		d.protocol("<", line, "")
		d.ncsa("OutboundConnectionResponse", "-", line, 0, len(line))
		return
	}
	d.protocol(">", line, "")
	d.bytes += len(line) + len("\r\n")
	if len(line) < 3 || len(line) > 3 && line[3] == '-' || line[0] == '3' || d.verb == "" {
		return
	}
	d.status, _ = strconv.Atoi(line[:3])
	d.answered()
}

// answered writes the line of a command that was answered.
func (d *Dialogue) answered() {
	verb, args, status := d.verb, d.args, d.status
	switch {
	case verb == "DATA" && d.id != "":
		args = " <" + d.id + ">"
	case verb == "QUIT":
		args = d.helo
		status = 240 // as IIS wrote it
	}
	d.verb, d.id = "", ""
	d.ncsa(d.helo, verb, args, status, d.bytes)
}

// Took is the queue id of the message that the next answer is about.
func (d *Dialogue) Took(id string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.id = id
}

// Note adds what happened to the protocol log, such as the TLS version.
func (d *Dialogue) Note(context string) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.protocol("*", "", context)
}

// End is the end of the connection. It may be called twice.
func (d *Dialogue) End() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		return
	}
	d.ended = true
	d.protocol("-", "", "")
	if d.verbose && !d.outbound {
		d.j.Record(Event{Step: Disconnected, Connector: d.connector, Client: d.client, Helo: d.helo})
	}
}

// ncsa writes a line as IIS SMTP did; see the package comment of the test.
func (d *Dialogue) ncsa(name, verb, args string, status, size int) {
	d.j.mu.RLock()
	defer d.j.mu.RUnlock()
	f := d.j.files.ncsa
	if f == nil {
		return
	}
	_, err := f.Write(ncsaLine(d.client, name, d.j.o.Clock(), verb, args, status, size))
	d.j.wrote(err)
}

// protocol writes a line of the protocol log.
func (d *Dialogue) protocol(event, data, context string) {
	if !d.verbose {
		return
	}
	d.j.mu.RLock()
	defer d.j.mu.RUnlock()
	f := d.j.files.receive
	if d.outbound {
		f = d.j.files.send
	}
	if f == nil {
		return
	}
	var line bytes.Buffer
	fields := []string{
		d.j.o.Clock().UTC().Format("2006-01-02T15:04:05.000Z"), d.connector.String(), d.session, strconv.Itoa(d.lines),
		d.local, d.remote, event, data, context,
	}
	d.lines++
	for i, s := range fields {
		if i > 0 {
			line.WriteByte(',')
		}
		line.WriteString(csvField(s))
	}
	line.WriteString("\r\n")
	_, err := f.Write(line.Bytes())
	d.j.wrote(err)
}

// csvField quotes what needs it (RFC 4180, 2).
func csvField(s string) string {
	if !strings.ContainsAny(s, "\",\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}

// protocolHead is what a file of the protocol log begins with.
func protocolHead(kind string) func(time.Time) string {
	return func(now time.Time) string {
		return "#Software: mailrelay\r\n#Version: 15.00.0000.000\r\n#Log-type: " + kind + "\r\n#Date: " +
			now.UTC().Format("2006-01-02T15:04:05.000Z") +
			"\r\n#Fields: date-time,connector-id,session-id,sequence-number,local-endpoint,remote-endpoint,event,data,context\r\n"
	}
}

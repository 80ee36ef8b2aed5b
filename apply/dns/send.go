package dns

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// errLost is an update of which nobody knows whether the server did it.
var errLost = errors.New("the answer was lost")

// send sends an update, signed afresh, to the first address that takes the
// connection, and gives the answer and that address. The error is errLost if the
// update may have been done. An answer that is not NOERROR is no error here.
func (j *job) send(ctx context.Context, update *dns.Msg) (answer *dns.Msg, addr string, err error) {
	leave, err := j.gates.enter(ctx, j.addrs[0])
	if err != nil {
		return nil, "", fmt.Errorf("nothing was written in %s: %w", j.zone.Name, err)
	}
	defer leave()
	var conn net.Conn
	for _, addr = range j.addrs {
		dialing, cancel := context.WithTimeout(ctx, j.Timeout)
		conn, err = j.Dial(dialing, "tcp", addr)
		cancel()
		if err == nil {
			break
		}
	}
	if err != nil {
		return nil, addr, fmt.Errorf("nothing was written: %s, which takes updates of %s, cannot be reached: %w; check that it runs and that TCP port %s is open from here, then try again", j.server, j.zone.Name, err, port(addr))
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(j.Timeout))
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	framed := &dns.Conn{Conn: conn}
	update = update.Copy()
	update.Id = dns.Id()
	if j.key != nil {
		framed.TsigSecret = map[string]string{j.key.name: j.key.secret}
		update.SetTsig(j.key.name, j.key.algorithm, 300, j.Clock().Unix())
	}
	packed, err := update.Copy().Pack()
	if err != nil || len(packed) > maxUpdate+1024 {
		return nil, addr, fmt.Errorf("the update of %s cannot be put on the wire: %d bytes, %v", j.zone.Name, len(packed), err)
	}
	if j.key != nil {
		if _, _, err := dns.TsigGenerate(update.Copy(), j.key.secret, "", false); err != nil {
			return nil, addr, fmt.Errorf("nothing was written: the update of %s cannot be signed by the key %s: %w", j.zone.Name, j.key.name, err)
		}
	}
	if err := framed.WriteMsg(update); err != nil {
		return nil, addr, fmt.Errorf("%w: %w", errLost, err)
	}
	answer, err = framed.ReadMsg()
	if answer != nil && answer.Truncated {
		return nil, addr, fmt.Errorf("%w: only a part of it came (TC)", errLost)
	}
	switch {
	case answer != nil && answer.Id == update.Id && answer.Rcode != dns.RcodeSuccess && (err == nil || errors.Is(err, dns.ErrAuth)):
		return answer, addr, nil // a refusal need not be signed: it can do no harm
	case err != nil:
		return nil, addr, fmt.Errorf("%w: %s", errLost, j.silence(ctx, err))
	case answer.Id != update.Id || !answer.Response:
		return nil, addr, fmt.Errorf("%w: something else came in its place", errLost)
	case j.key != nil && answer.IsTsig() == nil:
		return nil, addr, fmt.Errorf("%w: one came that is not signed", errLost)
	}
	return answer, addr, nil
}

// silence says in words why no answer could be read.
func (j *job) silence(ctx context.Context, err error) string {
	switch {
	case ctx.Err() != nil:
		return "it was not waited for"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("none came within %s", j.Timeout)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke in the middle of it"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "the connection was closed before it came"
	case errors.Is(err, dns.ErrSig), errors.Is(err, dns.ErrTime), errors.Is(err, dns.ErrKeyAlg), errors.Is(err, dns.ErrSecret):
		return fmt.Sprintf("one came whose signature is wrong (%v)", err)
	}
	return fmt.Sprintf("what came cannot be read (%v)", err)
}

// port is the port of an address.
func port(addr string) string {
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "53"
	}
	return p
}

// Package admin is the HTTP side of a relay: on a Unix socket that only its owner
// can open, and, where the configuration says so, on an address, whose clients
// bear a token (Authorization: Bearer TOKEN) if there is one.
//
//	GET /status    what the node says of itself: state.Node, JSON
//	GET /healthz   "ok"; 503 and the reason while the node runs no revision or has
//	               refused one
//	GET /readyz    "ready"; 503 and the reason while mail cannot be taken and
//	               delivered: no revision, the queue is not read yet, the disk failed
//	GET /metrics   measures for Prometheus
//
// # The queue
//
// Who can do the following can read and delete mail: it answers on the socket, and
// on an address only if there is a token.
//
//	GET /queue               List: how many messages are selected, and the oldest of
//	                         them; most=N is how many, 1000 if not given
//	GET /queue/ID            deliver.Item: one message, as /queue gives it
//	GET /queue/ID/header     its header, as it was received
//	GET /queue/ID/content    header and body
//	GET /events?token=T      journal.Events, a line each, of messages that bear the
//	                         token (of a probe) and come in from now on
//	POST /queue/retry        tries what is selected at once
//	POST /queue/hold         keeps it as it is until it is released
//	POST /queue/release      ends that
//	POST /queue/bounce       returns it to its senders; reason=SENTENCE is for them
//	POST /queue/drop         deletes it; nobody is told but the log
//
// A selection is a query, or the form in the body of a POST. A message must meet
// all of it; one with nothing in it selects nothing but for GET, where it selects
// all.
//
//	all=true           everything
//	id=ID              the message of that id; several may be given
//	domain=NAME        recipients in the domain
//	site=HOST          recipients whose next hop was the host when last tried
//	from=ADDRESS       messages of that sender, or of all senders of a domain; <> is
//	                   the null sender
//	older=DURATION     messages that are in the queue for that long: 4h, 2d
//	until=TIME         messages received no later (RFC 3339)
//	held=true          messages that are held
//
// A POST is answered with Done. bounce and drop concern the recipients that are
// selected alone. What is not understood is 400, a message that is not in the
// queue 404, and a relay that does not deliver now 503; the body says why.
package admin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
	"github.com/mailrelay/mailrelay/apply/state"
)

// ErrRunning is another relay that uses the same socket.
var ErrRunning = errors.New("another relay runs with this state directory: stop it, or use another directory")

// Listen opens the socket, mode 0600. One that a process left behind is removed;
// one that answers is ErrRunning.
func Listen(ctx context.Context, socket string) (net.Listener, error) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o700); err != nil {
		return nil, err
	}
	if c, err := new(net.Dialer).DialContext(ctx, "unix", socket); err == nil {
		c.Close()
		return nil, fmt.Errorf("%s: %w", socket, ErrRunning)
	}
	if fi, err := os.Lstat(socket); err == nil && fi.Mode()&os.ModeSocket != 0 {
		if err := os.Remove(socket); err != nil {
			return nil, err
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(socket, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Source is what a relay lets be seen and done. Its functions may be called
// concurrently.
type Source struct {
	Status  func() state.Node
	Ready   func() error // why not; nil: it is
	Metrics http.Handler
	Queue   func() Queue // gives nil while there is no queue
	// Follow gives the events of messages that bear token, until stop is called.
	Follow func(token string) (events <-chan journal.Event, stop func())
}

// Serve answers on l until stop is called, which closes l. token gives the token
// that a request must bear, at each request. It gives an empty one for none, and
// then the queue is not to be had here. A nil token is for a socket that only the
// owner of the relay can open: it needs none.
func Serve(l net.Listener, from Source, token func() []byte) (stop func()) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, from.Status()) })
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		switch n := from.Status(); {
		case n.Revision == "":
			http.Error(w, "no revision is in force: "+n.LastError, http.StatusServiceUnavailable)
		case n.Refused != "":
			http.Error(w, "revision "+n.Refused.Short()+" was refused: "+n.LastError, http.StatusServiceUnavailable)
		default:
			_, _ = io.WriteString(w, "ok\n")
		}
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := from.Ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	mux.Handle("GET /metrics", from.Metrics)
	serveQueue(mux, from, token)
	s := &http.Server{Handler: guard(mux, token), ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Serve(l)
	}()
	return func() {
		_ = s.Close()
		<-done
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}

// guard lets requests pass that bear the token.
func guard(next http.Handler, token func() []byte) http.Handler {
	if token == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := token()
		given, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if len(want) > 0 && subtle.ConstantTimeCompare([]byte(given), want) != 1 {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "send the token of the relay's admin block: Authorization: Bearer TOKEN", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

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

	"github.com/mailrelay/mailrelay/apply/state"
)

// ErrRunning is another relay that uses the same socket.
var ErrRunning = errors.New("another relay runs with this state directory: stop it, or use another directory")

// Listen opens the socket, mode 0600. One that a process left behind is removed;
// one that answers is
// ErrRunning.
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

// Source is what a relay lets be seen. Its functions may be called concurrently.
type Source struct {
	Status  func() state.Node
	Ready   func() error // why not; nil: it is
	Metrics http.Handler
}

// Serve answers on l until stop is called, which closes l. token gives the token
// that a request must bear, at each request; nil, or an empty one, is none.
func Serve(l net.Listener, from Source, token func() []byte) (stop func()) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(from.Status())
	})
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

// Status asks the relay that listens on socket.
func Status(ctx context.Context, socket string) (state.Node, error) {
	var n state.Node
	client := http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://relay/status", nil)
	if err != nil {
		return n, err
	}
	res, err := client.Do(req)
	if err != nil {
		return n, fmt.Errorf("ask the relay: %w", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return n, errors.New("ask the relay: " + res.Status)
	}
	return n, json.NewDecoder(res.Body).Decode(&n)
}

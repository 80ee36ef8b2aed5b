package admin

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/apply/state"
	"github.com/mailrelay/mailrelay/schema"
)

// asked is a queue that keeps what it was asked for.
type asked struct {
	what   string
	f      deliver.Filter
	most   int
	reason string
	err    error
}

var held = deliver.Item{State: deliver.Held, Envelope: spool.Envelope{
	ID: "ONE", From: schema.Mailbox{Local: "a", Domain: "contoso.com"}, Held: true,
	Rcpts: []spool.Rcpt{{To: schema.Mailbox{Local: "b c", Domain: "fabrikam.com"}, LastError: "451 later", Site: "mx.fabrikam.com"}},
}}

func (q *asked) do(what string, f deliver.Filter) (int, error) {
	q.what, q.f = what, f
	return 3, q.err
}

func (q *asked) List(f deliver.Filter, most int) ([]deliver.Item, int) {
	q.what, q.f, q.most = "list", f, most
	if len(f.IDs) > 0 && f.IDs[0] != "ONE" {
		return nil, 0
	}
	return []deliver.Item{held}, 7
}
func (q *asked) Retry(f deliver.Filter) (int, error)   { return q.do("retry", f) }
func (q *asked) Hold(f deliver.Filter) (int, error)    { return q.do("hold", f) }
func (q *asked) Release(f deliver.Filter) (int, error) { return q.do("release", f) }
func (q *asked) Drop(f deliver.Filter) (int, error)    { return q.do("drop", f) }
func (q *asked) Bounce(f deliver.Filter, reason string) (int, error) {
	q.reason = reason
	return q.do("bounce", f)
}

func (q *asked) Content(id string, header bool) ([]byte, error) {
	if id != "ONE" {
		return nil, spool.ErrGone
	}
	if header {
		return []byte("A: b\r\n"), nil
	}
	return []byte("A: b\r\n\r\n\x00body"), nil
}

// source is a relay that has a queue alone.
func source(q Queue) Source {
	return Source{
		Status:  func() state.Node { return state.Node{} },
		Ready:   func() error { return nil },
		Metrics: http.NotFoundHandler(),
		Queue:   func() Queue { return q },
	}
}

// on serves q on a socket.
func on(t *testing.T, q Queue) *Client {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "a.sock")
	l, err := Listen(t.Context(), socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(Serve(l, source(q), nil))
	return Dial(socket)
}

// TestSelection sends selections, and looks at what the queue is asked for.
func TestSelection(t *testing.T) {
	q := &asked{}
	c := on(t, q)
	at := time.Date(2026, 11, 22, 5, 0, 0, 123456789, time.UTC)
	for _, f := range []deliver.Filter{
		{},
		{All: true},
		{Held: true, Domain: "fabrikam.com"},
		{IDs: []string{"ONE", "TWO"}, Site: "mx.fabrikam.com"},
		{From: "<>", Age: 90 * time.Minute, Until: at},
		{From: `"a&b=c"@contoso.com`},
	} {
		for _, name := range []string{"retry", "hold", "release", "bounce", "drop"} {
			n, err := c.Command(t.Context(), name, f, "")
			if err != nil || n != 3 {
				t.Errorf("%s %+v: %d, %v", name, f, n, err)
			}
			if diff := cmp.Diff([]any{name, f}, []any{q.what, q.f}); diff != "" {
				t.Error(diff)
			}
		}
	}
	if _, err := c.Command(t.Context(), "bounce", deliver.Filter{All: true}, "It was spam."); err != nil || q.reason != "It was spam." || !q.f.All {
		t.Errorf("the reason is %q of %+v, %v", q.reason, q.f, err)
	}
	l, err := c.List(t.Context(), deliver.Filter{}, 1)
	if diff := cmp.Diff(List{7, []deliver.Item{held}}, l); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if diff := cmp.Diff([]any{deliver.Filter{All: true}, 1}, []any{q.f, q.most}); diff != "" {
		t.Error(diff) // nothing selects all, for this one alone
	}
}

func TestShow(t *testing.T) {
	c := on(t, &asked{})
	if got, err := c.Show(t.Context(), "ONE"); err != nil || !cmp.Equal(got, held) {
		t.Errorf("%+v, %v", got, err)
	}
	for header, want := range map[bool]string{true: "A: b\r\n", false: "A: b\r\n\r\n\x00body"} {
		if got, err := c.Content(t.Context(), "ONE", header); err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
	}
	if _, err := c.Show(t.Context(), "NONE"); !errors.Is(err, spool.ErrGone) {
		t.Errorf("show: %v", err)
	}
	if _, err := c.Content(t.Context(), "NO/NE", false); !errors.Is(err, spool.ErrGone) {
		t.Errorf("content: %v", err)
	}
}

// TestRefused asks for what is not given: nothing is done then.
func TestRefused(t *testing.T) {
	secret := []byte("geheim")
	for _, tt := range []struct {
		name, method, path string
		queue              Queue
		token              func() []byte
		code               int
		said               string
	}{
		{"unknown parameter", "POST", "/queue/drop?all=true&domian=x", &asked{}, nil, 400, "domian=x: there is no such parameter"},
		{"twice", "POST", "/queue/drop?domain=x&domain=y", &asked{}, nil, 400, "domain is given twice"},
		{"empty", "POST", "/queue/drop?domain=", &asked{}, nil, 400, "domain is empty"},
		{"no duration", "POST", "/queue/drop?older=old", &asked{}, nil, 400, "older=old"},
		{"no number", "GET", "/queue?most=-1", &asked{}, nil, 400, "most=-1"},
		{"no such method", "GET", "/queue/drop/x", &asked{}, nil, 404, ""},
		{"a token that others may bear", "GET", "/events?token=x", &asked{}, nil, 400, "token must have 20 characters"},
		{"no queue", "GET", "/queue", nil, nil, 503, "no revision is in force"},
		{"stops", "POST", "/queue/hold?all=true", &asked{err: deliver.ErrStopped}, nil, 503, "does not deliver now"},
		{"disk", "POST", "/queue/hold?all=true", &asked{err: errors.New("broken")}, nil, 500, "broken"},
		{"address without token", "GET", "/queue", &asked{}, func() []byte { return nil }, 403, "set token"},
		{"address without the token", "GET", "/queue", &asked{}, func() []byte { return secret }, 401, "Bearer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer Serve(l, source(tt.queue), tt.token)()
			req, err := http.NewRequestWithContext(context.Background(), tt.method, "http://"+l.Addr().String()+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			said, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != tt.code || !strings.Contains(string(said), tt.said) {
				t.Errorf("%s: %s (%v)", res.Status, said, err)
			}
			if q, ok := tt.queue.(*asked); ok && q.err == nil && q.what != "" {
				t.Errorf("%s %+v was done", q.what, q.f)
			}
		})
	}
}

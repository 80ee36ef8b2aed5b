package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/schema"
)

// Queue is the queue of a relay: a deliver.Runner, with the content of messages.
type Queue interface {
	List(f deliver.Filter, most int) ([]deliver.Item, int)
	Retry(deliver.Filter) (int, error)
	Hold(deliver.Filter) (int, error)
	Release(deliver.Filter) (int, error)
	Bounce(f deliver.Filter, reason string) (int, error)
	Drop(deliver.Filter) (int, error)
	// Content gives a message, or its header alone. It is spool.ErrGone where there
	// is none.
	Content(id string, header bool) ([]byte, error)
}

// List is what GET /queue gives.
type List struct {
	Messages int            `json:"messages"` // that are selected
	Items    []deliver.Item `json:"items"`    // the oldest of them
}

// Done is what a command has done.
type Done struct {
	Messages int `json:"messages"` // that it concerned
}

const (
	mostListed = 1000
	maxForm    = 16 << 20 // bytes; some hundred thousand ids
)

// errSelection is a request that is not understood.
var errSelection = errors.New("this selection is not understood")

// serveQueue adds the paths of the queue, and of events about it.
func serveQueue(mux *http.ServeMux, from Source, token func() []byte) {
	handle := func(pattern string, answer func(q Queue, w http.ResponseWriter, r *http.Request) error) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			if token != nil && len(token()) == 0 {
				http.Error(w, "the queue is not shown on an address without a token: set token in the relay's admin block", http.StatusForbidden)
				return
			}
			q := from.Queue()
			if q == nil {
				http.Error(w, "there is no queue yet: no revision is in force", http.StatusServiceUnavailable)
				return
			}
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := r.ParseForm(); err != nil {
				http.Error(w, fmt.Sprintf("%v: %v", errSelection, err), http.StatusBadRequest)
				return
			}
			if err := answer(q, w, r); err != nil {
				http.Error(w, err.Error(), code(err))
			}
		})
	}
	handle("GET /queue", list)
	handle("GET /queue/{id}", show)
	handle("GET /queue/{id}/header", content(true))
	handle("GET /queue/{id}/content", content(false))
	handle("GET /events", events(from.Follow))
	handle("POST /queue/retry", command(Queue.Retry))
	handle("POST /queue/hold", command(Queue.Hold))
	handle("POST /queue/release", command(Queue.Release))
	handle("POST /queue/drop", command(Queue.Drop))
	handle("POST /queue/bounce", func(q Queue, w http.ResponseWriter, r *http.Request) error {
		reason := r.Form.Get("reason")
		r.Form.Del("reason")
		return command(func(q Queue, f deliver.Filter) (int, error) { return q.Bounce(f, reason) })(q, w, r)
	})
}

func code(err error) int {
	switch {
	case errors.Is(err, errSelection):
		return http.StatusBadRequest
	case errors.Is(err, spool.ErrGone):
		return http.StatusNotFound
	case errors.Is(err, deliver.ErrStopped), errors.Is(err, spool.ErrClosed):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func list(q Queue, w http.ResponseWriter, r *http.Request) error {
	most := mostListed
	if v := r.Form.Get("most"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 0 {
			return fmt.Errorf("%w: most=%s is not a number", errSelection, v)
		}
		most = n
	}
	r.Form.Del("most")
	f, err := filter(r.Form)
	if err != nil {
		return err
	}
	if len(r.Form) == 0 {
		f.All = true
	}
	l := List{Items: []deliver.Item{}}
	items, n := q.List(f, most)
	l.Messages, l.Items = n, append(l.Items, items...)
	writeJSON(w, l)
	return nil
}

func show(q Queue, w http.ResponseWriter, r *http.Request) error {
	items, _ := q.List(deliver.Filter{IDs: []string{r.PathValue("id")}}, 1)
	if len(items) == 0 {
		return fmt.Errorf("%s: %w", r.PathValue("id"), spool.ErrGone)
	}
	writeJSON(w, items[0])
	return nil
}

func content(header bool) func(Queue, http.ResponseWriter, *http.Request) error {
	return func(q Queue, w http.ResponseWriter, r *http.Request) error {
		text, err := q.Content(r.PathValue("id"), header)
		if err != nil {
			return err
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		_, _ = w.Write(text)
		return nil
	}
}

func command(do func(Queue, deliver.Filter) (int, error)) func(Queue, http.ResponseWriter, *http.Request) error {
	return func(q Queue, w http.ResponseWriter, r *http.Request) error {
		f, err := filter(r.Form)
		if err != nil {
			return err
		}
		n, err := do(q, f)
		if err != nil {
			return err
		}
		writeJSON(w, Done{n})
		return nil
	}
}

// filter reads a selection. What it does not know is an error, so that a slip
// never selects more.
func filter(form url.Values) (f deliver.Filter, err error) {
	for name, values := range form {
		if name == "id" {
			f.IDs = values
			continue
		}
		if len(values) > 1 {
			return f, fmt.Errorf("%w: %s is given twice", errSelection, name)
		}
		v := values[0]
		if v == "" {
			return f, fmt.Errorf("%w: %s is empty", errSelection, name)
		}
		switch name {
		case "all":
			f.All, err = strconv.ParseBool(v)
		case "held":
			f.Held, err = strconv.ParseBool(v)
		case "domain":
			f.Domain = v
		case "site":
			f.Site = v
		case "from":
			f.From = v
		case "older":
			f.Age, err = schema.ParseDuration(v)
		case "until":
			f.Until, err = time.Parse(time.RFC3339Nano, v)
		default:
			err = errors.New("there is no such parameter")
		}
		if err != nil {
			return f, fmt.Errorf("%w: %s=%s: %v", errSelection, name, v, err)
		}
	}
	return f, nil
}

// Form is the selection f as a request bears it.
func Form(f deliver.Filter) url.Values {
	v := url.Values{}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	for _, id := range f.IDs {
		v.Add("id", id)
	}
	set("domain", f.Domain)
	set("site", f.Site)
	set("from", f.From)
	if f.Age != 0 {
		set("older", schema.FormatDuration(f.Age))
	}
	if !f.Until.IsZero() {
		set("until", f.Until.Format(time.RFC3339Nano))
	}
	if f.All {
		set("all", "true")
	}
	if f.Held {
		set("held", "true")
	}
	return v
}

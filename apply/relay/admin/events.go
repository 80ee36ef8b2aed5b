package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"

	"github.com/mailrelay/mailrelay/apply/relay/journal"
)

// tokenLeast is how long a token is at least: a short one would follow mail that is
// none of its business.
const tokenLeast = 20

// events sends events as they happen, a line of JSON each, until the client goes.
func events(follow func(token string) (<-chan journal.Event, func())) func(Queue, http.ResponseWriter, *http.Request) error {
	return func(_ Queue, w http.ResponseWriter, r *http.Request) error {
		token := r.Form.Get("token")
		if len(token) < tokenLeast {
			return fmt.Errorf("%w: token must have %d characters or more", errSelection, tokenLeast)
		}
		all, stop := follow(token)
		defer stop()
		w.Header().Set("Content-Type", "application/x-ndjson")
		w.WriteHeader(http.StatusOK)
		out := http.NewResponseController(w)
		enc := json.NewEncoder(w)
		for {
			if out.Flush() != nil {
				return nil
			}
			select {
			case e := <-all:
				if enc.Encode(e) != nil {
					return nil
				}
			case <-r.Context().Done():
				return nil
			}
		}
	}
}

// Follow gives the events of messages that bear token and come in from now on, and
// of reports about them. The channel is closed when ctx ends, or the relay.
func (c *Client) Follow(ctx context.Context, token string) (<-chan journal.Event, error) {
	res, err := c.open(ctx, http.MethodGet, "/events?"+url.Values{"token": {token}}.Encode(), nil)
	if err != nil {
		return nil, err
	}
	out := make(chan journal.Event)
	go func() {
		defer close(out)
		defer res.Body.Close()
		dec := json.NewDecoder(bufio.NewReader(res.Body))
		for {
			var e journal.Event
			if dec.Decode(&e) != nil {
				return
			}
			select {
			case out <- e:
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, nil
}

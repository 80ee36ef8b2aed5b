package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/apply/relay/spool"
	"github.com/mailrelay/mailrelay/apply/state"
)

// Client asks the relay that listens on a socket. Its methods may be called
// concurrently.
type Client struct{ http http.Client }

// Dial makes a Client. Nothing is connected before the first request.
func Dial(socket string) *Client {
	return &Client{http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true,
	}}}
}

// Status asks the relay that listens on socket.
func Status(ctx context.Context, socket string) (n state.Node, err error) {
	return n, Dial(socket).decode(ctx, http.MethodGet, "/status", nil, &n)
}

// List gives the oldest messages that f selects, no more than most, and how many
// there are.
func (c *Client) List(ctx context.Context, f deliver.Filter, most int) (l List, err error) {
	form := Form(f)
	form.Set("most", strconv.Itoa(most))
	return l, c.decode(ctx, http.MethodGet, "/queue?"+form.Encode(), nil, &l)
}

// Show gives one message; the error wraps spool.ErrGone if there is none.
func (c *Client) Show(ctx context.Context, id string) (i deliver.Item, err error) {
	return i, c.decode(ctx, http.MethodGet, "/queue/"+url.PathEscape(id), nil, &i)
}

// Content gives a message, or its header alone.
func (c *Client) Content(ctx context.Context, id string, header bool) ([]byte, error) {
	what := "/content"
	if header {
		what = "/header"
	}
	return c.do(ctx, http.MethodGet, "/queue/"+url.PathEscape(id)+what, nil)
}

// Command does what a path below /queue/ does to what f selects, and gives how
// many messages that were. reason is for bounce alone.
func (c *Client) Command(ctx context.Context, name string, f deliver.Filter, reason string) (int, error) {
	form := Form(f)
	if reason != "" {
		form.Set("reason", reason)
	}
	var d Done
	err := c.decode(ctx, http.MethodPost, "/queue/"+name, form, &d)
	return d.Messages, err
}

func (c *Client) decode(ctx context.Context, method, path string, form url.Values, into any) error {
	raw, err := c.do(ctx, method, path, form)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("ask the relay: %w", err)
	}
	return nil
}

func (c *Client) do(ctx context.Context, method, path string, form url.Values) ([]byte, error) {
	res, err := c.open(ctx, method, path, form)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, fmt.Errorf("ask the relay: %w", err)
	}
	return raw, nil
}

// open asks, and gives an answer that is not an error. The caller closes its body.
func (c *Client) open(ctx context.Context, method, path string, form url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://relay"+path, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the relay: %w", err)
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	said := strings.TrimSpace(string(raw))
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask the relay: %w", err)
	case res.StatusCode == http.StatusNotFound && strings.HasSuffix(said, spool.ErrGone.Error()):
		return nil, spool.ErrGone
	case said != "":
		return nil, errors.New(said)
	}
	return nil, errors.New("ask the relay: " + res.Status)
}

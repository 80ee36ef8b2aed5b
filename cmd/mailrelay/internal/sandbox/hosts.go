package sandbox

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"

	"github.com/emersion/go-smtp"
)

// Arrival is a message that reached a mail host.
type Arrival struct {
	Host    string // the host's name
	Address string // the address at which the relay reached it
	From    string
	To      []string
	TLS     string // "TLS 1.3"; empty: in the clear
	EHLO    string // what the relay called itself
	Message []byte
}

// hosts are the mail hosts of the world, each made when first connected to.
type hosts struct {
	names    map[netip.Addr]string
	keys     *keys
	arrivals chan Arrival

	mu      sync.Mutex
	servers map[netip.Addr]*smtp.Server
	addrs   map[netip.Addr]string
}

func newHosts(names map[netip.Addr]string, k *keys) *hosts {
	return &hosts{names: names, keys: k, arrivals: make(chan Arrival, 100), servers: map[netip.Addr]*smtp.Server{}, addrs: map[netip.Addr]string{}}
}

// listen gives the loopback address of the mail host at a.
func (h *hosts) listen(a netip.Addr) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if addr := h.addrs[a]; addr != "" {
		return addr, nil
	}
	name := h.names[a]
	if name == "" {
		name = a.String()
	}
	cert, err := h.keys.certificate(name)
	if err != nil {
		return "", err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &delivery{hosts: h, conn: c, arrival: Arrival{Host: name, Address: a.String()}}, nil
	}))
	s.Domain, s.EnableSMTPUTF8 = name, true
	s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}}
	go s.Serve(l)
	h.servers[a], h.addrs[a] = s, l.Addr().String()
	return h.addrs[a], nil
}

func (h *hosts) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, s := range h.servers {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// delivery is one session at a mail host, which takes everything.
type delivery struct {
	hosts   *hosts
	conn    *smtp.Conn
	arrival Arrival
}

func (d *delivery) Mail(from string, _ *smtp.MailOptions) error {
	d.arrival.From, d.arrival.To = from, nil
	return nil
}

func (d *delivery) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.arrival.To = append(d.arrival.To, to)
	return nil
}

func (d *delivery) Data(r io.Reader) error {
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	a := d.arrival
	a.Message, a.EHLO = b.Bytes(), d.conn.Hostname()
	if state, ok := d.conn.TLSConnectionState(); ok {
		a.TLS = tls.VersionName(state.Version)
	}
	select {
	case d.hosts.arrivals <- a:
	default: // nobody waits for so many
	}
	return nil
}

func (d *delivery) Reset()        {}
func (d *delivery) Logout() error { return nil }

// Arrivals are the messages that reached any mail host.
func (w *World) Arrivals() <-chan Arrival { return w.hosts.arrivals }

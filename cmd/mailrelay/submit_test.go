package main

import (
	"io"
	"net/smtp"
)

// submit sends a letter over a connection that is open. Only without an error it
// was answered with 250.
func submit(c *smtp.Client, from, to, text string) error {
	if err := c.Mail(from); err != nil {
		return err
	}
	if err := c.Rcpt(to); err != nil {
		return err
	}
	w, err := c.Data()
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, text); err != nil {
		return err
	}
	return w.Close()
}

// mail sends a letter through the relay, in clear. It must be answered with 250.
func (s *site) mail(from, to string) {
	s.t.Helper()
	c, err := smtp.Dial(s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	text := "From: <" + from + ">\r\nTo: <" + to + ">\r\nSubject: Toner is low\r\n\r\nPlease order some.\r\n"
	if err := submit(c, from, to, text); err != nil {
		s.t.Fatalf("<%s> to <%s>: %v", from, to, err)
	}
	if err := c.Quit(); err != nil {
		s.t.Error(err)
	}
}

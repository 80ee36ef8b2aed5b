package deliver

import (
	"encoding/base64"
	"fmt"
	"slices"

	"github.com/emersion/go-sasl"

	"github.com/mailrelay/mailrelay/schema"
)

// logOn authenticates by PLAIN, else by LOGIN (RFC 4954). It is called under TLS
// alone. The outcome is nil if the server took the password.
func (c *client) logOn(a *schema.SendAuth, password []byte) (*outcome, error) {
	var mech sasl.Client
	switch {
	case slices.Contains(c.ext.auth, sasl.Plain):
		mech = sasl.NewPlainClient("", a.Username, string(password))
	case slices.Contains(c.ext.auth, sasl.Login):
		mech = sasl.NewLoginClient(a.Username, string(password))
	default:
		o := local(held, "4.7.4", fmt.Sprintf("%s offers neither AUTH PLAIN nor LOGIN, and the connector has a user name", c.host))
		return &o, nil
	}
	name, initial, err := mech.Start()
	if err != nil {
		return nil, fmt.Errorf("beginning AUTH: %w", err)
	}
	rep, err := c.ask(commandLimit, "AUTH ", name, " ", base64.StdEncoding.EncodeToString(initial))
	for err == nil && rep.code == 334 {
		var challenge, response []byte
		if challenge, err = base64.StdEncoding.DecodeString(rep.lines[0]); err != nil {
			return nil, fmt.Errorf("reading the challenge of AUTH: %w", err)
		}
		if response, err = mech.Next(challenge); err != nil {
			return nil, fmt.Errorf("answering the challenge of AUTH: %w", err)
		}
		rep, err = c.ask(commandLimit, base64.StdEncoding.EncodeToString(response))
	}
	if err != nil {
		return nil, err
	}
	if !rep.positive() {
		o := judge(misplaced(rep), atAuth)
		return &o, nil
	}
	return nil, nil
}

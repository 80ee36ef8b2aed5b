package dns

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/schema"
)

// key signs updates.
type key struct {
	name      string // canonical, with the final dot
	algorithm string // with the final dot
	secret    string // base64
}

// readKey reads the secret of t: base64 alone, or the key file that tsig-keygen
// or keymgr writes, in which it stands behind the word secret.
func readKey(t *schema.TSIG, read func(schema.Secret) ([]byte, error)) (*key, error) {
	if read == nil {
		return nil, fmt.Errorf("the secret of TSIG key %s cannot be read here", t.Name)
	}
	raw, err := read(t.Secret)
	if err != nil {
		return nil, fmt.Errorf("the secret of TSIG key %s: %w", t.Name, err)
	}
	text := strings.TrimSpace(string(raw))
	if in := regexp.MustCompile(`(?m)\bsecret:?\s+"?([A-Za-z0-9+/=]+)`).FindStringSubmatch(text); in != nil {
		text = in[1]
	}
	// The text of the error would show the secret.
	if _, err := base64.StdEncoding.DecodeString(text); err != nil || text == "" {
		return nil, fmt.Errorf("the secret of TSIG key %s is not base64: give the secret as it stands in the server's key file", t.Name)
	}
	return &key{dns.CanonicalName(t.Name), dns.Fqdn(t.Algorithm), text}, nil
}

package main

import (
	"path/filepath"

	"github.com/mailrelay/mailrelay/plan/check"
	"github.com/mailrelay/mailrelay/schema"
)

// files reads the certificates that a configuration names, as far as they are on this
// machine. What is not, or cannot be read, is left out: relays read their files
// themselves, and say what is wrong. Secrets are not read: see doctor.
func (a *app) files(c *schema.Config) check.Files {
	var out check.Files
	read := map[string]bool{}
	certificate := func(path string) {
		if !filepath.IsAbs(path) || read[path] {
			return
		}
		read[path] = true
		raw, err := a.world.readFile(path)
		if err != nil {
			return
		}
		if cert, ok := check.ReadCertificate(path, raw); ok {
			out.Certificates = append(out.Certificates, cert)
		}
	}
	for _, r := range schema.All[*schema.Relay](c) {
		if r.TLS != nil {
			certificate(r.TLS.Certificate)
		}
	}
	for _, s := range schema.All[*schema.SendConnector](c) {
		certificate(s.TLS.Certificate)
	}
	return out
}

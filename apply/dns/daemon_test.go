package dns

import (
	"testing"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
)

// contosoZone is contoso as a real server serves it.
func contosoZone() daemon.Zone {
	return daemon.Zone{Name: "contoso.com", Text: contoso, Key: keyName, Secret: secret}
}

func TestNamed(t *testing.T) {
	testCases(t, func(t *testing.T) *world { return newWorld(t, daemon.Named(t, contosoZone()).Addr) })
}

func TestKnot(t *testing.T) {
	testCases(t, func(t *testing.T) *world { return newWorld(t, daemon.Knotd(t, contosoZone()).Addr) })
}

package main

import (
	"net"
	"net/netip"
	"runtime"
	"testing"

	"github.com/mailrelay/mailrelay/apply/relay/deliver"
)

// TestSourceAddress holds that the real world heeds the source_address of a send
// connector.
func TestSourceAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8 on loopback")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	from := netip.MustParseAddr("127.0.0.2")
	c, err := realWorld().dial(deliver.WithSource(t.Context(), from), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := netip.MustParseAddrPort(c.LocalAddr().String()).Addr(); got != from {
		t.Errorf("it connects from %s, not %s", got, from)
	}
}

package revision

import (
	"encoding/json"
	"testing"

	"github.com/mailrelay/mailrelay/schema"
)

// TestOlder holds that what an older version stored, which did not know an
// attribute, is read.
func TestOlder(t *testing.T) {
	c, err := Config([]Object{{Addr: schema.Addr{Type: "zone", Name: "contoso"},
		Value: json.RawMessage(`{"allow":null,"name":"contoso.com","servers":null,"update":{"manual":{},"rfc2136":null}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	if z := schema.At[*schema.Zone](c, schema.Addr{Type: "zone", Name: "contoso"}); z == nil || z.File != "" || !z.Manual() {
		t.Errorf("got %+v", z)
	}
}

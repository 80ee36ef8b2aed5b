package apply

import (
	"strings"
	"testing"
)

// TestZoneIsRecorded changes how a zone is written while nothing else is to do, and
// then takes all of it out: the removal goes the way that was said last.
func TestZoneIsRecorded(t *testing.T) {
	srv := startDNS(t)
	s := newSite(t, t.TempDir())
	s.write(strings.Replace(first, `"key."`, `"unknown."`, 1), srv.Addr())
	s.apply(s.plan()) // adopts, and writes nothing
	s.write(first, srv.Addr())
	s.apply(s.plan())
	s.write("", srv.Addr())
	s.apply(s.plan())
	if got := records(srv); strings.Contains(got, "192.0.2.9") {
		t.Errorf("the zone has %s", got)
	}
}

package main

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
)

// TestPostgresScripts runs testdata/postgres/*.txtar in the world of TestScripts.
// Each has a state of its own in PostgreSQL, at $PG, whose password is $PGPASSWORD;
// $PG_SECRET is the same address with its password. $NOBODY is one where no server
// is.
func TestPostgresScripts(t *testing.T) {
	db := daemon.NewPostgres(t)
	params := scripts("testdata/postgres")
	world := params.Setup
	var n atomic.Int64
	params.Setup = func(e *testscript.Env) error {
		own := fmt.Sprintf("&search_path=script%d", n.Add(1))
		e.Setenv("PG", db.URL("postgres", "", "postgres")+own)
		e.Setenv("PG_SECRET", db.Super()+own)
		e.Setenv("PGPASSWORD", db.Password)
		e.Setenv("NOBODY", fmt.Sprintf("postgres://ann:secret@127.0.0.1:%d/mail", daemon.FreePort(t)))
		return world(e)
	}
	testscript.Run(t, params)
}

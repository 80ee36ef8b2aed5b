package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/sandbox"
	"github.com/mailrelay/mailrelay/cmd/mailrelay/internal/ui"
	"github.com/mailrelay/mailrelay/schema"
)

// TestPlanReadsNoSecret plans configurations that name secrets, without any: as for
// a pull request of a fork, which has no credentials.
func TestPlanReadsNoSecret(t *testing.T) {
	for _, example := range []string{"coexistence", "cutover"} {
		dir := filepath.Join("..", "..", "examples", example)
		none := func(string) (string, bool) { return "", false }
		a := &app{ui: ui.New(nil, io.Discard, os.Stderr, none), env: none, world: realWorld(), dir: dir, state: "none"}
		config, err := a.load()
		if err != nil {
			t.Fatal(err)
		}
		w, err := sandbox.New(filepath.Join(dir, "sandbox"), config)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		a.enter(w)
		a.world.secret = func(string) func(schema.Secret) ([]byte, error) {
			return func(s schema.Secret) ([]byte, error) {
				t.Errorf("%s: the secret %+v was read", example, s)
				return nil, os.ErrPermission
			}
		}
		p, _, err := a.makePlan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(p.Sets) == 0 || !p.Stateless {
			t.Errorf("%s: the plan writes %d RRsets, want some: the zone has a key", example, len(p.Sets))
		}
	}
}

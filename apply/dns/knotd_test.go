package dns

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// knot is Knot DNS.
func knot() program {
	return program{"knotd", func(t *testing.T, dir string, port int) []string {
		conf := fmt.Sprintf(`
server:
  rundir: %[1]q
  listen: 127.0.0.1@%[2]d
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: %[1]q
log:
  - target: stderr
    any: info
key:
  - id: %[3]q
    algorithm: hmac-sha256
    secret: %[4]q
acl:
  - id: update
    key: %[3]q
    action: update
template:
  - id: default
    storage: %[1]q
zone:
  - domain: contoso.com
    file: contoso.zone
    acl: update
`, dir, port, keyName, secret)
		file := filepath.Join(dir, "knot.conf")
		if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
			t.Fatal(err)
		}
		return []string{"-c", file}
	}, []string{"loaded, serial"}}
}

func TestKnot(t *testing.T) { testCases(t, knot().start) }

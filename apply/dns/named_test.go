package dns

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// bind is BIND's name server.
func bind() program {
	return program{"named", func(t *testing.T, dir string, port int) []string {
		conf := fmt.Sprintf(`
options {
	directory %q;
	pid-file none;
	session-keyfile none;
	listen-on port %d { 127.0.0.1; };
	listen-on-v6 { none; };
	recursion no;
	notify no;
	dnssec-validation no;
	empty-zones-enable no;
};
controls { };
key %q { algorithm hmac-sha256; secret %q; };
zone "contoso.com" { type primary; file "contoso.zone"; allow-update { key %q; }; };
`, dir, port, keyName, secret, keyName)
		file := filepath.Join(dir, "named.conf")
		if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
			t.Fatal(err)
		}
		return []string{"-g", "-n", "1", "-c", file}
	}, []string{"all zones loaded", "running"}}
}

func TestNamed(t *testing.T) { testCases(t, bind().start) }

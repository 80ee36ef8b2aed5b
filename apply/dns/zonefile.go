package dns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/mailrelay/mailrelay/plan"
	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// ZoneFile writes zones by editing their master files in place (RFC 1035, 5). Only
// the lines of what changes are touched, and the serial is raised. The new text is
// read again, and compared with what it has to hold, before it takes the place of
// the old one.
//
// It is a Writer, and may be used for several zones at the same time.
type ZoneFile struct {
	// Dir is where relative paths are.
	Dir string
	// Clock dates serials of the form YYYYMMDDnn. Nil: time.Now.
	Clock func() time.Time
}

// Later implements Later.
func (w *ZoneFile) Later(zone *schema.Zone) string {
	return fmt.Sprintf("the file %s is written; reload zone %s at its name server (rndc reload %[2]s, or knotc zone-reload %[2]s)", w.path(zone), zone.Name)
}

func (w *ZoneFile) path(zone *schema.Zone) string {
	if filepath.IsAbs(zone.File) {
		return zone.File
	}
	return filepath.Join(w.Dir, zone.File)
}

// Write does what Writer asks for. A file that holds the changes already is left
// alone.
func (w *ZoneFile) Write(_ context.Context, zone *schema.Zone, changes []plan.SetChange) error {
	path := w.path(zone)
	if err := w.write(path, zone, changes); err != nil {
		var stale *StaleError
		if errors.As(err, &stale) {
			return fmt.Errorf("%w: so says %s, which may hold what its name server has not loaded yet; reload the zone there, and plan again", err, path)
		}
		return fmt.Errorf("the zone file %s was not changed: %w", path, err)
	}
	return nil
}

func (w *ZoneFile) write(path string, zone *schema.Zone, changes []plan.SetChange) error {
	// A rename would put a file into the place of a link.
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	if _, err := os.Stat(path + ".jnl"); err == nil {
		return errors.New("beside it stands a journal (.jnl), so the name server writes this zone itself and would undo what is written here: use update \"rfc2136\"")
	}
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	x, err := readIndex(string(old), zone.Name, path)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(x.all, func(r dns.RR) bool { return r.Header().Rrtype == dns.TypeRRSIG }) {
		return errors.New("it holds signatures (RRSIG), which an edit would make wrong: name the file that the signer reads")
	}
	for _, c := range changes {
		if err := x.evidence(c); err != nil {
			return err
		}
	}
	clock := w.Clock
	if clock == nil {
		clock = time.Now
	}
	text, err := x.edited(changes, clock())
	if err != nil || text == string(old) {
		return err
	}
	if err := x.check(text, path, changes); err != nil {
		return err
	}
	return replaceFile(path, old, []byte(text))
}

// evidence reports, as *StaleError, an RRset that is neither what the plan saw nor
// what it wants.
func (x *index) evidence(c plan.SetChange) error {
	found, err := x.set(c.Key)
	if err != nil {
		return err
	}
	if rr.Equal(found, c.Before) || rr.Equal(found, c.After) || found == nil && x.wildcard(c) {
		return nil
	}
	return &StaleError{c.Key, c.Before, found}
}

// wildcard reports whether what the plan saw is what a wildcard of the file makes.
func (x *index) wildcard(c plan.SetChange) bool {
	for name := c.Key.Name; name != x.zone && c.Before != nil; {
		next, end := dns.NextLabel(name, 0)
		if end {
			return false
		}
		name = name[next:]
		if s, err := x.set(rr.Key{Name: "*." + name, Type: c.Key.Type}); err == nil && s != nil {
			s.Name = c.Key.Name
			return rr.Equal(s, c.Before)
		}
	}
	return false
}

// check reads the new text, and compares all that it holds with what was there and
// what was to change: nothing else may be other than it was.
func (x *index) check(text, path string, changes []plan.SetChange) error {
	y, err := readIndex(text, x.zone, path)
	if err != nil {
		return fmt.Errorf("what would have been written cannot be read: %w", err)
	}
	changed := map[rr.Key]bool{}
	for _, c := range changes {
		changed[c.Key] = true
		found, err := y.set(c.Key)
		if err == nil && !rr.Equal(found, c.After) {
			err = fmt.Errorf("%s would have been %s and not %s", c.Key, Describe(found), Describe(c.After))
		}
		if err != nil {
			return err
		}
	}
	if was, is := x.others(changed), y.others(changed); !slices.Equal(was, is) {
		return errors.New("the edit would have changed other records too; please report that, with the file")
	}
	return nil
}

// others are the records that are none of these RRsets, in one order. The serial
// does not count.
func (x *index) others(changed map[rr.Key]bool) []string {
	var out []string
	for _, r := range x.all {
		if changed[rr.Key{Name: strings.ToLower(r.Header().Name), Type: rr.TypeOf(r)}] {
			continue
		}
		if soa, ok := r.(*dns.SOA); ok {
			soa = dns.Copy(soa).(*dns.SOA)
			soa.Serial = 0
			r = soa
		}
		out = append(out, canonical(r))
	}
	slices.Sort(out)
	return out
}

// replaceFile puts text into the place of old, whole or not at all, with the mode
// that the file had. It refuses if the file is not old any more.
func replaceFile(path string, old, text []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after the rename, and nothing is left then
	_, err = f.Write(text)
	if err == nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if err == nil {
		keepOwner(f, info)
		err = f.Sync() // the text must be on disk before the name leads to it
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, old) {
		return errors.Join(err, errors.New("somebody else has just changed it; plan again"))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes a rename last. Windows has no such call, and does it by itself.
func syncDir(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

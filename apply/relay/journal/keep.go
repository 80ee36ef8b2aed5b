package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// closedAt is when a file was closed, as its name has it, in UTC: the names sort
// by it.
const closedAt = "2006-01-02T15-04-05.000"

// setAside gives the file of that name one with the time. Of two at one time the
// second has a later name: no file takes the place of another.
func setAside(name string, now time.Time) error {
	stem, ext := cutExt(name)
	for {
		aside := stem + "-" + now.UTC().Format(closedAt) + ext
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			return os.Rename(name, aside)
		} else if err != nil {
			return err
		}
		now = now.Add(time.Millisecond)
	}
}

func cutExt(name string) (stem, ext string) {
	ext = filepath.Ext(name)
	return strings.TrimSuffix(name, ext), ext
}

// keep says which closed files stay.
type keep struct {
	age   time.Duration // 0: however old
	files int           // 0: however many
}

// sweep deletes the closed files of name that do not stay. What cannot be deleted
// is tried again when the next file is closed.
func (k keep) sweep(name string, now time.Time) {
	if k.age <= 0 && k.files <= 0 {
		return
	}
	entries, err := os.ReadDir(filepath.Dir(name))
	if err != nil {
		return
	}
	stem, ext := cutExt(filepath.Base(name))
	n := 0
	for _, e := range slices.Backward(entries) { // the newest first
		text, ok := strings.CutPrefix(e.Name(), stem+"-")
		text, suffix := strings.CutSuffix(text, ext)
		at, err := time.Parse(closedAt, text)
		if !ok || !suffix || err != nil || !e.Type().IsRegular() {
			continue // not one of ours
		}
		n++
		if k.files > 0 && n > k.files || k.age > 0 && now.Sub(at) > k.age {
			_ = os.Remove(filepath.Join(filepath.Dir(name), e.Name()))
		}
	}
}

package schema

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
)

// Duration is a length of time between min and max, written as in Go ("15m",
// "1h30m") or in days ("7d").
func Duration(low, high time.Duration) Kind {
	what := fmt.Sprintf("a duration from %s to %s, like \"15m\", \"48h\" or \"7d\"", FormatDuration(low), FormatDuration(high))
	return scalar{what, func(s string) (string, error) {
		d, err := ParseDuration(s)
		if err != nil {
			return "", err
		}
		if d < low || d > high {
			return "", fmt.Errorf("%q is out of range: write %s", s, what)
		}
		return FormatDuration(d), nil
	}}
}

// maxDays is the longest duration in days, a little less than Go can hold.
const maxDays = 100_000

// ParseDuration reads a duration of Go's form, or whole days ("7d").
func ParseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 63); err == nil {
			if n > maxDays {
				return 0, fmt.Errorf("%q is out of range: no duration is longer than %dd", s, maxDays)
			}
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration: write \"15m\", \"48h\" or \"7d\"", s)
	}
	return d, nil
}

// FormatDuration writes d as ParseDuration reads it, without units that are zero.
func FormatDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Size is an amount of bytes between low and high: a number, or with a unit
// ("10MiB" of 1,048,576 bytes each, "2048KB" of 1,000 each).
func Size(low, high int64) Kind {
	what := fmt.Sprintf("a size from %s to %s, like \"10MiB\", \"2048KB\" or bytes", FormatSize(low), FormatSize(high))
	return scalar{what, func(s string) (string, error) {
		n, err := ParseSize(s)
		if err != nil {
			return "", err
		}
		if n < low || n > high {
			return "", fmt.Errorf("%q is out of range: write %s", s, what)
		}
		return FormatSize(n), nil
	}}
}

// ParseSize reads an amount of bytes.
func ParseSize(s string) (int64, error) {
	n, err := humanize.ParseBytes(s)
	if err == nil && n > 1<<62 {
		return 0, fmt.Errorf("%q is out of range: nothing is that large", s)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is not a size: write \"10MiB\", \"2048KB\" or a number of bytes", s)
	}
	return int64(n), nil
}

// FormatSize writes n bytes as ParseSize reads it, exactly.
func FormatSize(n int64) string {
	for _, u := range []struct {
		name string
		size int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n >= u.size && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// Date is a day of the calendar, UTC: "2027-06-30".
func Date() Kind {
	return scalar{`a date like "2027-06-30"`, func(s string) (string, error) {
		if _, err := time.Parse(time.DateOnly, s); err != nil {
			return "", fmt.Errorf("%q is not a date: write it like \"2027-06-30\"", s)
		}
		return s, nil
	}}
}

// Path is the name of a file. With abs it must be absolute, because the relay
// that reads it has no configuration directory.
func Path(abs bool) Kind {
	what := "the path of a file"
	if abs {
		what = "the absolute path of a file"
	}
	return scalar{what, func(s string) (string, error) {
		switch {
		case s == "":
			return "", fmt.Errorf("the path is empty: write %s", what)
		case strings.ContainsRune(s, 0):
			return "", fmt.Errorf("a path holds no zero byte")
		case abs && !absolute(s):
			return "", fmt.Errorf("the relay reads %q itself and has no configuration directory: write an absolute path", s)
		}
		return s, nil
	}}
}

// absolute reports whether p is absolute on Unix or on Windows, whichever system
// reads the configuration.
func absolute(p string) bool {
	drive := len(p) > 2 && p[1] == ':' && (p[2] == '\\' || p[2] == '/')
	return path.IsAbs(p) || drive || strings.HasPrefix(p, `\\`)
}

package deliver

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stsMost bounds max_age: a year (RFC 8461, 3.2).
const stsMost = 31557600

// stsPolicy is what a domain publishes about the hosts that take its mail (RFC
// 8461, 3.2).
type stsPolicy struct {
	mode string // enforce, testing, none
	mx   []string
	age  time.Duration
}

// parsePolicy reads a policy. Of a key that is given twice the first counts, but
// for mx; unknown keys are for later versions.
func parsePolicy(text string) (stsPolicy, error) {
	var p stsPolicy
	seen := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n \t")
		if line == "" {
			continue
		}
		key, value, ok := strings.Cut(line, ":")
		if !ok {
			return p, fmt.Errorf("%.60q is not a line of a policy", line)
		}
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if key == "mx" {
			p.mx = append(p.mx, strings.ToLower(strings.TrimSuffix(value, ".")))
		} else if _, ok := seen[key]; !ok {
			seen[key] = value
		}
	}
	if seen["version"] != "STSv1" {
		return p, errors.New("the version of the policy is not STSv1")
	}
	if p.mode = seen["mode"]; !slices.Contains([]string{"enforce", "testing", "none"}, p.mode) {
		return p, fmt.Errorf("the mode of the policy is %.20q", p.mode)
	}
	n, err := strconv.ParseUint(seen["max_age"], 10, 64)
	if err != nil {
		return p, fmt.Errorf("the max_age of the policy is %.20q", seen["max_age"])
	}
	p.age = time.Duration(min(n, stsMost)) * time.Second
	if len(p.mx) == 0 && p.mode != "none" {
		return p, errors.New("the policy names no mx")
	}
	return p, nil
}

// allows reports whether a host may take mail: *.example.com stands for names of
// one more label (RFC 8461, 4.1).
func (p stsPolicy) allows(host string) bool {
	return slices.ContainsFunc(p.mx, func(pattern string) bool {
		if suffix, ok := strings.CutPrefix(pattern, "*."); ok {
			_, rest, ok := strings.Cut(host, ".")
			return ok && strings.EqualFold(rest, suffix)
		}
		return strings.EqualFold(host, pattern)
	})
}

// policyID finds the id of the policy among the TXT records of _mta-sts. It is
// empty unless there is exactly one (RFC 8461, 3.1).
func policyID(records []string) string {
	id, n := "", 0
	for _, r := range records {
		if !strings.HasPrefix(r, "v=STSv1;") {
			continue
		}
		n++
		for field := range strings.SplitSeq(r, ";") {
			if key, value, ok := strings.Cut(strings.TrimSpace(field), "="); ok && key == "id" {
				id = value
			}
		}
	}
	if n != 1 {
		return ""
	}
	return id
}

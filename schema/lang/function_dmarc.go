package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// dmarcFunc writes a DMARC record (RFC 7489, 6.3).
func dmarcFunc() function.Function {
	return objectFunc("Writes a DMARC record (RFC 7489) of an object with the keys policy and subdomain_policy (none, quarantine or reject), percent, rua and ruf (lists of mail addresses), adkim and aspf (relaxed or strict), failure_options (a list of 0, 1, d and s) and report_interval (seconds). Only policy must be given.",
		"{policy = \"none\", rua = [\"dmarc@contoso.com\"]}", dmarc)
}

// dmarcTag is a key of the object and how its value is written.
type dmarcTag struct {
	key, tag string
	value    func(policy map[string]cty.Value, key string) (string, error)
}

// dmarcTags are in the order of RFC 7489, 6.4, which wants p behind v; what
// receivers look at first comes next.
func dmarcTags() []dmarcTag {
	action := oneWord(map[string]string{"none": "none", "quarantine": "quarantine", "reject": "reject"})
	alignment := oneWord(map[string]string{"relaxed": "r", "r": "r", "strict": "s", "s": "s"})
	return []dmarcTag{
		{"policy", "p", action},
		{"subdomain_policy", "sp", action},
		{"adkim", "adkim", alignment},
		{"aspf", "aspf", alignment},
		{"percent", "pct", numeral(0, 100)},
		{"failure_options", "fo", failureOptions},
		{"report_interval", "ri", numeral(0, 1<<32-1)},
		{"rua", "rua", reportAddresses},
		{"ruf", "ruf", reportAddresses},
	}
}

func dmarc(policy map[string]cty.Value) (string, error) {
	tags := dmarcTags()
	var keys []string
	for _, t := range tags {
		keys = append(keys, t.key)
	}
	if err := onlyKeys(policy, "DMARC", keys); err != nil {
		return "", err
	}
	if !has(policy, "policy") {
		return "", fmt.Errorf("policy is missing: write policy = \"none\", \"quarantine\" or \"reject\"")
	}
	terms := []string{"v=DMARC1"}
	for _, t := range tags {
		if !has(policy, t.key) {
			continue
		}
		text, err := t.value(policy, t.key)
		if err != nil {
			return "", err
		}
		if text != "" {
			terms = append(terms, t.tag+"="+text)
		}
	}
	return strings.Join(terms, "; "), nil
}

// oneWord takes one of the words and writes what it stands for.
func oneWord(words map[string]string) func(map[string]cty.Value, string) (string, error) {
	var long []string // those that messages name
	for w := range words {
		if len(w) > 1 {
			long = append(long, w)
		}
	}
	slices.Sort(long)
	return func(policy map[string]cty.Value, key string) (string, error) {
		word, err := wordOf(policy, key)
		if err != nil {
			return "", err
		}
		text, ok := words[strings.ToLower(word)]
		if !ok {
			return "", fmt.Errorf("%s cannot be %q: write one of %s", key, word, nearest(word, long))
		}
		return text, nil
	}
}

func numeral(low, high int64) func(map[string]cty.Value, string) (string, error) {
	return func(policy map[string]cty.Value, key string) (string, error) {
		n, err := numberOf(policy, key, low, high)
		return fmt.Sprint(n), err
	}
}

// failureOptions say of which failures reports are wanted (RFC 7489, 6.3, fo).
func failureOptions(policy map[string]cty.Value, key string) (string, error) {
	words, err := wordsOf(policy, key)
	if err != nil {
		return "", err
	}
	for _, w := range words {
		if !slices.Contains([]string{"0", "1", "d", "s"}, w) {
			return "", fmt.Errorf("%s cannot hold %q: write some of 0, 1, d, s", key, w)
		}
	}
	return strings.Join(words, ":"), nil
}

// reportAddresses are where reports go, each a URI. Receivers send to mailto
// alone, whatever else RFC 7489 allows.
func reportAddresses(policy map[string]cty.Value, key string) (string, error) {
	words, err := wordsOf(policy, key)
	if err != nil {
		return "", err
	}
	for i, w := range words {
		// A size limit may stand behind the address (RFC 7489, 6.2): mailto:a@b!10m.
		address, limit, limited := cutLimit(w)
		if words[i], err = mailURI(address); err != nil {
			return "", fmt.Errorf("%s: %w", key, err)
		}
		if limited {
			words[i] += "!" + limit
		}
	}
	return strings.Join(words, ","), nil
}

// cutLimit cuts the size limit off a DMARC URI: digits and perhaps a unit behind
// the last exclamation mark.
func cutLimit(uri string) (address, limit string, ok bool) {
	i := strings.LastIndexByte(uri, '!')
	if i < 0 || i < strings.LastIndexByte(uri, '@') {
		return uri, "", false
	}
	digits := strings.TrimRight(uri[i+1:], "kmgtKMGT")
	if digits == "" || len(uri)-i-1-len(digits) > 1 || strings.Trim(digits, "0123456789") != "" {
		return uri, "", false
	}
	return uri[:i], uri[i+1:], true
}

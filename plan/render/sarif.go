package render

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"

	"github.com/mailrelay/mailrelay/plan/check"
)

// The parts of SARIF 2.1.0 (OASIS Standard) that findings need.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Invocations []sarifInvocation `json:"invocations"`
		Columns     string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string       `json:"id"`
		Name    string       `json:"name"`
		Short   sarifMessage `json:"shortDescription"`
		Full    sarifMessage `json:"fullDescription"`
		Help    sarifMessage `json:"help"`
		Default sarifLevel   `json:"defaultConfiguration"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifMessage struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifInvocation struct {
		OK            bool          `json:"executionSuccessful"`
		Notifications []sarifNotice `json:"toolExecutionNotifications,omitempty"`
	}
	sarifNotice struct {
		Level   string       `json:"level"`
		Message sarifMessage `json:"message"`
	}
	sarifResult struct {
		Rule         string             `json:"ruleId"`
		Index        int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifMessage       `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical  `json:"physicalLocation"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId"`
	}
	sarifRegion struct {
		Line int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
	sarifSuppression struct {
		Kind   string `json:"kind"`
		Reason string `json:"justification"`
	}
)

// SARIF writes findings for code scanning: a rule for each code that is found, with
// its page of plan/check as help, and a result for each finding, the gravest first.
// What is accepted is suppressed, with the reason. With too little room the least
// grave are left out.
func SARIF(w io.Writer, found []check.Finding, o Options) error {
	found = slices.Clone(found)
	check.Sort(found)
	return o.fit(w, len(found), func(b *bytes.Buffer, n int) error {
		e := json.NewEncoder(b)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(sarif(found[:n], len(found)-n, o))
	})
}

func sarif(found []check.Finding, left int, o Options) sarifLog {
	run := sarifRun{
		Tool:        sarifTool{sarifDriver{Name: "mailrelay", Version: o.Version, Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{{OK: true}}, Columns: "utf16CodeUnits", Results: []sarifResult{},
	}
	if left > 0 {
		run.Invocations[0].Notifications = []sarifNotice{{"warning", sarifMessage{Text: count(left, "finding") + " left out for want of room; -max-bytes says how much there is"}}}
	}
	rules := map[string]int{}
	pages := check.Pages()
	for _, f := range found {
		if _, ok := rules[f.Code]; !ok {
			rules[f.Code] = len(run.Tool.Driver.Rules)
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule(f, pages))
		}
		r := sarifResult{
			Rule: f.Code, Index: rules[f.Code], Level: f.Severity, // its severities have the names of SARIF's levels
			Message:   sarifMessage{Text: literal(fmt.Sprintf("%s: %s", f.Summary, f.Detail))},
			Locations: []sarifLocation{o.location(f)}, Fingerprints: map[string]string{"primaryLocationLineHash": fingerprint(f)},
		}
		if f.Allowed != "" {
			r.Suppressions = []sarifSuppression{{"inSource", f.Allowed}}
		}
		run.Results = append(run.Results, r)
	}
	return sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}
}

func rule(f check.Finding, pages []check.Page) sarifRule {
	page := check.Page{Code: f.Code, Title: f.Summary, Text: f.Summary} // of a code that another version has
	if i, ok := slices.BinarySearchFunc(pages, f.Code, func(p check.Page, code string) int { return cmp.Compare(p.Code, code) }); ok {
		page = pages[i]
	}
	return sarifRule{
		ID: f.Code, Name: f.Code, Short: sarifMessage{Text: page.Title}, Full: sarifMessage{Text: page.Title},
		Help: sarifMessage{Text: page.Text, Markdown: page.Text}, Default: sarifLevel{f.Severity},
	}
}

// location is where f was declared, or the folder: code scanning of GitHub wants
// a place for every result.
func (o Options) location(f check.Finding) sarifLocation {
	var l sarifLocation
	file, line := o.place(f.Decl)
	if file == "" {
		file = path.Join(o.Folder, ".")
	} else {
		l.Physical.Region = &sarifRegion{line}
	}
	l.Physical.Artifact = sarifArtifact{uri(file), "%SRCROOT%"}
	if !f.Addr.IsZero() {
		l.Logical = []sarifLogical{{f.Addr.String(), "resource"}}
	}
	return l
}

// fingerprint is the same for what is found again, wherever it stands then.
func fingerprint(f check.Finding) string {
	sum := sha256.Sum256([]byte(f.Code + " " + f.Addr.String() + " " + f.Summary))
	return hex.EncodeToString(sum[:8]) + ":1"
}

// literal is a message in which nothing is a placeholder (SARIF 3.11.5). Other
// braces stay as they are, since few readers take them for doubled ones.
func literal(s string) string {
	return regexp.MustCompile(`\{(\d+)\}`).ReplaceAllString(s, "{{$1}}")
}

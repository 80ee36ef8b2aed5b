package check

import (
	_ "embed"
	"regexp"
	"strings"
)

//go:embed README.md
var readme string

// Page is what the README beside this file says about the findings of one code.
type Page struct {
	Code  string // "MR101"
	Title string // a phrase
	Text  string // Markdown: what, why, how to fix
}

// Pages gives the page of every code, sorted by code.
func Pages() []Page {
	heading := regexp.MustCompile(`(?m)^## (MR\d{3}) (.*?)(?: \([^()]*\))?$`)
	at := heading.FindAllStringSubmatchIndex(readme, -1)
	var out []Page
	for i, m := range at {
		end := len(readme)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		out = append(out, Page{Code: readme[m[2]:m[3]], Title: readme[m[4]:m[5]], Text: strings.TrimSpace(readme[m[1]:end])})
	}
	return out
}

package render

import (
	"fmt"
	"html"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// visible is s in one line, in which nothing is hidden: what breaks lines, turns the
// direction of text round or has no width stands as its number.
func visible(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(" ")
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\ufffd"):
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Zl, r), unicode.Is(unicode.Zp, r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// code is a value as a code span of Markdown (CommonMark 6.1), from which nothing in
// it can break out.
func code(s string) string {
	s = visible(s)
	if strings.TrimSpace(s) == "" {
		s = `"` + s + `"` // a span of spaces is not shown as one
	}
	ticks := strings.Repeat("`", longest(s, '`')+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.HasPrefix(s, " ") && strings.HasSuffix(s, " ") {
		s = " " + s + " "
	}
	return ticks + s + ticks
}

// longest is the length of the longest run of c in s.
func longest(s string, c rune) int {
	most, run := 0, 0
	for _, r := range s {
		if run++; r != c {
			run = 0
		}
		most = max(most, run)
	}
	return most
}

// fence is text as a fenced block of Markdown (CommonMark 4.5).
func fence(language, text string) string {
	ticks := strings.Repeat("`", max(3, longest(text, '`')+1))
	return ticks + language + "\n" + strings.TrimRight(text, "\n") + "\n" + ticks + "\n"
}

// element is text inside an HTML element that Markdown does not look into: in one
// line, since an empty one would end it.
func element(s string) string { return html.EscapeString(visible(s)) }

// words are the patterns by which sentences are cut.
type words struct{ part, word, number, tail *regexp.Regexp }

func newWords() words {
	return words{
		// A block or an assignment as in the language, a command, what is quoted, a word.
		part:   regexp.MustCompile(`[a-z_]+ (?:"[^"]*" )?\{[^{}]*\}|[a-z_]+ = \S*[^\s.,;:)]|mailrelay [a-z]+(?: -\S*[^\s.,;:)])*|"[^"]*"|\S+|\s+`),
		word:   regexp.MustCompile(`^(?:\(?\pL[\pL\pN]*(?:[-'’][\pL\pN]+)*[.,;:!?)]*|\pN[\pL\pN]*(?:-[\pL\pN]+)*[,;:!?]*|[.,;:!?)]+)$`),
		number: regexp.MustCompile(`^\(?\pN+[.,;:!?)]*$`),
		tail:   regexp.MustCompile(`(?:'s)?[,;:!?)]*$`),
	}
}

// prose is a sentence as Markdown. What is no word of a language stands as code: no
// name becomes a link, a mention or an emphasis.
func (w words) prose(s string) string {
	s = strings.TrimSpace(visible(strings.ReplaceAll(s, "\n", " ")))
	if s == "" {
		return code("")
	}
	var b strings.Builder
	for _, p := range w.part.FindAllString(s, -1) {
		switch {
		case strings.TrimSpace(p) == "" || w.word.MatchString(p), b.Len() > 0 && w.number.MatchString(p): // "1." begins a list
			b.WriteString(p)
			continue
		case len(p) > 2 && p[0] == '"' && p[len(p)-1] == '"':
			b.WriteString(code(p[1 : len(p)-1]))
			continue
		}
		before, after := "", w.tail.FindString(p)
		if strings.Contains(p, " ") || strings.LastIndexByte(p, '(') > 0 {
			after = ""
		}
		if p = strings.TrimSuffix(p, after); len(p) > 1 && p[0] == '(' {
			before, p = "(", p[1:]
		}
		b.WriteString(before + code(p) + after)
	}
	return b.String()
}

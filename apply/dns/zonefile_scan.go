package dns

import (
	"errors"
	"fmt"
	"strings"
)

// token is one word of a master file, quotes included.
type token struct{ start, end int }

// entry is one logical line of a master file (RFC 1035, 5.1), which parentheses may
// spread over several.
type entry struct {
	start, end int // bytes in the file, with the line ending
	tokens     []token
	record
}

// scan cuts a master file into entries. It knows words, quotes, escapes, comments
// and parentheses, and nothing of what they mean.
func scan(text string) ([]entry, error) {
	var out []entry
	cur, depth := entry{}, 0
	for i := 0; i < len(text); {
		switch c := text[i]; c {
		case '\n':
			i++
			if depth == 0 {
				cur.end = i
				out, cur = append(out, cur), entry{start: i}
			}
		case ' ', '\t', '\r':
			i++
		case ';':
			for i < len(text) && text[i] != '\n' {
				i++
			}
		case '(':
			depth++
			i++
		case ')':
			if depth--; depth < 0 {
				return nil, fmt.Errorf("line %d closes a parenthesis that was not opened", line(text, i))
			}
			i++
		default:
			end, err := word(text, i)
			if err != nil {
				return nil, err
			}
			cur.tokens = append(cur.tokens, token{i, end})
			i = end
		}
	}
	if depth > 0 {
		return nil, errors.New("a parenthesis is not closed at its end")
	}
	if cur.end = len(text); cur.start < cur.end {
		out = append(out, cur)
	}
	return out, nil
}

// word gives the end of the word that begins at i.
func word(text string, i int) (int, error) {
	quoted := text[i] == '"'
	j := i
	if quoted {
		j++
	}
	for j < len(text) && text[j] != '\n' {
		switch c := text[j]; {
		case c == '\\' && j+1 < len(text) && text[j+1] != '\n':
			j++ // what follows is taken as it is
		case quoted && c == '"':
			return j + 1, nil
		case !quoted && strings.IndexByte(" \t\r;()\"", c) >= 0:
			return j, nil
		}
		j++
	}
	if quoted {
		return 0, fmt.Errorf("a quote in line %d is not closed in it", line(text, i))
	}
	return j, nil
}

// line is the number of the line at the byte i.
func line(text string, i int) int { return 1 + strings.Count(text[:i], "\n") }

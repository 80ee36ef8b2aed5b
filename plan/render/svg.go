package render

import (
	"fmt"
	"html/template"
	"strings"
)

// Sizes of a drawing in its own units, of which a phone shows one as about a pixel.
// A letter is as wide as those of common monospaced fonts.
const (
	svgWidth  = 360
	svgBox    = 150
	svgPad    = 8
	svgLine   = 14
	svgGap    = 10
	svgLetter = 6.7
)

// svg draws d: on the left who sends, on the right who receives, first what comes
// in and then what goes out. name makes ids unique on a page.
func (d drawing) svg(name, title string) template.HTML {
	var b strings.Builder
	y := 0
	band := func(title string, ways []way, sharedRight bool) {
		if len(ways) == 0 {
			return
		}
		y += 16
		fmt.Fprintf(&b, `<text class="band" x="0" y="%d">%s</text>`, y, element(title))
		y += svgGap
		for len(ways) > 0 {
			n := 1
			for n < len(ways) && shared(ways[n], sharedRight).Title == shared(ways[0], sharedRight).Title {
				n++
			}
			y = group(&b, y, ways[:n], sharedRight, d.marks) + svgGap
			ways = ways[n:]
		}
	}
	band("Mail comes in", d.In, true)
	band("Mail goes out", d.Out, false)
	if d.Left > 0 {
		y += 16
		fmt.Fprintf(&b, `<text class="what" x="0" y="%d">and %s more</text>`, y, count(d.Left, "way"))
		y += svgGap
	}
	return template.HTML(fmt.Sprintf(`<svg class="flow" viewBox="-2 0 %d %d" role="img" aria-labelledby="%s-title %s-desc"><title id="%s-title">%s</title><desc id="%s-desc">%s</desc>%s</svg>`,
		svgWidth+4, y+2, name, name, name, element(title), name, element(d.words()), b.String()))
}

// shared is the box of w in which other arrows end or begin too.
func shared(w way, right bool) box {
	if right {
		return w.To
	}
	return w.From
}

// group draws ways that share a box from y on, and gives where they end.
func group(b *strings.Builder, y int, ways []way, sharedRight bool, marks map[string]mark) int {
	const right = svgWidth - svgBox
	ownX, sharedX := 0, right
	if !sharedRight {
		ownX, sharedX = right, 0
	}
	big := lettering(shared(ways[0], sharedRight), nil)
	heights := make([]int, len(ways))
	total := -svgGap
	for i, w := range ways {
		heights[i] = lettering(own(w, sharedRight), w.What).height()
		total += heights[i] + svgGap
	}
	if more := big.height() - total; more > 0 {
		heights[len(ways)-1] += more
		total += more
	}
	big.draw(b, sharedX, y, total, marks[shared(ways[0], sharedRight).Title])
	for i, w := range ways {
		lettering(own(w, sharedRight), w.What).draw(b, ownX, y, heights[i], w.Mark)
		middle := y + heights[i]/2
		fmt.Fprintf(b, `<path class="arrow %s" d="M%d %dH%d"/><path class="head %s" d="M%d %dl-8 -4v8z"/>`, w.Mark, svgBox, middle, right-8, w.Mark, right, middle)
		if w.Mark != "" {
			fmt.Fprintf(b, `<text class="mark" text-anchor="middle" x="%d" y="%d">%s</text>`, svgWidth/2-4, middle-5, w.Mark)
		}
		y += heights[i] + svgGap
	}
	return y - svgGap
}

func own(w way, sharedRight bool) box { return shared(w, !sharedRight) }

// letters are the lines of text in a box, the first of them its title.
type letters struct {
	lines []string
	title int // how many are the title
	what  int // from which on they say which mail
}

func lettering(x box, what []string) letters {
	var l letters
	add := func(texts ...string) {
		for _, t := range texts {
			l.lines = append(l.lines, wrap(clip(visible(t), 100), int((svgBox-2*svgPad)/svgLetter))...)
		}
	}
	add(x.Title)
	l.title = len(l.lines)
	add(x.About...)
	l.what = len(l.lines)
	add(what...)
	return l
}

func (l letters) height() int { return 2*svgPad + svgLine*len(l.lines) }

// draw writes the box of that height, and its text.
func (l letters) draw(b *strings.Builder, x, y, height int, m mark) {
	fmt.Fprintf(b, `<rect class="box %s" x="%d" y="%d" width="%d" height="%d" rx="4"/>`, m, x, y, svgBox, height)
	for i, line := range l.lines {
		class := "about"
		switch {
		case i < l.title:
			class = "title"
		case i >= l.what:
			class = "what"
		}
		fmt.Fprintf(b, `<text class="%s" x="%d" y="%d">%s</text>`, class, x+svgPad, y+svgPad+svgLine*i+11, element(line))
	}
}

// wrap cuts s into lines of at most width letters, after a sign that may end a line
// if there is one behind the first third.
func wrap(s string, width int) []string {
	var out []string
	rest := []rune(s)
	for len(rest) > width {
		end := width
		for i := width; i > width/3; i-- {
			if strings.ContainsRune(" .,-/:@_", rest[i-1]) {
				end = i
				break
			}
		}
		out = append(out, strings.TrimSpace(string(rest[:end])))
		rest = rest[end:]
	}
	return append(out, strings.TrimSpace(string(rest)))
}

// words says what is drawn, for those who cannot see it.
func (d drawing) words() string {
	var out []string
	for _, w := range append(append([]way{}, d.In...), d.Out...) {
		s := fmt.Sprintf("From %s to %s: %s", w.From, w.To, strings.Join(w.What, ", "))
		if w.Mark != "" {
			s += fmt.Sprintf(" (%s)", w.Mark)
		}
		out = append(out, s+".")
	}
	return strings.Join(out, " ")
}

func (b box) String() string {
	if len(b.About) == 0 {
		return b.Title
	}
	return b.Title + " (" + strings.Join(b.About, ", ") + ")"
}

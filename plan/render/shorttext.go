package render

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// ShortText writes the text within o.MaxBytes. What is left out are paragraphs from
// the end, but for the closing lines.
func ShortText(w io.Writer, m *Model, s Style, o Options) error {
	var b bytes.Buffer
	if err := Text(&b, m, s); err != nil {
		return err
	}
	text := b.String()
	if o.MaxBytes > 0 && len(text) > o.MaxBytes {
		paragraphs := strings.SplitAfter(text, "\n\n")
		last := len(paragraphs) - 1
		for last > 0 && !closes(paragraphs[last]) {
			last--
		}
		closing := strings.Join(paragraphs[last:], "")
		note := "(%s of text left out for want of room)\n\n"
		head, left := o.whole(paragraphs[:last], len(closing)+len(note)+20)
		text = head + fmt.Sprintf(note, count(left, "paragraph")) + closing
		if len(text) > o.MaxBytes {
			return o.tooSmall()
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

// closes reports whether the paragraph begins the closing lines.
func closes(paragraph string) bool {
	return strings.Contains(paragraph, "Plan:") || strings.Contains(paragraph, "No changes.") || strings.HasPrefix(paragraph, "Nothing ") || strings.Contains(paragraph, " in force.")
}

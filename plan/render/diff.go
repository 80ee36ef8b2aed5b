package render

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	ctyjson "github.com/zclconf/go-cty/cty/json"

	"github.com/mailrelay/mailrelay/schema"
	"reflect"
)

// body writes the attributes of a change: all of what comes or goes, and only
// what differs of what is updated.
func (rc ResourceChange) body(b *bytes.Buffer, s Style, known defaults) {
	before, after := decode(rc.Change.Before), decode(rc.Change.After)
	action := rc.Change.Actions[0]
	fmt.Fprintf(b, "  %s %s {\n", s.symbol(action), rc.header())
	d := differ{b, s}
	switch action {
	case "create":
		d.create("      ", after, known[rc.Type])
	case "delete":
		d.object("      ", "delete", before)
	case "update":
		d.update("      ", before, after)
	default:
		d.object("      ", "no-op", after)
	}
	b.WriteString("    }\n\n")
}

// header is the first line of the block as it stands in a configuration.
func (rc ResourceChange) header() string {
	if rc.Type == "record" && !strings.HasPrefix(rc.Address, "record.") { // of a service, or a proof of ownership
		return "record " + rc.Address
	}
	return fmt.Sprintf("%s \"%s\"", rc.Type, strings.ReplaceAll(rc.Name, ".", `" "`)) // a service has two labels
}

func decode(raw json.RawMessage) map[string]any {
	var out map[string]any
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	_ = d.Decode(&out) // raw is our own JSON: an object, or null
	return out
}

// differ writes attributes with the sign of what happens to them.
type differ struct {
	b *bytes.Buffer
	s Style
}

func (d differ) line(indent, action, format string, args ...any) {
	fmt.Fprintf(d.b, "%s%s %s\n", indent, d.s.symbol(action), fmt.Sprintf(format, args...))
}

// object writes all attributes that are not null.
func (d differ) object(indent, action string, o map[string]any) {
	names := present(o)
	width := widest(names)
	for _, name := range names {
		d.attr(indent, action, fmt.Sprintf("%-*s", width, name), o[name])
	}
}

// create writes what comes, but for what is at its default.
func (d differ) create(indent string, o, defaults map[string]any) {
	said := maps.Clone(o)
	maps.DeleteFunc(said, func(name string, v any) bool {
		def, known := defaults[name]
		return known && v != nil && reflect.DeepEqual(v, def)
	})
	d.object(indent, "create", said)
	if n := len(o) - len(said); n > 0 {
		fmt.Fprintf(d.b, "%s  # (%s at %s)\n", indent, count(n, "attribute"), map[bool]string{true: "its default", false: "their defaults"}[n == 1])
	}
}

// defaults are, by type, the values of a block in which nothing was written.
type defaults map[string]map[string]any

func newDefaults() defaults {
	out := defaults{}
	for _, t := range schema.Types() {
		v := t.Body.Defaults()
		if raw, err := ctyjson.Marshal(v, v.Type()); err == nil && t.Name != "record" { // a record shows what is in DNS
			out[t.Name] = decode(raw)
		}
	}
	return out
}

func (d differ) attr(indent, action, name string, v any) {
	switch v := v.(type) {
	case []any:
		if len(v) == 0 {
			d.line(indent, action, "%s = []", name)
			return
		}
		d.line(indent, action, "%s = [", name)
		for _, e := range v {
			d.line(indent+"    ", action, "%s,", text(e))
		}
		fmt.Fprintf(d.b, "%s  ]\n", indent)
	case map[string]any:
		d.line(indent, action, "%s = {", name)
		d.object(indent+"    ", action, v)
		fmt.Fprintf(d.b, "%s  }\n", indent)
	default:
		d.line(indent, action, "%s = %s", name, text(v))
	}
}

// update writes what differs between two objects, and how much does not.
func (d differ) update(indent string, before, after map[string]any) {
	keys := map[string]any{}
	maps.Copy(keys, before)
	maps.Copy(keys, after)
	var changed []string
	same := 0
	for _, name := range slices.Sorted(maps.Keys(keys)) {
		switch {
		case reflect.DeepEqual(before[name], after[name]):
			if before[name] != nil {
				same++
			}
		default:
			changed = append(changed, name)
		}
	}
	width := widest(changed)
	for _, name := range changed {
		was, is := before[name], after[name]
		padded := fmt.Sprintf("%-*s", width, name)
		oldList, l1 := was.([]any)
		newList, l2 := is.([]any)
		oldMap, m1 := was.(map[string]any)
		newMap, m2 := is.(map[string]any)
		switch {
		case was == nil:
			d.attr(indent, "create", padded, is)
		case is == nil:
			d.attr(indent, "delete", padded, was)
		case l1 && l2:
			d.line(indent, "update", "%s = [", padded)
			d.list(indent+"    ", oldList, newList)
			fmt.Fprintf(d.b, "%s  ]\n", indent)
		case m1 && m2:
			d.line(indent, "update", "%s = {", padded)
			d.update(indent+"    ", oldMap, newMap)
			fmt.Fprintf(d.b, "%s  }\n", indent)
		default:
			d.line(indent, "update", "%s = %s -> %s", padded, text(was), text(is))
		}
	}
	if same > 0 {
		fmt.Fprintf(d.b, "%s  # (%s unchanged)\n", indent, count(same, "attribute"))
	}
}

// list writes elements that stay, go and come.
func (d differ) list(indent string, before, after []any) {
	in := func(list []any, e any) bool {
		return slices.ContainsFunc(list, func(x any) bool { return reflect.DeepEqual(x, e) })
	}
	for _, e := range before {
		if in(after, e) {
			d.line(indent, "no-op", "%s,", text(e))
		} else {
			d.line(indent, "delete", "%s,", text(e))
		}
	}
	for _, e := range after {
		if !in(before, e) {
			d.line(indent, "create", "%s,", text(e))
		}
	}
}

// text writes a value as it stands in a configuration.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return quote(v)
	case map[string]any:
		var parts []string
		for _, k := range present(v) {
			parts = append(parts, k+" = "+text(v[k]))
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case []any:
		var parts []string
		for _, e := range v {
			parts = append(parts, text(e))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprint(v)
}

// quote writes s as JSON does, with < > & as they are.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}

// present lists the keys of o that are not null, sorted.
func present(o map[string]any) []string {
	var out []string
	for k, v := range o {
		if v != nil {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}

func widest(names []string) int {
	w := 0
	for _, n := range names {
		w = max(w, len(n))
	}
	return w
}

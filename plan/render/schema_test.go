package render

import (
	"bytes"
	"encoding"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/mailrelay/mailrelay/schema/rr"
)

// described makes a JSON Schema of Go types: what encoding/json writes of them, with
// the comments of their fields.
type described struct {
	defs map[string]any
	docs map[string]string // by "Type.Field" and "Type"
}

// comments reads those of the types in a folder.
func (d *described) comments(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatal(dir, err)
	}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			decl, ok := n.(*ast.GenDecl)
			if !ok {
				return true
			}
			for _, spec := range decl.Specs {
				s, ok := spec.(*ast.TypeSpec)
				if !ok {
					continue
				}
				name := parsed.Name.Name + "." + s.Name.Name
				d.docs[name] = oneLine(decl.Doc)
				fields, ok := s.Type.(*ast.StructType)
				if !ok {
					continue
				}
				for _, f := range fields.Fields.List {
					text := oneLine(f.Doc)
					if text == "" {
						text = oneLine(f.Comment)
					}
					for _, n := range f.Names {
						d.docs[name+"."+n.Name] = text
					}
				}
			}
			return true
		})
	}
}

func oneLine(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

// enums are the values of fields that are constants.
func enums() map[string][]any {
	return map[string][]any{
		"render.Model.FormatVersion": {FormatVersion},
		"render.Change.Actions":      {"create", "update", "delete", "no-op"}, // of its elements
		"render.Check.Status":        {"pass", "fail", "unknown"},
		"render.ByHand.Do":           {takeOut, enter, changeTTL},
		"render.Verification.State":  {"verified", "unverified"},
		"check.Finding.Severity":     {"error", "warning", "note"},
		"reach.Line.Kind":            {"widened", "narrowed", "rerouted", "resized", "answered"},
	}
}

// of is the schema of a type.
func (d *described) of(t reflect.Type) map[string]any {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t == reflect.TypeFor[[]byte]():
		return map[string]any{"type": []any{"string", "null"}, "contentEncoding": "base64"}
	case t == reflect.TypeFor[json.RawMessage]():
		return map[string]any{"type": []any{"object", "null"}}
	case t.Implements(reflect.TypeFor[encoding.TextMarshaler]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return map[string]any{"type": "string"}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return map[string]any{"anyOf": []any{d.of(t.Elem()), map[string]any{"type": "null"}}}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Int, reflect.Int64, reflect.Int32:
		return map[string]any{"type": "integer"}
	case reflect.Map:
		return map[string]any{"type": []any{"object", "null"}, "additionalProperties": d.of(t.Elem())}
	case reflect.Slice:
		return map[string]any{"type": []any{"array", "null"}, "items": d.of(t.Elem())}
	case reflect.Struct:
		name := t.String()
		if _, ok := d.defs[name]; !ok {
			d.defs[name] = nil // it may hold itself
			d.defs[name] = d.object(t)
		}
		return map[string]any{"$ref": "#/$defs/" + name}
	}
	panic("no schema of " + t.String())
}

func (d *described) object(t reflect.Type) map[string]any {
	properties, required := map[string]any{}, []any{}
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		for i := range t.NumField() {
			f := t.Field(i)
			tag, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if f.Anonymous && tag == "" {
				add(f.Type)
				continue
			}
			if tag == "-" || !f.IsExported() {
				continue
			}
			if tag == "" {
				tag = f.Name
			}
			p := d.of(f.Type)
			key := t.String() + "." + f.Name
			if values := enums()[key]; values != nil && f.Type.Kind() == reflect.Slice {
				p["items"] = map[string]any{"type": "string", "enum": values}
			} else if values != nil {
				p["enum"] = values
			}
			if doc := d.docs[key]; doc != "" {
				p["description"] = doc
			}
			properties[tag] = p
			if !strings.Contains(options, "omit") {
				required = append(required, tag)
			}
		}
	}
	add(t)
	out := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		out["required"] = required
	}
	if doc := d.docs[t.String()]; doc != "" {
		out["description"] = doc
	}
	return out
}

// planSchema is the JSON Schema of a plan file.
func planSchema(t *testing.T) map[string]any {
	d := &described{map[string]any{}, map[string]string{}}
	d.comments(t, ".") // what others say of their types may change without this file
	root := d.object(reflect.TypeFor[Model]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Plan of mailrelay, format " + FormatVersion
	root["$defs"] = d.defs
	return root
}

// validator compiles a schema.
func validator(t *testing.T, schema map[string]any) *jsonschema.Schema {
	t.Helper()
	raw, err := json.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("plan.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("plan.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// closed is the schema without room for what it does not name. That is for tests:
// readers must take what a later version adds.
func closed(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			out[k] = closed(e)
		}
		if _, ok := v["properties"].(map[string]any); ok && v["type"] == "object" {
			out["additionalProperties"] = false
		}
		return out
	case []any:
		var out []any
		for _, e := range v {
			out = append(out, closed(e))
		}
		return out
	}
	return v
}

// TestSchema holds that plan.schema.json describes what is written: it is what
// follows from the types, and real plans keep to it and hold nothing else.
func TestSchema(t *testing.T) {
	schema := planSchema(t)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(schema); err != nil {
		t.Fatal(err)
	}
	golden(t, "../plan.schema.json", b.Bytes())
	s := validator(t, closed(schema).(map[string]any))
	for name, m := range map[string]*Model{
		"full":    model(t, full(t)),
		"cutover": turned(t, coexist, cutover(), rr.NewSet("a.example.", "MX", 300, "10 mx.a.example.")),
		"nothing": turned(t, coexist, coexist),
		"current": current(t),
	} {
		raw, err := m.JSON()
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Validate(doc); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSchemaRefuses holds that the schema says something.
func TestSchemaRefuses(t *testing.T) {
	s := validator(t, planSchema(t))
	raw, err := model(t, full(t)).JSON()
	if err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(map[string]any){
		"version": func(p map[string]any) { p["format_version"] = "9.0" },
		"time":    func(p map[string]any) { p["timestamp"] = "yesterday" },
		"missing": func(p map[string]any) { delete(p, "findings") },
		"action": func(p map[string]any) {
			p["resource_changes"].([]any)[0].(map[string]any)["change"].(map[string]any)["actions"] = []any{"burn"}
		},
		"severity": func(p map[string]any) { p["findings"].([]any)[0].(map[string]any)["severity"] = "fatal" },
	} {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			t.Fatal(err)
		}
		edit(doc.(map[string]any))
		if s.Validate(doc) == nil {
			t.Errorf("%s: a plan that is none passes", name)
		}
	}
}

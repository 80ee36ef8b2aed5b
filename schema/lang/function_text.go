package lang

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// stringFunc is a function of strings that gives a string. The description is for
// the manual.
func stringFunc(description string, f func(args []string) (string, error), params ...string) function.Function {
	spec := &function.Spec{
		Description: description,
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			texts := make([]string, len(args))
			for i, a := range args {
				texts[i] = a.AsString()
			}
			out, err := f(texts)
			if err != nil {
				return cty.NilVal, err
			}
			return cty.StringVal(out), nil
		},
	}
	for _, p := range params {
		spec.Params = append(spec.Params, function.Parameter{Name: p, Type: cty.String})
	}
	return function.New(spec)
}

// affixFunc reports whether a string begins, or ends, with another.
func affixFunc(begin bool) function.Function {
	description := "Reports whether a string ends with another."
	if begin {
		description = "Reports whether a string begins with another."
	}
	return function.New(&function.Spec{
		Description: description,
		Params:      []function.Parameter{{Name: "str", Type: cty.String}, {Name: "affix", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if begin {
				return cty.BoolVal(strings.HasPrefix(args[0].AsString(), args[1].AsString())), nil
			}
			return cty.BoolVal(strings.HasSuffix(args[0].AsString(), args[1].AsString())), nil
		},
	})
}

// replaceFunc replaces every occurrence of a text, or of a regular expression
// that is written between slashes.
func replaceFunc() function.Function {
	return stringFunc("Replaces every occurrence of a text in a string, or of a regular expression that is written between slashes.", func(args []string) (string, error) {
		text, old, with := args[0], args[1], args[2]
		if len(old) > 1 && old[0] == '/' && old[len(old)-1] == '/' {
			re, err := regexp.Compile(old[1 : len(old)-1])
			if err != nil {
				return "", function.NewArgErrorf(1, "%s", err)
			}
			return re.ReplaceAllString(text, with), nil
		}
		return strings.ReplaceAll(text, old, with), nil
	}, "str", "substr", "replace")
}

// indentFunc is stdlib's, with a bound on the number of spaces.
func indentFunc() function.Function {
	return function.New(&function.Spec{
		Description: "Puts a number of spaces before every line of a string but the first.",
		Params:      []function.Parameter{{Name: "spaces", Type: cty.Number}, {Name: "str", Type: cty.String}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if n, _ := args[0].AsBigFloat().Float64(); n < 0 || n > 1000 {
				return cty.NilVal, function.NewArgErrorf(0, "a number from 0 to 1000 is wanted")
			}
			return stdlib.Indent(args[0], args[1])
		},
	})
}

// formatFunc is inner, but for widths and precisions of more than three digits,
// which ask for megabytes of padding.
func formatFunc(description string, inner function.Function) function.Function {
	wide := regexp.MustCompile(`%[-+ #0]*(\[\d+\])?(\d*\.)?\d{4}`)
	return function.New(&function.Spec{
		Description: description,
		Params:      []function.Parameter{{Name: "format", Type: cty.String}},
		VarParam:    &function.Parameter{Name: "args", Type: cty.DynamicPseudoType, AllowNull: true},
		Type: func(args []cty.Value) (cty.Type, error) {
			if f := args[0]; f.IsKnown() && wide.MatchString(f.AsString()) {
				return cty.NilType, function.NewArgErrorf(0, "a width has three digits at most")
			}
			return inner.ReturnTypeForValues(args)
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return inner.Call(args) },
	})
}

func base64EncodeFunc() function.Function {
	return stringFunc("Encodes the UTF-8 bytes of a string in base64.", func(args []string) (string, error) {
		return base64.StdEncoding.EncodeToString([]byte(args[0])), nil
	}, "str")
}

func base64DecodeFunc() function.Function {
	return stringFunc("Decodes base64 that encodes text in UTF-8.", func(args []string) (string, error) {
		raw, err := base64.StdEncoding.DecodeString(args[0])
		if err != nil {
			return "", function.NewArgErrorf(0, "this is not base64")
		}
		if !utf8.Valid(raw) {
			return "", function.NewArgErrorf(0, "what it encodes is not text in UTF-8")
		}
		return string(raw), nil
	}, "str")
}

// hashFunc is a digest of a string, in hex.
func hashFunc(name string, digest func() hash.Hash) function.Function {
	return stringFunc("Gives the "+name+" digest of a string, in hex.", func(args []string) (string, error) {
		h := digest()
		h.Write([]byte(args[0])) // never fails
		return hex.EncodeToString(h.Sum(nil)), nil
	}, "str")
}

func urlEncodeFunc() function.Function {
	return stringFunc("Escapes a string for the query of a URL.", func(args []string) (string, error) {
		return url.QueryEscape(args[0]), nil
	}, "str")
}

// jsonDecodeFunc is stdlib's, but for documents that are nested so deeply that
// reading them would overflow the stack.
func jsonDecodeFunc() function.Function {
	inner := stdlib.JSONDecodeFunc
	shallow := func(v cty.Value) error {
		depth := 0
		if !v.IsKnown() {
			return nil
		}
		for _, c := range []byte(v.AsString()) {
			switch c {
			case '[', '{':
				depth++
			case ']', '}':
				depth--
			}
			if depth > 1000 {
				return function.NewArgErrorf(0, "it is nested more than %d deep", 1000)
			}
		}
		return nil
	}
	return function.New(&function.Spec{
		Description: "Reads a JSON document into the value that it stands for.",
		Params:      []function.Parameter{{Name: "str", Type: cty.String}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := shallow(args[0]); err != nil {
				return cty.NilType, err
			}
			ty, err := inner.ReturnTypeForValues(args)
			if err != nil {
				return ty, fmt.Errorf("this is not JSON: %w", err)
			}
			return ty, nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return inner.Call(args) },
	})
}

package lang

import (
	"math"
	"regexp"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// limited wraps functions so that they spend what they make. Those that can make
// much more than they are given are refused before they do.
func (m *meter) limited(functions map[string]function.Function) map[string]function.Function {
	out := make(map[string]function.Function, len(functions))
	for name, f := range functions {
		if name == "try" || name == "can" { // they evaluate their arguments, which spend
			out[name] = f
			continue
		}
		out[name] = m.limit(f, growthOf(name))
	}
	return out
}

func (m *meter) limit(f function.Function, grows growth) function.Function {
	check := func(args []cty.Value) error {
		for _, a := range args {
			if !a.IsKnown() || a.IsNull() {
				return nil
			}
		}
		if grows == nil {
			return nil
		}
		return m.room(grows(args, m.left))
	}
	var made cty.Value // go-cty asks for the type first: that is where the work is done
	return function.New(&function.Spec{
		Description: f.Description(),
		Params:      f.Params(),
		VarParam:    f.VarParam(),
		Type: func(args []cty.Value) (cty.Type, error) {
			if err := check(args); err != nil {
				return cty.NilType, err
			}
			v, err := f.Call(args)
			if made = v; err != nil {
				return cty.NilType, err
			}
			return v.Type(), nil
		},
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
			return made, m.all(made)
		},
	})
}

// growth estimates from above how many bytes a function makes of args, which are
// known and not null. Nothing above limit needs to be exact.
type growth func(args []cty.Value, limit int64) float64

// growthOf is nil for functions that make about as much as they are given.
func growthOf(name string) growth {
	switch name {
	case "join":
		return joinGrowth
	case "replace":
		return replaceGrowth
	case "format":
		return func(args []cty.Value, limit int64) float64 { return formatGrowth(args, limit, 1) }
	case "formatlist":
		return formatListGrowth
	case "indent":
		return func(args []cty.Value, _ int64) float64 {
			spaces, _ := args[0].AsBigFloat().Float64()
			return spaces*float64(1+strings.Count(args[1].AsString(), "\n")) + text(args[1])
		}
	case "setproduct":
		return func(args []cty.Value, _ int64) float64 {
			n := float64(valueCost * (1 + len(args)))
			for _, a := range args {
				if a.CanIterateElements() {
					n *= float64(a.LengthInt())
				}
			}
			return n
		}
	case "split":
		return func(args []cty.Value, _ int64) float64 {
			return valueCost * float64(1+strings.Count(args[1].AsString(), args[0].AsString()))
		}
	case "regexall":
		return func(args []cty.Value, _ int64) float64 {
			groups := 1 + strings.Count(args[0].AsString(), "(")
			return valueCost * float64(groups) * (1 + text(args[1]))
		}
	case "jsondecode", "csvdecode":
		return func(args []cty.Value, _ int64) float64 { return valueCost / 2 * text(args[0]) }
	case "yamldecode":
		return yamlGrowth
	case "jsonencode", "yamlencode":
		return func(args []cty.Value, limit int64) float64 { return float64(size(args[0], limit)) }
	}
	return nil
}

// text is how many bytes a string has.
func text(v cty.Value) float64 {
	if v.Type() != cty.String || !v.IsKnown() || v.IsNull() {
		return 0
	}
	return float64(len(v.AsString()))
}

func joinGrowth(args []cty.Value, limit int64) float64 {
	n := 0.0
	for _, list := range args[1:] {
		n += float64(size(list, limit)) + text(args[0])*float64(list.LengthInt())
	}
	return n
}

// yamlGrowth takes the aliases of a document for spread over its anchors in the
// worst way, each anchor holding aliases of the one before. What looks like an
// alias inside a text counts too.
func yamlGrowth(args []cty.Value, _ int64) float64 {
	doc := args[0].AsString()
	begins := func(sign string) float64 {
		return float64(len(regexp.MustCompile(`(?:^|[^\w"'])`+regexp.QuoteMeta(sign)+`\S`).FindAllStringIndex(doc, -1)))
	}
	size := valueCost / 2 * text(args[0])
	anchors, aliases := begins("&"), begins("*")
	if anchors == 0 || aliases == 0 {
		return size
	}
	return size * math.Pow(1+aliases/anchors, anchors)
}

// maxMatches is how many matches replaceGrowth looks for. Behind them it takes
// everything for a match.
const maxMatches = 1 << 16

// replaceGrowth counts what replace puts in. Of a regular expression every $ of
// the replacement may put in the whole match.
func replaceGrowth(args []cty.Value, _ int64) float64 {
	in, old, with := args[0].AsString(), args[1].AsString(), args[2].AsString()
	if len(old) < 2 || old[0] != '/' || old[len(old)-1] != '/' {
		return float64(len(in)) + float64(strings.Count(in, old))*float64(len(with))
	}
	re, err := regexp.Compile(old[1 : len(old)-1])
	if err != nil {
		return 0 // replace says what is wrong with it
	}
	found := re.FindAllStringIndex(in, maxMatches)
	matches, matched := len(found), 0
	for _, at := range found {
		matched += at[1] - at[0]
	}
	if matches == maxMatches {
		matches, matched = len(in)+1, len(in)
	}
	return float64(len(in)) + float64(matches)*float64(len(with)) + float64(strings.Count(with, "$"))*float64(matched)
}

// formatListGrowth takes every argument that is no list for one of as many
// elements as the longest list has.
func formatListGrowth(args []cty.Value, limit int64) float64 {
	times := 1
	for _, a := range args[1:] {
		if ty := a.Type(); ty.IsListType() || ty.IsTupleType() || ty.IsSetType() {
			times = max(times, a.LengthInt())
		}
	}
	return formatGrowth(args, limit, float64(times))
}

// formatGrowth takes each verb for the longest argument. Widths have three digits
// at most.
func formatGrowth(args []cty.Value, limit int64, times float64) float64 {
	longest := 1000 * times
	for _, a := range args[1:] {
		n := float64(size(a, limit))
		if ty := a.Type(); !ty.IsListType() && !ty.IsTupleType() && !ty.IsSetType() {
			n *= times
		}
		longest = max(longest, n)
	}
	return times*text(args[0]) + float64(strings.Count(args[0].AsString(), "%"))*longest
}

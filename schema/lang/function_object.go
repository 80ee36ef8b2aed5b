package lang

import (
	"fmt"
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/mailrelay/mailrelay/schema"
)

// objectFunc writes the text of a record from an object. example is an object
// that f takes. What f says is wrong is said of the argument.
func objectFunc(description, example string, f func(map[string]cty.Value) (string, error)) function.Function {
	return function.New(&function.Spec{
		Description: description,
		Params:      []function.Parameter{{Name: "policy", Type: cty.DynamicPseudoType}},
		Type:        function.StaticReturnType(cty.String),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			if !args[0].IsWhollyKnown() {
				return cty.UnknownVal(cty.String), nil
			}
			ty := args[0].Type()
			if !ty.IsObjectType() && !ty.IsMapType() {
				return cty.NilVal, function.NewArgErrorf(0, "an object is wanted, like %s", example)
			}
			text, err := f(args[0].AsValueMap())
			if err != nil {
				return cty.NilVal, function.NewArgErrorf(0, "%s", err)
			}
			return cty.StringVal(text), nil
		},
	})
}

// onlyKeys refuses keys of policy that are not among keys. what names the record
// in the message: "SPF".
func onlyKeys(policy map[string]cty.Value, what string, keys []string) error {
	for key := range policy {
		if !slices.Contains(keys, key) {
			return fmt.Errorf("%q is not a part of %s: write one of %s", key, what, nearest(key, keys))
		}
	}
	return nil
}

// nearest lists words for the end of a message that is closed by whoever shows
// it, with the word that is probably meant.
func nearest(word string, words []string) string {
	out := strings.Join(words, ", ")
	if near, ok := strings.CutPrefix(schema.DidYouMean(word, words), ". Did"); ok {
		out += " (did" + near + ")"
	}
	return out
}

// has reports whether policy gives the key a value.
func has(policy map[string]cty.Value, key string) bool {
	v, ok := policy[key]
	return ok && !v.IsNull()
}

// wordOf is the one string under key; empty if there is none.
func wordOf(policy map[string]cty.Value, key string) (string, error) {
	if !has(policy, key) {
		return "", nil
	}
	if policy[key].Type() != cty.String {
		return "", fmt.Errorf("%s takes one string", key)
	}
	return policy[key].AsString(), nil
}

// wordsOf are the strings in the list or set under key; none if there is none.
func wordsOf(policy map[string]cty.Value, key string) ([]string, error) {
	if !has(policy, key) {
		return nil, nil
	}
	list, err := convert.Convert(policy[key], cty.List(cty.String))
	if err != nil {
		return nil, fmt.Errorf("%s takes a list of strings, like [\"…\"]", key)
	}
	var out []string
	for _, e := range list.AsValueSlice() {
		if e.IsNull() {
			return nil, fmt.Errorf("%s holds a null", key)
		}
		out = append(out, e.AsString())
	}
	return out, nil
}

// numberOf is the whole number from low to high under key.
func numberOf(policy map[string]cty.Value, key string, low, high int64) (int64, error) {
	wrong := fmt.Errorf("%s takes a whole number from %d to %d", key, low, high)
	v, err := convert.Convert(policy[key], cty.Number)
	if err != nil || v.IsNull() {
		return 0, wrong
	}
	n, acc := v.AsBigFloat().Int64()
	if acc != 0 || n < low || n > high {
		return 0, wrong
	}
	return n, nil
}

package lang

import (
	"fmt"
	"io/fs"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// functions are those that an expression may call, by name: go-cty's under the
// names that Terraform gives them, and mailrelay's own. fsys is all that file and
// fileexists reach. None of them reads a clock, and none is random, so the same
// files always mean the same.
func functions(fsys fs.FS) map[string]function.Function {
	return map[string]function.Function{
		// numbers
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc,
		"log": stdlib.LogFunc, "max": stdlib.MaxFunc, "min": stdlib.MinFunc,
		"parseint": stdlib.ParseIntFunc, "signum": stdlib.SignumFunc, "sum": sumFunc(),

		// collections
		"alltrue": allTrueFunc(), "anytrue": anyTrueFunc(), "chunklist": stdlib.ChunklistFunc,
		"coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc,
		"concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
		"element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "keys": stdlib.KeysFunc,
		"length": lengthFunc(), "lookup": stdlib.LookupFunc, "merge": stdlib.MergeFunc, "one": oneFunc(),
		"range": stdlib.RangeFunc, "reverse": stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setproduct": setProductFunc(),
		"setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc,
		"slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,

		// text
		"chomp": stdlib.ChompFunc, "endswith": affixFunc(false), "format": formatFunc(stdlib.FormatFunc),
		"formatdate": stdlib.FormatDateFunc, "formatlist": formatFunc(stdlib.FormatListFunc), "indent": indentFunc(),
		"join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
		"replace": replaceFunc(), "split": stdlib.SplitFunc, "startswith": affixFunc(true), "strrev": stdlib.ReverseFunc,
		"substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc,
		"trimspace": stdlib.TrimSpaceFunc, "trimsuffix": stdlib.TrimSuffixFunc, "upper": stdlib.UpperFunc,

		// encodings
		"base64decode": base64DecodeFunc(), "base64encode": base64EncodeFunc(), "csvdecode": stdlib.CSVDecodeFunc,
		"jsondecode": jsonDecodeFunc(), "jsonencode": stdlib.JSONEncodeFunc, "sha256": sha256Func(),
		"yamldecode": ctyyaml.YAMLDecodeFunc, "yamlencode": ctyyaml.YAMLEncodeFunc,

		// types
		"can": tryfunc.CanFunc, "try": tryfunc.TryFunc,
		"tobool": stdlib.MakeToFunc(cty.Bool), "tolist": stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType)),
		"tomap": stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType)), "tonumber": stdlib.MakeToFunc(cty.Number),
		"toset": stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType)), "tostring": stdlib.MakeToFunc(cty.String),

		// networks
		"cidrhost": cidrHostFunc(), "cidrnetmask": cidrNetmaskFunc(),
		"cidrsubnet": cidrSubnetFunc(), "cidrsubnets": cidrSubnetsFunc(),

		// files and secrets
		"file": fileFunc(fsys), "fileexists": fileExistsFunc(fsys),
		"secret_env": secretEnvFunc(), "secret_file": secretFileFunc(),

		// mail
		"spf":      spfFunc(),
		"dkim_key": absentFunc("dkim_key"), "dmarc": absentFunc("dmarc"),
		"mta_sts": absentFunc("mta_sts"), "tls_rpt": absentFunc("tls_rpt"),
	}
}

// absentFunc stands for a function of the language that this version has not.
func absentFunc(name string) function.Function {
	return function.New(&function.Spec{
		VarParam: &function.Parameter{Name: "args", Type: cty.DynamicPseudoType, AllowNull: true, AllowDynamicType: true},
		Type: func([]cty.Value) (cty.Type, error) {
			return cty.String, fmt.Errorf("%s is not in this version: write the text of the record itself, in quotes", name)
		},
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
			return cty.NilVal, fmt.Errorf("%s is not in this version", name)
		},
	})
}

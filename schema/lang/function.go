package lang

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"io/fs"

	"github.com/hashicorp/hcl/v2/ext/tryfunc"
	ctyyaml "github.com/zclconf/go-cty-yaml"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// Functions are those that an expression may call, by name; each has a
// Description, for the manual. Those that read files read them in fsys.
func Functions(fsys fs.FS) map[string]function.Function { return functions(fsys) }

// functions are those that an expression may call, by name: go-cty's under the
// names that Terraform gives them, and mailrelay's own. fsys is all that file and
// fileexists reach. None of them reads a clock, and none is random, so the same
// files always mean the same.
func functions(fsys fs.FS) map[string]function.Function {
	return map[string]function.Function{
		// numbers
		"abs": stdlib.AbsoluteFunc, "ceil": stdlib.CeilFunc, "floor": stdlib.FloorFunc,
		"log": stdlib.LogFunc, "max": stdlib.MaxFunc, "min": stdlib.MinFunc,
		"parseint": stdlib.ParseIntFunc, "pow": stdlib.PowFunc, "signum": stdlib.SignumFunc, "sum": sumFunc(),

		// collections
		"alltrue": allTrueFunc(), "anytrue": anyTrueFunc(), "chunklist": stdlib.ChunklistFunc,
		"coalesce": stdlib.CoalesceFunc, "coalescelist": stdlib.CoalesceListFunc, "compact": stdlib.CompactFunc,
		"concat": stdlib.ConcatFunc, "contains": stdlib.ContainsFunc, "distinct": stdlib.DistinctFunc,
		"element": stdlib.ElementFunc, "flatten": stdlib.FlattenFunc, "index": indexFunc(), "keys": stdlib.KeysFunc,
		"length": lengthFunc(), "lookup": stdlib.LookupFunc, "matchkeys": matchKeysFunc(), "merge": stdlib.MergeFunc, "one": oneFunc(),
		"range": stdlib.RangeFunc, "reverse": stdlib.ReverseListFunc,
		"setintersection": stdlib.SetIntersectionFunc, "setproduct": setProductFunc(),
		"setsubtract": stdlib.SetSubtractFunc, "setunion": stdlib.SetUnionFunc,
		"slice": stdlib.SliceFunc, "sort": stdlib.SortFunc, "transpose": transposeFunc(), "values": stdlib.ValuesFunc, "zipmap": stdlib.ZipmapFunc,

		// text
		"chomp": stdlib.ChompFunc, "endswith": affixFunc(false), "format": formatFunc("Writes values into a text: %s for a string, %d for a whole number, %03d with leading zeros, %v for any value.", stdlib.FormatFunc),
		"formatdate": stdlib.FormatDateFunc, "formatlist": formatFunc("Does for each element of lists what format does for one value.", stdlib.FormatListFunc), "indent": indentFunc(),
		"join": stdlib.JoinFunc, "lower": stdlib.LowerFunc, "regex": stdlib.RegexFunc, "regexall": stdlib.RegexAllFunc,
		"replace": replaceFunc(), "split": stdlib.SplitFunc, "startswith": affixFunc(true), "strcontains": strContainsFunc(), "strrev": stdlib.ReverseFunc,
		"substr": stdlib.SubstrFunc, "title": stdlib.TitleFunc, "trim": stdlib.TrimFunc, "trimprefix": stdlib.TrimPrefixFunc,
		"trimspace": stdlib.TrimSpaceFunc, "trimsuffix": described("Removes a suffix from the end of a string, if it is there.", stdlib.TrimSuffixFunc), "upper": stdlib.UpperFunc,

		// encodings
		"base64decode": base64DecodeFunc(), "base64encode": base64EncodeFunc(), "csvdecode": stdlib.CSVDecodeFunc,
		"jsondecode": jsonDecodeFunc(), "jsonencode": stdlib.JSONEncodeFunc, "md5": hashFunc("MD5", md5.New), "sha1": hashFunc("SHA-1", sha1.New), "sha256": hashFunc("SHA-256", sha256.New),
		"sha512": hashFunc("SHA-512", sha512.New), "urlencode": urlEncodeFunc(),
		"yamldecode": described("Reads a YAML document into the value that it stands for.", ctyyaml.YAMLDecodeFunc),
		"yamlencode": described("Writes a value as YAML.", ctyyaml.YAMLEncodeFunc),

		// types
		"can":    described("Reports whether an expression can be evaluated without an error.", tryfunc.CanFunc),
		"try":    described("Gives the first of several expressions that can be evaluated without an error.", tryfunc.TryFunc),
		"tobool": stdlib.MakeToFunc(cty.Bool), "tolist": described("Makes a list of a set or of several values.", stdlib.MakeToFunc(cty.List(cty.DynamicPseudoType))),
		"tomap": described("Makes a map of an object whose attributes are of one type.", stdlib.MakeToFunc(cty.Map(cty.DynamicPseudoType))), "tonumber": stdlib.MakeToFunc(cty.Number),
		"toset": described("Makes a set of a list: order and repetition are lost.", stdlib.MakeToFunc(cty.Set(cty.DynamicPseudoType))), "tostring": stdlib.MakeToFunc(cty.String),

		// times
		"timeadd": stdlib.TimeAddFunc, "timecmp": timeCmpFunc(),

		// networks
		"cidrcontains": cidrContainsFunc(), "cidrhost": cidrHostFunc(), "cidrnetmask": cidrNetmaskFunc(),
		"cidrsubnet": cidrSubnetFunc(), "cidrsubnets": cidrSubnetsFunc(),

		// files and secrets
		"basename": baseNameFunc(), "dirname": dirNameFunc(), "file": fileFunc(fsys),
		"fileexists": fileExistsFunc(fsys), "fileset": fileSetFunc(fsys),
		"secret_env": secretEnvFunc(), "secret_file": secretFileFunc(),

		// mail
		"spf":      spfFunc(),
		"dkim_key": dkimKeyFunc(fsys), "dmarc": dmarcFunc(),
		"mta_sts": mtaSTSFunc(), "tls_rpt": tlsRPTFunc(),
	}
}

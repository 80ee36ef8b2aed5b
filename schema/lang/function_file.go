package lang

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"

	"github.com/mailrelay/mailrelay/schema"
)

// fileFunc gives the text of a file inside the configuration's directory. A byte
// order mark at its beginning is left out.
func fileFunc(fsys fs.FS) function.Function {
	return stringFunc("Gives the text of a file inside the configuration's directory.", func(args []string) (string, error) {
		name, err := inside(args[0])
		if err != nil {
			return "", err
		}
		text, err := readFile(fsys, name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "", function.NewArgErrorf(0, "there is no file %q in the configuration's directory", name)
		case err != nil:
			return "", function.NewArgErrorf(0, "%q cannot be read (%s); only files inside the configuration's directory can", name, err)
		case !utf8.Valid(text):
			return "", function.NewArgErrorf(0, "%q is not text in UTF-8: save it as UTF-8", name)
		}
		return strings.TrimPrefix(string(text), "\ufeff"), nil
	}, "path")
}

// fileExistsFunc reports whether there is such a file inside the configuration's
// directory.
func fileExistsFunc(fsys fs.FS) function.Function {
	return function.New(&function.Spec{
		Description: "Reports whether there is such a file inside the configuration's directory.",
		Params:      []function.Parameter{{Name: "path", Type: cty.String}},
		Type:        function.StaticReturnType(cty.Bool),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			name, err := inside(args[0].AsString())
			if err != nil {
				return cty.NilVal, err
			}
			info, err := fs.Stat(fsys, name)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return cty.NilVal, function.NewArgErrorf(0, "%q cannot be looked at (%s); only files inside the configuration's directory can", name, err)
			}
			return cty.BoolVal(err == nil && info.Mode().IsRegular()), nil
		},
	})
}

// inside cleans a path, which must not lead out of the configuration's directory.
// Links that lead out are the file system's matter.
func inside(name string) (string, error) {
	clean := path.Clean(strings.ReplaceAll(name, `\`, "/"))
	if !fs.ValidPath(clean) || strings.Contains(clean, ":") || strings.ContainsRune(clean, 0) {
		return "", function.NewArgErrorf(0, "%q is outside of the configuration's directory, and only files inside it can be read. Copy the file there and name it relative to it; a secret is named by secret_file(\"/path\") instead, and never copied", name)
	}
	return clean, nil
}

// secretFileFunc gives a reference to a secret in a file, whose path is kept as
// it was written.
func secretFileFunc() function.Function {
	return secretFunc("path", func(s string) (cty.Value, cty.Value, error) {
		if s == "" || strings.ContainsRune(s, 0) {
			return cty.NilVal, cty.NilVal, function.NewArgErrorf(0, "the path of a file is wanted, like \"/run/secrets/tsig.key\"")
		}
		return cty.StringVal(s), cty.NullVal(cty.String), nil
	})
}

// secretEnvFunc gives a reference to a secret in the environment.
func secretEnvFunc() function.Function {
	return secretFunc("name", func(s string) (cty.Value, cty.Value, error) {
		if s == "" || strings.ContainsAny(s, "=\x00") {
			return cty.NilVal, cty.NilVal, function.NewArgErrorf(0, "the name of an environment variable is wanted, like \"TSIG_KEY\"")
		}
		return cty.NullVal(cty.String), cty.StringVal(s), nil
	})
}

func secretFunc(param string, f func(string) (file, env cty.Value, err error)) function.Function {
	return function.New(&function.Spec{
		Description: fmt.Sprintf("A reference to a secret by %s; the secret is read when it is used.", param),
		Params:      []function.Parameter{{Name: param, Type: cty.String}},
		Type: func([]cty.Value) (cty.Type, error) {
			return schema.SecretType(), nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			file, env, err := f(args[0].AsString())
			if err != nil {
				return cty.NilVal, err
			}
			return cty.ObjectVal(map[string]cty.Value{"secret_file": file, "secret_env": env}), nil
		},
	})
}

package main

import (
	"fmt"
	"strings"

	"github.com/mailrelay/mailrelay/schema/lang"
)

// given is the flag -var or -var-file. Both fill one list, so that the later one
// on the command line wins, whichever it is.
type given struct {
	into *[]lang.Given
	file bool
}

// Set implements flag.Value.
func (g given) Set(text string) error {
	if g.file {
		*g.into = append(*g.into, lang.Given{File: text})
		return nil
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("-var %q is not NAME=VALUE", text)
	}
	*g.into = append(*g.into, lang.Given{Name: name, Text: value})
	return nil
}

// String implements flag.Value. There is no default.
func (g given) String() string { return "" }

// Get implements flag.Getter.
func (g given) Get() any { return g.into }

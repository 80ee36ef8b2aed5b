// Command reference writes the reference manual of the language, which go
// generate keeps at schema/REFERENCE.md, from the descriptions that also decode
// and validate a configuration. So the manual cannot say anything else than the
// program does.
//
//	go generate ./schema
package main

import (
	"fmt"
	"os"

	"github.com/mailrelay/mailrelay/schema"
	"github.com/mailrelay/mailrelay/schema/lang"
	"github.com/mailrelay/mailrelay/schema/mailtest"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: reference FILE")
		os.Exit(1)
	}
	if err := os.WriteFile(os.Args[1], manual(), 0o666); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// manual is the text of schema/REFERENCE.md.
func manual() []byte {
	p := &page{functions: lang.Functions(nil)}
	for _, t := range schema.Types() {
		p.blocks = append(p.blocks, block{t.Name, heading(t), t.Doc, t.Body, t.Counted})
	}
	p.blocks = append(p.blocks, block{"test", `test "NAME"`,
		"A message and what must become of it, in a file that ends with .mailtest.hcl; mailrelay test runs it, without any network.", mailtest.Body(), false})
	return p.text()
}

// heading is how a block of type t begins.
func heading(t *schema.Type) string {
	switch {
	case t.Nameless:
		return t.Name
	case t.Kinds != nil:
		return fmt.Sprintf("%s %q \"NAME\"", t.Name, t.Kinds[0])
	}
	return t.Name + ` "NAME"`
}

// Package ui is the terminal.
//
// Its rules: the result of a command goes to Out and nothing else does; progress,
// prompts, warnings and errors go to Err. There is colour only on a terminal, and
// not with NO_COLOR or -no-color. A question is asked only where someone can
// answer it. A command with nothing to say is silent.
package ui

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"golang.org/x/term"

	"github.com/mailrelay/mailrelay/schema/lang"
)

// UI is where a command reads and writes.
type UI struct {
	In       io.Reader
	Out, Err io.Writer
	Color    bool // on Out
	ErrColor bool
	Width    int  // columns of Err; 0: do not wrap
	Input    bool // questions may be asked
	Screen   bool // Out is a terminal, which may be written over
}

// New makes a UI for the three standard streams, as far as they are terminals.
func New(in io.Reader, out, errw io.Writer, env func(string) (string, bool)) *UI {
	u := &UI{In: in, Out: out, Err: errw, Input: true}
	plain := false
	if v, ok := env("NO_COLOR"); ok && v != "" {
		plain = true
	}
	u.Screen = terminal(out)
	u.Color = !plain && u.Screen
	u.ErrColor = !plain && terminal(errw)
	if f, ok := errw.(*os.File); ok && terminal(errw) {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			u.Width = w
		}
	}
	if v, ok := env("MAILRELAY_IN_AUTOMATION"); ok && v != "" {
		u.Input = false
	}
	return u
}

func terminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// Progress writes a line that is not a result.
func (u *UI) Progress(format string, args ...any) {
	fmt.Fprintf(u.Err, format+"\n", args...)
}

// Error writes an error as Terraform does, with what to do.
func (u *UI) Error(summary, detail string) {
	d := hcl.Diagnostics{{Severity: hcl.DiagError, Summary: summary, Detail: detail}}
	u.Diagnostics(nil, d)
}

// Warning writes a warning.
func (u *UI) Warning(summary, detail string) {
	d := hcl.Diagnostics{{Severity: hcl.DiagWarning, Summary: summary, Detail: detail}}
	u.Diagnostics(nil, d)
}

// Diagnostics writes diagnostics with the snippets they are about.
func (u *UI) Diagnostics(files map[string]*hcl.File, diags hcl.Diagnostics) {
	// There is nobody left to tell when Err cannot be written.
	_ = lang.WriteDiagnostics(u.Err, files, uint(max(u.Width, 0)), u.ErrColor, diags)
}

// Confirm asks a question to which only "yes" is yes.
func (u *UI) Confirm(question, detail string) (bool, error) {
	if !u.Input {
		return false, fmt.Errorf("approval is needed and questions are turned off: use -auto-approve")
	}
	fmt.Fprintf(u.Err, "\n%s\n  %s\n  Only 'yes' will be accepted to approve.\n\n  Enter a value: ", question, detail)
	line, err := bufio.NewReader(u.In).ReadString('\n')
	fmt.Fprintln(u.Err)
	if err != nil && (err != io.EOF || line == "") {
		return false, fmt.Errorf("no answer could be read: use -auto-approve")
	}
	return strings.TrimSpace(line) == "yes", nil
}

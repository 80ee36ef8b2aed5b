package render

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	cdpage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"

	"github.com/mailrelay/mailrelay/plan/observe/dnstest/daemon"
	"github.com/mailrelay/mailrelay/schema/rr"
)

// browser starts Chromium, which ends with the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium-headless-shell")
	if err != nil {
		path = daemon.Find(t, "chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.WSURLReadTimeout(time.Minute))
	allocator, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, quit := chromedp.NewContext(allocator)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // waits for its end, which takes nothing away from what was seen
		quit()
	})
	return ctx
}

//go:embed testdata/look.js
var look string

// seen is what testdata/look.js says of a page.
type seen struct {
	Width, Inner float64
	Wide         []string // elements that stick out
	Headings     []int    // their levels, in order
	Faint        []string // texts with a contrast below 4.5 : 1
	Outside      []string // texts of a drawing that stick out of their boxes
	Texts        int      // how many were looked at
	Hidden       int      // diffs that cannot be read
	Lang, Title  string
}

// view is how a page is looked at.
type view struct {
	name   string
	width  int64
	dark   bool
	medium string
}

// lookAt opens the page in each view. Where MAILRELAY_SCREENSHOTS names a folder,
// it leaves pictures there for people.
func lookAt(t *testing.T, ctx context.Context, name, doc string, check func(view, seen)) {
	t.Helper()
	for _, v := range []view{{"phone", 360, false, "screen"}, {"phone-dark", 360, true, "screen"}, {"desk", 1280, false, "screen"}, {"desk-dark", 1280, true, "screen"}, {"print", 700, false, "print"}} {
		scheme := "light"
		if v.dark {
			scheme = "dark"
		}
		var s seen
		var picture []byte
		err := chromedp.Run(ctx,
			chromedp.EmulateViewport(v.width, 800),
			emulation.SetEmulatedMedia().WithMedia(v.medium).WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
			chromedp.Navigate("data:text/html;charset=utf-8;base64,"+base64.StdEncoding.EncodeToString([]byte(doc))),
			chromedp.Evaluate(look, &s),
			chromedp.ActionFunc(func(ctx context.Context) error {
				if os.Getenv("MAILRELAY_SCREENSHOTS") == "" {
					return nil
				}
				var err error
				picture, err = cdpage.CaptureScreenshot().WithCaptureBeyondViewport(true).Do(ctx)
				return err
			}))
		if err != nil {
			t.Fatalf("%s, %s: %v", name, v.name, err)
		}
		if picture != nil {
			if err := os.WriteFile(filepath.Join(os.Getenv("MAILRELAY_SCREENSHOTS"), name+"."+v.name+".png"), picture, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if s.Width > s.Inner || len(s.Wide) > 0 {
			t.Errorf("%s, %s: %v wide in %v: %v", name, v.name, s.Width, s.Inner, s.Wide)
		}
		if s.Texts < 10 {
			t.Errorf("%s, %s: only %d texts were found", name, v.name, s.Texts)
		}
		check(v, s)
	}
}

// orderly reports whether no level of heading is left out on the way down.
func orderly(levels []int, first int) bool {
	last := first - 1
	for _, l := range levels {
		if l > last+1 {
			return false
		}
		last = l
	}
	return len(levels) > 0 && levels[0] == first
}

// TestPages looks at the HTML pages as a browser shows them: on a phone, on a
// desk, in the dark and on paper.
func TestPages(t *testing.T) {
	ctx := browser(t)
	pages := map[string]string{
		"full":    form(t, "html", model(t, full(t)), Options{Folder: strings.Repeat("long-folder/", 9)}),
		"cutover": form(t, "html", turned(t, coexist, cutover(), rr.NewSet("a.example.", "MX", 300, "10 mx.a.example.")), Options{}),
		"hostile": form(t, "html", hostile(t, turned(t, coexist, cutover()), strings.Repeat("W", 300)+"</pre><h1>x\n<script>document.title='evil'</script>"), Options{}),
	}
	pages["folded"] = strings.ReplaceAll(pages["cutover"], "<details open>", "<details>")
	examples, err := filepath.Glob("../../cmd/mailrelay/testdata/shown/*.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range examples {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pages[strings.TrimSuffix(filepath.Base(file), ".html")] = string(raw)
	}
	for name, doc := range pages {
		t.Run(name, func(t *testing.T) {
			lookAt(t, ctx, name, doc, func(v view, s seen) {
				if !orderly(s.Headings, 1) || slices.Contains(s.Headings[1:], 1) {
					t.Errorf("%s: headings %v", v.name, s.Headings)
				}
				if len(s.Faint) > 0 {
					t.Errorf("%s: too little contrast: %v", v.name, s.Faint)
				}
				if len(s.Outside) > 0 {
					t.Errorf("%s: out of the box: %v", v.name, s.Outside)
				}
				if s.Lang != "en" || !strings.HasPrefix(s.Title, "mailrelay ") {
					t.Errorf("%s: language %q, title %q", v.name, s.Lang, s.Title)
				}
				if v.medium == "print" && s.Hidden > 0 {
					t.Errorf("%d diffs are not on paper", s.Hidden)
				}
			})
		})
	}
}

// TestMarkdownInBrowser looks at the Markdown as GitHub and GitLab lay it out.
func TestMarkdownInBrowser(t *testing.T) {
	ctx := browser(t)
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(html.WithUnsafe()))
	for name, m := range map[string]*Model{
		"full":    model(t, full(t)),
		"cutover": turned(t, coexist, cutover(), rr.NewSet("a.example.", "MX", 300, "10 mx.a.example.")),
		"hostile": hostile(t, turned(t, coexist, cutover()), "</details><h1>x\n<script>document.title='evil'</script>"),
	} {
		t.Run(name, func(t *testing.T) {
			var body bytes.Buffer
			if err := md.Convert([]byte(form(t, "md", m, Options{})), &body); err != nil {
				t.Fatal(err)
			}
			// What both sites do: code blocks scroll, long words break.
			doc := "<!doctype html><html lang=en><title>comment</title><meta name=viewport content='width=device-width'><style>body{margin:8px;overflow-wrap:anywhere;color:#111;background:#fff}pre{overflow:auto}</style><h1>Pull request</h1>" + body.String()
			lookAt(t, ctx, "markdown-"+name, doc, func(v view, s seen) {
				if !orderly(s.Headings, 1) {
					t.Errorf("%s: headings %v", v.name, s.Headings)
				}
				if s.Title != "comment" {
					t.Errorf("a script ran: %q", s.Title)
				}
			})
		})
	}
}

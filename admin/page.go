package admin

import (
	"embed"
	"io/fs"
	"path"

	"github.com/valyala/fasthttp"
)

//go:embed page
var pageFiles embed.FS

// pagePolicy is what the page may do: load its own files and ask its own origin. It makes no
// markup from text, and the browser sees to that.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// pageTypes are the kinds of files it is made of.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// statusPage is what the status page is made of: index.html at /, the others below /-/page/.
func statusPage() (map[string]*resource, error) {
	files, err := fs.ReadDir(pageFiles, "page")
	if err != nil {
		return nil, err
	}
	all := make(map[string]*resource, len(files))
	for _, f := range files {
		text, err := pageFiles.ReadFile("page/" + f.Name())
		if err != nil {
			return nil, err
		}
		at := "/-/page/" + f.Name()
		if f.Name() == "index.html" {
			at = "/"
		}
		kind := pageTypes[path.Ext(f.Name())]
		all[at] = &resource{get: func(ctx *fasthttp.RequestCtx, _ string) {
			reply(ctx, 200, kind, text)
			ctx.Response.Header.Set("Content-Security-Policy", pagePolicy)
			ctx.Response.Header.Set("Cross-Origin-Opener-Policy", "same-origin")
		}}
	}
	return all, nil
}

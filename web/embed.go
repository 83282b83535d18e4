// Package web holds the built pages and the SDK's bundle, so that the server is one file.
package web

import (
	"embed"
	"io/fs"
)

// The bundle is committed: `go build` works without Node. build.sh makes it, check.sh compares.
//
//go:embed dist
var dist embed.FS

// Files are the pages as they are served from the root: index.html (for /, /i/{id}, /r/{room}, /t/{id}, /send,
// /doctor and /admin), app.js with its parts, app.css, icons and manifest, the workers of file transfer (transfer-disk.js,
// transfer-sw.js), and sdk.js and transfer.js, the SDK as ES modules.
var Files = mustSub(dist, "dist")

func mustSub(f fs.FS, dir string) fs.FS {
	sub, err := fs.Sub(f, dir)
	if err != nil {
		panic(err) // the name is a constant and valid
	}
	return sub
}

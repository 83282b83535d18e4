package server

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"

	"switchyard/protocol"
)

// app serves the web app from memory: the files are few, small and never change while the server
// runs.
type app struct {
	files map[string]*asset // by path, without the leading slash
}

type asset struct {
	contentType string
	etag        string
	plain       []byte
	gzip        []byte // nil where it does not pay
}

func newApp(files fs.FS) (*app, error) {
	a := &app{files: map[string]*asset{}}
	if files == nil {
		return a, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		a.files[name] = newAsset(name, data)
		return nil
	})
	return a, err
}

func newAsset(name string, data []byte) *asset {
	sum := sha256.Sum256(data)
	f := &asset{
		contentType: mime.TypeByExtension(path.Ext(name)),
		etag:        `"` + hex.EncodeToString(sum[:12]) + `"`,
		plain:       data,
	}
	switch path.Ext(name) { // not left to the system's tables
	case ".html":
		f.contentType = "text/html; charset=utf-8"
	case ".js", ".mjs":
		f.contentType = "text/javascript; charset=utf-8"
	case ".css":
		f.contentType = "text/css; charset=utf-8"
	case ".svg":
		f.contentType = "image/svg+xml"
	case ".json", ".map":
		f.contentType = "application/json"
	case ".webmanifest":
		f.contentType = "application/manifest+json"
	}
	if f.contentType == "" {
		f.contentType = "application/octet-stream"
	}
	var b bytes.Buffer
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	z.Write(data)
	z.Close()
	if b.Len() < len(data)*9/10 {
		f.gzip = b.Bytes()
	}
	return f
}

// page serves index.html, whatever the path: the app reads it.
func (a *app) page(w http.ResponseWriter, r *http.Request) {
	index := a.files["index.html"]
	if index == nil {
		failPage(w, r, http.StatusNotFound, protocol.CodeNotFound,
			"This server was built without the web app. Build it with make build, or use the API.")
		return
	}
	index.serve(w, r)
}

// file serves a file of the app by its path.
func (a *app) file(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed, protocol.CodeBadMessage, "This address can only be read. Use GET.")
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/")
	f := a.files[name]
	if f == nil {
		a.nothing(w, r)
		return
	}
	if name == sdkFile || name == transferFile { // pages of other origins build on it
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	f.serve(w, r)
}

// nothing answers an address that leads nowhere: the app says so to a person.
func (a *app) nothing(w http.ResponseWriter, r *http.Request) {
	if index := a.files["index.html"]; index != nil && wantsPage(r) {
		w.Header().Set("Content-Type", index.contentType)
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNotFound)
		if r.Method != http.MethodHead {
			w.Write(index.plain)
		}
		return
	}
	failPage(w, r, http.StatusNotFound, protocol.CodeNotFound,
		"There is nothing at this address. Check the link, or ask for a new one.")
}

// The web SDK as one ES module, and as another one for pages that send or receive files.
const (
	sdkFile      = "sdk.js"
	transferFile = "transfer.js"
)

func (f *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("ETag", f.etag)
	h.Set("Cache-Control", "no-cache") // kept, but asked for by ETag: a new server is seen at once
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == f.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.plain
	if f.gzip != nil && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Set("Content-Encoding", "gzip")
		body = f.gzip
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		w.Write(body)
	}
}

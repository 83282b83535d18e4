package server

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"strings"

	"switchyard/api"
)

// problem is an error of the HTTP API.
type problem = api.Problem

// fail answers with a problem.
func fail(w http.ResponseWriter, status int, code, detail string) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Del("Content-Length")
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(problem{Title: http.StatusText(status), Status: status, Detail: detail, Code: code})
}

// reply answers with v as JSON.
func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

const pageFormat = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>%[1]s</title>
<h1>%[1]s</h1>
<p>%[2]s</p>
<p><a href="/">Go to the start page</a></p>
</html>
`

// failPage answers a browser's navigation with a page, everyone else with a problem.
func failPage(w http.ResponseWriter, r *http.Request, status int, code, detail string) {
	if !wantsPage(r) {
		fail(w, status, code, detail)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintf(w, pageFormat, html.EscapeString(http.StatusText(status)), html.EscapeString(detail))
}

// wantsPage tells a browser's address bar from a program.
func wantsPage(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) &&
		strings.Contains(r.Header.Get("Accept"), "text/html")
}

// Command openapigen writes the OpenAPI document of the HTTP API from the routes and types of package api
// and of package protocol, comments included. It runs by `go generate ./api`.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

func main() {
	root := flag.String("root", "..", "root of the module")
	out := flag.String("o", "", "file to write; empty prints it")
	flag.Parse()
	if err := run(*root, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(root, out string) error {
	text, err := generate(root)
	if err != nil {
		return err
	}
	if out == "" {
		_, err = os.Stdout.Write(text)
		return err
	}
	return os.WriteFile(out, text, 0o644)
}

// generate returns the document as JSON, the same bytes for the same source.
func generate(root string) ([]byte, error) {
	docs, err := parseDocs(root)
	if err != nil {
		return nil, err
	}
	doc, err := document(docs)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(doc); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

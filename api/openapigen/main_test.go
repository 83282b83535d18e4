package main

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"switchyard/api"
)

// The committed document is what the source says now.
func TestDocumentIsCurrent(t *testing.T) {
	want, err := generate("../..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.json is stale: run go generate ./api")
	}
}

// What the document refers to is there, and every parameter of a path is declared.
func TestReferencesLeadSomewhere(t *testing.T) {
	text, err := generate("../..")
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	n := 0
	walk(doc, func(o map[string]any) {
		ref, ok := o["$ref"].(string)
		if !ok {
			return
		}
		n++
		var at any = doc
		for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
			at, _ = at.(map[string]any)[part]
		}
		if at == nil {
			t.Errorf("%s leads nowhere", ref)
		}
	})
	if n < 50 {
		t.Errorf("only %d references", n)
	}
	paths := doc["paths"].(map[string]any)
	for _, r := range api.Routes {
		o, _ := paths[r.Path].(map[string]any)[strings.ToLower(r.Method)].(map[string]any)
		if o["operationId"] != r.Name {
			t.Errorf("%s %s is not in the document", r.Method, r.Path)
		}
		declared := 0
		for _, p := range listOf(o["parameters"]) {
			if p.(map[string]any)["in"] == "path" {
				declared++
			}
		}
		if want := strings.Count(r.Path, "{"); declared != want {
			t.Errorf("%s: %d of %d parameters of its path", r.Name, declared, want)
		}
	}
}

func listOf(v any) []any { list, _ := v.([]any); return list }

// walk visits every object.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		visit(v)
		for _, below := range v {
			walk(below, visit)
		}
	case []any:
		for _, below := range v {
			walk(below, visit)
		}
	}
}

// Each example is of its type, without a field that it does not have; and what has a body has an example.
func TestExamples(t *testing.T) {
	check := func(name, example string, v any) {
		d := json.NewDecoder(strings.NewReader(example))
		d.DisallowUnknownFields()
		if err := d.Decode(reflect.New(reflect.TypeOf(v)).Interface()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, r := range api.Routes {
		if (r.BodyExample == "") != (r.Body == nil) && !strings.HasPrefix(r.Path, "/v1/doctor") {
			t.Errorf("%s: a body and its example belong together", r.Name)
		}
		if r.BodyExample != "" {
			check(r.Name, r.BodyExample, r.Body)
		}
		if r.AnswerExample != "" {
			check(r.Name, r.AnswerExample, r.Answer)
		}
	}
}

// Routes are told apart by name and by what they match, and each says what it does.
func TestRoutes(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range api.Routes {
		path := r.Method + " " + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(r.Path, "{}")
		if seen[r.Name] || seen[path] {
			t.Errorf("%s %s stands there twice", r.Name, path)
		}
		seen[r.Name], seen[path] = true, true
		if !strings.HasSuffix(r.Doc, ".") || r.Status == 0 || r.Access == "" || (r.Answer == nil && r.Media == "") != (r.Status == 204 || r.Status == 101) {
			t.Errorf("%s is not described", r.Name)
		}
	}
}

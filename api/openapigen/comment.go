package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
)

// docs are the comments of types ("api.Room") and of their fields ("api.Room.Open").
type docs map[string]string

// parseDocs reads the comments of the packages that the API's types are of.
func parseDocs(root string) (docs, error) {
	d := docs{}
	for _, pkg := range []string{"api", "protocol"} {
		names, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
		if err != nil || len(names) == 0 {
			return nil, fmt.Errorf("openapigen: no Go files of package %s below %s: %v", pkg, root, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
			if err != nil {
				return nil, err
			}
			d.addFile(pkg, f)
		}
	}
	return d, nil
}

func (d docs) addFile(pkg string, f *ast.File) {
	for _, decl := range f.Decls {
		g, ok := decl.(*ast.GenDecl)
		if !ok || g.Tok != token.TYPE {
			continue
		}
		for _, spec := range g.Specs {
			t := spec.(*ast.TypeSpec)
			name := pkg + "." + t.Name.Name
			d[name] = text(g.Doc)
			if s, ok := t.Type.(*ast.StructType); ok {
				d.addFields(name, s)
			}
		}
	}
}

func (d docs) addFields(name string, s *ast.StructType) {
	for _, field := range s.Fields.List {
		doc := text(field.Doc)
		if doc == "" {
			doc = text(field.Comment)
		}
		for _, id := range field.Names {
			d[name+"."+id.Name] = doc
		}
	}
}

// text is a comment on one line.
func text(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }

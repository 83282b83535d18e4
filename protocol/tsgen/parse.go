package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// source is what tsgen needs of the package, in the order of the source.
type source struct {
	types     []typeDecl
	constants []constant
	messages  []message
}

// typeDecl is an exported struct, or a type whose underlying type is string.
type typeDecl struct {
	name, doc string
	fields    []field // of a struct
	isString  bool
}

// field is an exported field with a json tag.
type field struct {
	name     string // on the wire
	doc      string
	typ      ast.Expr
	optional bool
	oneof    string // the values that a string can have: "a b c", or a prefix of constants: "Code*"
}

// constant is an exported constant with a literal value.
type constant struct {
	name, doc, typ, value string // value as in the source, a string literal or a number
}

// message is an entry of protocol.Messages.
type message struct {
	constant, body         string
	fromClient, fromServer bool
}

func parse(dir string) (*source, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	src := &source{}
	fset := token.NewFileSet()
	// protocol.go holds the ground, message.go what is built on it.
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range f.Decls {
			if g, ok := d.(*ast.GenDecl); ok {
				if err := src.add(g); err != nil {
					return nil, fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	}
	return src, nil
}

func rank(name string) int {
	return slices.Index([]string{"catalogue.go", "message.go", "protocol.go"}, filepath.Base(name)) * -1
}

func (s *source) add(g *ast.GenDecl) error {
	for _, spec := range g.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			s.addType(g, spec)
		case *ast.ValueSpec:
			if g.Tok == token.CONST {
				s.addConstant(g, spec)
			} else if spec.Names[0].Name == "Messages" {
				return s.addMessages(spec)
			}
		}
	}
	return nil
}

// goOnly are types that do not travel.
var goOnly = []string{"Message", "From", "Envelope"}

func (s *source) addType(g *ast.GenDecl, spec *ast.TypeSpec) {
	name := spec.Name.Name
	if !spec.Name.IsExported() || slices.Contains(goOnly, name) {
		return
	}
	d := typeDecl{name: name, doc: g.Doc.Text()}
	switch t := spec.Type.(type) {
	case *ast.Ident:
		d.isString = t.Name == "string"
	case *ast.StructType:
		for _, f := range t.Fields.List {
			d.fields = append(d.fields, fieldsOf(f)...)
		}
	}
	s.types = append(s.types, d)
}

func fieldsOf(f *ast.Field) []field {
	if f.Tag == nil {
		return nil
	}
	raw, _ := strconv.Unquote(f.Tag.Value)
	tag := reflect.StructTag(raw)
	name, opts, _ := strings.Cut(tag.Get("json"), ",")
	if name == "" || name == "-" {
		return nil
	}
	doc := f.Doc.Text()
	if doc == "" {
		doc = f.Comment.Text()
	}
	return []field{{name: name, doc: doc, typ: f.Type, optional: strings.Contains(opts, "omit"), oneof: tag.Get("oneof")}}
}

func (s *source) addConstant(g *ast.GenDecl, spec *ast.ValueSpec) {
	if len(spec.Values) != 1 || !spec.Names[0].IsExported() {
		return
	}
	lit, ok := spec.Values[0].(*ast.BasicLit)
	if !ok {
		return
	}
	c := constant{name: spec.Names[0].Name, value: lit.Value, doc: spec.Comment.Text()}
	if !g.Lparen.IsValid() {
		c.doc = g.Doc.Text()
	}
	if id, ok := spec.Type.(*ast.Ident); ok {
		c.typ = id.Name
	}
	s.constants = append(s.constants, c)
}

func (s *source) addMessages(spec *ast.ValueSpec) error {
	list, ok := spec.Values[0].(*ast.CompositeLit)
	if !ok {
		return fmt.Errorf("tsgen: Messages is no literal")
	}
	for _, e := range list.Elts {
		m, err := messageOf(e)
		if err != nil {
			return err
		}
		s.messages = append(s.messages, m)
	}
	return nil
}

func messageOf(e ast.Expr) (message, error) {
	row, ok := e.(*ast.CompositeLit)
	if !ok || len(row.Elts) != 3 {
		return message{}, fmt.Errorf("tsgen: an entry of Messages has not three values")
	}
	typ, ok1 := row.Elts[0].(*ast.Ident)
	body, ok2 := row.Elts[1].(*ast.CompositeLit)
	from, ok3 := row.Elts[2].(*ast.Ident)
	if !ok1 || !ok2 || !ok3 {
		return message{}, fmt.Errorf("tsgen: an entry of Messages is not {TypeX, X{}, FromX}")
	}
	m := message{constant: typ.Name, body: body.Type.(*ast.Ident).Name}
	m.fromClient = from.Name == "FromClient" || from.Name == "FromBoth"
	m.fromServer = from.Name == "FromServer" || from.Name == "FromBoth"
	return m, nil
}

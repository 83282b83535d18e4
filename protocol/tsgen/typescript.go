package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

const header = `// Code generated from the Go package protocol by tsgen; DO NOT EDIT.
// "go generate ./protocol" writes it; docs/protocol.md explains it.

`

const footer = `/** Envelope wraps every message in both directions. */
export type Envelope<T extends string, B> = {
  /** Names the message; it decides the shape of body. */
  type: T;
  /** Numbers the requests of one side, from 1; absent where no answer is expected. */
  id?: number;
  /** The id of the request that this message answers. */
  re?: number;
  /** Numbers the messages of one direction within a session, from 1, without gaps. */
  seq?: number;
  /** The highest seq that was received from the other side: it may forget up to there. */
  ack?: number;
} & (B extends Empty ? { body?: Empty } : { /** The message of that type. */ body: B });

/** Empty is the body of a message without fields: it is left out. */
export type Empty = Record<string, never>;

type EnvelopeOf<M> = { [T in keyof M & string]: Envelope<T, M[T]> }[keyof M & string];

/** ClientEnvelope is any message from a client, told apart by its type. */
export type ClientEnvelope = EnvelopeOf<ClientMessages>;

/** ServerEnvelope is any message from the server, told apart by its type. */
export type ServerEnvelope = EnvelopeOf<ServerMessages>;
`

// unions are string literal types made of untyped constants that begin alike.
var unions = map[string]struct{ name, doc string }{
	"Code": {"ErrorCode", "ErrorCode says what went wrong; see ProtocolError."},
}

// renamed avoids names that TypeScript has already.
var renamed = map[string]string{"Error": "ProtocolError"}

func tsName(name string) string {
	if n, ok := renamed[name]; ok {
		return n
	}
	return name
}

func (s *source) typescript() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(header)
	s.writeConstants(&b)
	for prefix, u := range unions {
		s.writeUnion(&b, u.doc, u.name, func(c constant) bool { return c.typ == "" && strings.HasPrefix(c.name, prefix) })
	}
	for _, t := range s.types {
		if err := s.writeType(&b, t); err != nil {
			return nil, err
		}
	}
	for _, side := range []struct {
		name, doc string
		sends     func(message) bool
	}{
		{"ClientMessages", "ClientMessages maps the type of each message that a client sends to its body.", func(m message) bool { return m.fromClient }},
		{"ServerMessages", "ServerMessages maps the type of each message that the server sends to its body.", func(m message) bool { return m.fromServer }},
	} {
		if err := s.writeMap(&b, side.name, side.doc, side.sends); err != nil {
			return nil, err
		}
	}
	b.WriteString(footer)
	return b.Bytes(), nil
}

// writeConstants writes the constants that stand alone; those of a family become a type.
func (s *source) writeConstants(b *bytes.Buffer) {
	for _, c := range s.constants {
		if c.typ != "" || inUnion(c.name) || strings.HasPrefix(c.name, "Type") {
			continue
		}
		writeDoc(b, "", c.doc)
		fmt.Fprintf(b, "export const %s = %s;\n\n", c.name, c.value)
	}
}

func inUnion(name string) bool {
	for prefix := range unions {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

func (s *source) writeUnion(b *bytes.Buffer, doc, name string, member func(constant) bool) {
	writeDoc(b, "", doc)
	fmt.Fprintf(b, "export type %s =", name)
	lines := []string{}
	for _, c := range s.constants {
		if member(c) {
			lines = append(lines, "  | "+c.value+comment(c.doc))
		}
	}
	b.WriteString("\n" + strings.Join(lines, "\n") + ";\n\n")
}

func comment(doc string) string {
	if doc = strings.TrimSpace(doc); doc == "" {
		return ""
	}
	return " /* " + doc + " */"
}

func (s *source) writeType(b *bytes.Buffer, t typeDecl) error {
	if t.isString {
		if slices.ContainsFunc(s.constants, func(c constant) bool { return c.typ == t.name }) {
			s.writeUnion(b, t.doc, tsName(t.name), func(c constant) bool { return c.typ == t.name })
			return nil
		}
		writeDoc(b, "", t.doc)
		fmt.Fprintf(b, "export type %s = string;\n\n", tsName(t.name))
		return nil
	}
	if len(t.fields) == 0 {
		return nil // Empty
	}
	writeDoc(b, "", t.doc)
	fmt.Fprintf(b, "export interface %s {\n", tsName(t.name))
	for _, f := range t.fields {
		if err := writeField(b, f); err != nil {
			return fmt.Errorf("tsgen: %s.%s: %w", t.name, f.name, err)
		}
	}
	b.WriteString("}\n\n")
	return nil
}

func writeField(b *bytes.Buffer, f field) error {
	typ, err := typeOf(f.typ)
	if err != nil {
		return err
	}
	if f.oneof != "" {
		typ = oneof(f.oneof)
	}
	mark := ""
	if f.optional {
		mark = "?"
	}
	writeDoc(b, "  ", f.doc)
	fmt.Fprintf(b, "  %s%s: %s;\n", f.name, mark, typ)
	return nil
}

func oneof(values string) string {
	if prefix, ok := strings.CutSuffix(values, "*"); ok {
		return unions[prefix].name
	}
	return `"` + strings.Join(strings.Fields(values), `" | "`) + `"`
}

var basics = map[string]string{
	"string": "string", "bool": "boolean", "int": "number", "int64": "number", "uint16": "number",
	"uint32": "number", "uint64": "number", "float64": "number",
}

func typeOf(e ast.Expr) (string, error) {
	switch e := e.(type) {
	case *ast.Ident:
		if ts, ok := basics[e.Name]; ok {
			return ts, nil
		}
		if e.IsExported() {
			return tsName(e.Name), nil
		}
	case *ast.StarExpr:
		return typeOf(e.X)
	case *ast.ArrayType:
		elem, err := typeOf(e.Elt)
		return elem + "[]", err
	case *ast.MapType:
		value, err := typeOf(e.Value)
		return "Record<string, " + value + ">", err
	case *ast.SelectorExpr:
		if e.Sel.Name == "RawMessage" {
			return "unknown", nil
		}
	}
	return "", fmt.Errorf("no TypeScript type for %T", e)
}

func (s *source) writeMap(b *bytes.Buffer, name, doc string, sends func(message) bool) error {
	writeDoc(b, "", doc)
	fmt.Fprintf(b, "export interface %s {\n", name)
	for _, m := range s.messages {
		if !sends(m) {
			continue
		}
		typ, err := s.value(m.constant)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "  %s: %s;\n", typ, s.bodyOf(m))
	}
	b.WriteString("}\n\n")
	return nil
}

func (s *source) value(name string) (string, error) {
	i := slices.IndexFunc(s.constants, func(c constant) bool { return c.name == name })
	if i < 0 {
		return "", fmt.Errorf("tsgen: no constant %s", name)
	}
	return s.constants[i].value, nil
}

func (s *source) bodyOf(m message) string {
	i := slices.IndexFunc(s.types, func(t typeDecl) bool { return t.name == m.body })
	if i >= 0 && len(s.types[i].fields) == 0 {
		return "Empty"
	}
	return tsName(m.body)
}

func writeDoc(b *bytes.Buffer, indent, doc string) {
	lines := strings.Split(strings.TrimSpace(doc), "\n")
	switch {
	case doc == "":
	case len(lines) == 1:
		fmt.Fprintf(b, "%s/** %s */\n", indent, lines[0])
	default:
		fmt.Fprintf(b, "%s/**\n", indent)
		for _, l := range lines {
			fmt.Fprintf(b, "%s * %s\n", indent, l)
		}
		fmt.Fprintf(b, "%s */\n", indent)
	}
}

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// settings is a configuration file: a flat mapping from the names of flags to values. It implements
// kong.Resolver, so flags that were given win over it and its values are checked as flags are.
type settings struct {
	values map[string]string // lists joined by commas, as kong reads them
	lines  map[string]int
}

// loadSettings implements kong.ConfigurationLoader.
func loadSettings(r io.Reader) (kong.Resolver, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, fmt.Errorf("configuration file: not YAML: %s", firstLine(err))
	}
	s := &settings{values: map[string]string{}, lines: map[string]int{}}
	for _, doc := range file.Docs {
		if err := s.add(doc.Body); err != nil {
			return nil, fmt.Errorf("configuration file, %w", err)
		}
	}
	return s, nil
}

// firstLine leaves out the excerpt that go-yaml adds to its errors.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

func (s *settings) add(body ast.Node) error {
	var pairs []*ast.MappingValueNode
	switch n := body.(type) {
	case nil, *ast.NullNode, *ast.CommentGroupNode:
		return nil
	case *ast.MappingNode:
		pairs = n.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{n}
	default:
		return fmt.Errorf("line %d: expected settings such as \"http: localhost:8080\"", body.GetToken().Position.Line)
	}
	for _, p := range pairs {
		at := p.Key.GetToken()
		name := at.Value
		if first, twice := s.lines[name]; twice {
			return fmt.Errorf("line %d: %q stands on line %d already", at.Position.Line, name, first)
		}
		value, err := textOf(p.Value)
		if err != nil {
			return fmt.Errorf("line %d: %q %w", at.Position.Line, name, err)
		}
		s.values[name], s.lines[name] = value, at.Position.Line
	}
	return nil
}

// textOf returns a scalar, or a list of scalars joined by commas, as a flag would have it.
func textOf(n ast.Node) (string, error) {
	var v any
	if err := yaml.NodeToValue(n, &v); err != nil {
		return "", fmt.Errorf("cannot be read: %s", firstLine(err))
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var words []string
	for _, v := range list {
		switch v := v.(type) {
		case string, bool, int64, uint64, float64:
			words = append(words, fmt.Sprint(v))
		default:
			return "", fmt.Errorf("must be a text, a number, true or false, or a list of these")
		}
	}
	return strings.Join(words, ","), nil
}

// Validate refuses keys that are no flag of serve.
func (s *settings) Validate(app *kong.Application) error {
	var known []string
	for _, f := range child(app.Node, "serve").Flags {
		if f.Name != "help" && f.Name != "config" {
			known = append(known, f.Name)
		}
	}
	names := make([]string, 0, len(s.lines))
	for name := range s.lines {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int { return s.lines[a] - s.lines[b] })
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("configuration file, line %d: unknown key %q: did you mean %q?", s.lines[name], name, nearest(name, known))
		}
	}
	return nil
}

// Resolve returns the value of a flag that was not given.
func (s *settings) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if v, ok := s.values[flag.Name]; ok {
		return v, nil
	}
	return nil, nil
}

// nearest returns the known word with the fewest edits from word.
func nearest(word string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return edits(word, a) - edits(word, b) })
}

// edits counts the insertions, deletions, replacements and swaps of neighbours that make b of a.
func edits(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		for j := range rows[i] {
			if i == 0 || j == 0 {
				rows[i][j] = i + j
				continue
			}
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			n := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				n = min(n, rows[i-2][j-2]+1)
			}
			rows[i][j] = n
		}
	}
	return rows[len(a)][len(b)]
}

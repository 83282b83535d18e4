package switchyard_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The order of the layers, top first. A package may import what stands in a lower layer, and its own
// folder. Folders of one layer do not import each other: the middle tier meets through media.Source,
// media.Sink or a small interface of the consumer; siblings of engine/ are composed by sfu.
var layers = [][]string{
	{"cmd", "examples"},
	{"."}, // the library's front door
	{"server"},
	{"app/*"},
	{"sfu", "mcu", "signal", "peer", "bridge", "device", "record", "store", "cluster", "turn", "client", "bench"},
	{"engine/*"},
	{"api"},
	{"protocol", "codec", "container", "web"}, // web only embeds the built pages
	{"media"},
	{"internal"}, // for everybody; the standard library only
}

// exceptions are imports within one layer that are meant, each with its reason.
var exceptions = map[[2]string]string{
	{"sfu", "peer"}: "a shard drives the links of peer/ packet by packet; an interface between them would cost a call per packet",
}

// engineForbidden are imports that engine/ must not have: it is sans-IO.
var engineForbidden = []string{"net", "os", "sync", "log", "syscall", "context"}

// engineAllowed are exceptions from engineForbidden.
var engineAllowed = []string{"net/netip", "sync/atomic"}

// engineCalls are functions of package time that read or wait on a clock.
var engineCalls = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick"}

// unit is the folder that the rules speak of: "peer", "engine/egress", "app/conference", ".".
func unit(pkg string) string {
	parts := strings.Split(pkg, "/")
	if len(parts) > 1 && (parts[0] == "engine" || parts[0] == "app") {
		return parts[0] + "/" + parts[1]
	}
	return parts[0]
}

// layer is the index into layers, or -1 where a folder has none.
func layer(unit string) int {
	return slices.IndexFunc(layers, func(names []string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			ok, _ := filepath.Match(name, unit)
			return ok
		})
	})
}

// checkImport says what is wrong with an import of package pkg, "" when nothing is.
func checkImport(pkg, path string) string {
	own, rest, _ := strings.Cut(path, "/")
	if own != "switchyard" {
		if first, _, _ := strings.Cut(path, "/"); unit(pkg) == "internal" && strings.Contains(first, ".") {
			return "internal imports only the standard library, not " + path
		}
		return ""
	}
	if rest == "" {
		rest = "."
	}
	from, to := unit(pkg), unit(rest)
	a, b := layer(from), layer(to)
	switch {
	case from == to:
		return ""
	case a < 0:
		return from + " has no layer: give it one in arch_test.go"
	case b < 0:
		return to + " has no layer: give it one in arch_test.go"
	case a == b && exceptions[[2]string{from, to}] != "":
		return ""
	case a == b:
		return from + " must not import " + to + " of its own layer"
	case a > b:
		return from + " must not import " + to + " of a higher layer"
	}
	return ""
}

// checkEngine says what makes a file of engine/ impure.
func checkEngine(fset *token.FileSet, f *ast.File) []string {
	var bad []string
	timeName := ""
	for _, spec := range f.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		first, _, _ := strings.Cut(path, "/")
		if slices.Contains(engineForbidden, first) && !slices.Contains(engineAllowed, path) {
			bad = append(bad, "engine must not import "+path)
		}
		if path == "time" {
			if timeName = "time"; spec.Name != nil {
				timeName = spec.Name.Name
			}
		}
	}
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			bad = append(bad, fmt.Sprintf("line %d: engine must not start goroutines", fset.Position(n.Pos()).Line))
		case *ast.SelectorExpr:
			x, ok := n.X.(*ast.Ident)
			if ok && timeName != "" && x.Name == timeName && slices.Contains(engineCalls, n.Sel.Name) {
				bad = append(bad, fmt.Sprintf("line %d: engine must not call time.%s: time is an argument",
					fset.Position(n.Pos()).Line, n.Sel.Name))
			}
		}
		return true
	})
	return bad
}

// checkFile applies both rules to one file of package pkg (its folder from the root).
func checkFile(pkg, name string, src any) ([]string, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var bad []string
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return nil, err
		}
		if wrong := checkImport(pkg, path); wrong != "" {
			bad = append(bad, wrong)
		}
	}
	if strings.HasPrefix(pkg, "engine/") {
		bad = append(bad, checkEngine(fset, f)...)
	}
	return bad, nil
}

// goFiles are the Go files of the module that are built, tests left out: a test may use anything.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != "." && (name == "testdata" || name == "node_modules" || strings.HasPrefix(name, ".") || path == "e2e") {
			return filepath.SkipDir
		}
		if !d.IsDir() && strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestImportsPointDownAndEngineIsPure(t *testing.T) {
	files := goFiles(t)
	if len(files) == 0 {
		t.Fatal("no Go files found: run from the root of the module")
	}
	for _, path := range files {
		bad, err := checkFile(filepath.ToSlash(filepath.Dir(path)), path, nil)
		if err != nil {
			t.Error(err)
		}
		for _, b := range bad {
			t.Errorf("%s: %s", path, b)
		}
	}
}

// The test of the test: what must be caught is caught, what is right passes.
func TestArchitectureRulesCatch(t *testing.T) {
	cases := []struct{ pkg, src, want string }{
		{"media", `import "switchyard/codec/vp8"`, "higher layer"},
		{"codec/vp8", `import "switchyard/engine/ingest"`, "higher layer"},
		{"sfu", `import "switchyard/server"`, "higher layer"},
		{"peer/udp", `import "switchyard/sfu"`, "of its own layer"},
		{"signal/ws", `import "switchyard/sfu"`, "of its own layer"},
		{"engine/egress", `import "switchyard/engine/ingest"`, "of its own layer"},
		{"app/conference", `import "switchyard/app/remote"`, "of its own layer"},
		{"app/conference", `import "switchyard"`, "higher layer"},
		{"internal/simnet", `import "golang.org/x/sys/unix"`, "standard library"},
		{"internal/simnet", `import "switchyard/media"`, "higher layer"},
		{"helpers", `import "switchyard/media"`, "has no layer"},
		{"engine/bwe", `import "net"`, "must not import net"},
		{"engine/bwe", `import "net/http"`, "must not import net/http"},
		{"engine/bwe", `import "sync"`, "must not import sync"},
		{"engine/bwe", `import "log/slog"`, "must not import log/slog"},
		{"engine/bwe", `import "os"`, "must not import os"},
		{"engine/bwe", `func f() { go f() }`, "goroutines"},
		{"engine/bwe", `import "time"; var now = time.Now`, "time.Now"},
		{"engine/bwe", `import clock "time"; func f() { clock.Sleep(1) }`, "time.Sleep"},

		{"engine/bwe", `import ("net/netip"; "sync/atomic"; "time"); func f(now time.Time) {}`, ""},
		{"engine/egress", `import "switchyard/codec/vp8"`, ""},
		{"sfu", `import ("switchyard/peer/udp"; "switchyard/engine/egress"; "log/slog")`, ""},
		{"peer", `import "switchyard/peer/ice"`, ""},
		{"cmd/switchyard", `import ("switchyard"; "switchyard/client")`, ""},
		{"media", `import "switchyard/internal/ring"`, ""},
		{".", `import "switchyard/server"`, ""},
	}
	for _, c := range cases {
		bad, err := checkFile(c.pkg, "synthetic.go", "package p\n"+c.src)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(bad, "; ")
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s with %s: got %q, want %q", c.pkg, c.src, got, c.want)
		}
	}
}

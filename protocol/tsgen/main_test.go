package main

import (
	"bytes"
	"os"
	"testing"
)

const generated = "../../web/sdk/src/protocol.ts"

func TestGeneratedFileIsCurrent(t *testing.T) {
	src, err := parse("..")
	if err != nil {
		t.Fatal(err)
	}
	want, err := src.typescript()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(generated)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("%s differs from package protocol: run go generate ./protocol", generated)
	}
}

func TestEveryMessageIsGenerated(t *testing.T) {
	src, err := parse("..")
	if err != nil {
		t.Fatal(err)
	}
	if len(src.messages) == 0 {
		t.Fatal("no messages found")
	}
	types := 0
	for _, c := range src.constants {
		if len(c.name) > 4 && c.name[:4] == "Type" && c.typ == "" {
			types++
		}
	}
	if types != len(src.messages) {
		t.Fatalf("%d Type constants but %d entries in Messages", types, len(src.messages))
	}
}

func TestFieldWithoutTypeScriptTypeIsAnError(t *testing.T) {
	dir := t.TempDir()
	code := "package p\n\ntype X struct {\n\tC chan int `json:\"c\"`\n}\n"
	if err := os.WriteFile(dir+"/p.go", []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := parse(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := src.typescript(); err == nil {
		t.Fatal("a channel was given a TypeScript type")
	}
}

// Command tsgen writes the TypeScript types of the protocol from the Go source of package protocol,
// comments included. It runs by `go generate ./protocol`.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	dir := flag.String("dir", ".", "folder of package protocol")
	out := flag.String("o", "", "file to write; empty prints it")
	flag.Parse()
	if err := run(*dir, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(dir, out string) error {
	src, err := parse(dir)
	if err != nil {
		return err
	}
	text, err := src.typescript()
	if err != nil {
		return err
	}
	if out == "" {
		_, err = os.Stdout.Write(text)
		return err
	}
	return os.WriteFile(out, text, 0o644)
}

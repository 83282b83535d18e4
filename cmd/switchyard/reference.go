package main

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

//go:generate go run . help --reference ../../docs/config.md

// flagGroups are the chapters of the reference and of serve's help, in order.
var flagGroups = []kong.Group{
	{Key: "address", Title: "Addresses"},
	{Key: "access", Title: "Access"},
	{Key: "files", Title: "Files"},
	{Key: "turn", Title: "STUN and TURN"},
	{Key: "room", Title: "Rooms"},
	{Key: "webhook", Title: "Webhook"},
	{Key: "certificate", Title: "Certificate"},
	{Key: "operation", Title: "Operation"},
	{Key: "log", Title: "Log"},
}

const referenceHead = `# Configuration

<!-- Made by go generate ./cmd/switchyard from the flags of serve. Do not edit. -->

Every setting is a flag of ` + "`switchyard serve`" + ` and a key of its configuration file, which
` + "`--config FILE`" + ` names: YAML, the keys on the outermost level. A flag wins over the file. A key that
does not exist, or stands twice, is an error. What can be repeated is a list in the file; durations are
such as ` + "`90s`, `30m`, `12h`" + `. [deploy/switchyard.yaml](../deploy/switchyard.yaml) is an example.

No setting is needed: without any, the server listens on ` + "`localhost:8080`" + ` and the media port 8443, keeps
its state in the folder ` + "`data`" + ` and prints a link.
`

// reference describes the flags of serve in Markdown.
func reference(app *kong.Application) []byte {
	chapters := map[string][]*kong.Flag{}
	for _, f := range child(app.Node, "serve").Flags {
		if f.Name == "help" || f.Name == "config" || f.Hidden {
			continue
		}
		key := ""
		if f.Group != nil {
			key = f.Group.Key
		}
		chapters[key] = append(chapters[key], f)
	}
	var out bytes.Buffer
	out.WriteString(referenceHead)
	for _, g := range append(flagGroups[:len(flagGroups):len(flagGroups)], kong.Group{Title: "Other"}) {
		if len(chapters[g.Key]) == 0 {
			continue
		}
		fmt.Fprintf(&out, "\n## %s\n", g.Title)
		for _, f := range chapters[g.Key] {
			fmt.Fprintf(&out, "\n### `%s`\n\n%s\n", f.Name, described(f))
		}
	}
	return out.Bytes()
}

// described says what a setting does, how it is written, and what it is without it.
func described(f *kong.Flag) string {
	form := "`--" + f.Name
	switch {
	case f.IsBool() || f.Target.Kind() == reflect.Pointer && f.Target.Type().Elem().Kind() == reflect.Bool:
		form += "`"
		if f.Negated || f.Tag.Negatable != "" {
			form += ", `--no-" + f.Name + "`"
		}
		form += "; `true` or `false`"
	case f.IsSlice():
		form += " " + f.PlaceHolder + "`; a list"
	default:
		form += " " + f.PlaceHolder + "`"
	}
	if f.Enum != "" {
		form += "; one of `" + strings.ReplaceAll(f.Enum, ",", "`, `") + "`"
	}
	preset := "unset"
	if f.HasDefault && f.Default != "" {
		preset = "`" + f.Default + "`"
	}
	return wrap(f.Help, 100) + "\n\n" + form + " · default: " + preset
}

// wrap breaks a text into lines of at most width bytes.
func wrap(text string, width int) string {
	var out strings.Builder
	line := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i > 0 && line+1+len(word) > width:
			out.WriteByte('\n')
			line = 0
		case i > 0:
			out.WriteByte(' ')
			line++
		}
		out.WriteString(word)
		line += len(word)
	}
	return out.String()
}

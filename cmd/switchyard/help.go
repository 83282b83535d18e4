package main

import (
	"context"
	"os"

	"github.com/alecthomas/kong"
)

// HelpCmd prints the help of a verb: the same text as "switchyard VERB --help".
type HelpCmd struct {
	Verb      []string `arg:"" optional:"" help:"The verb to explain."`
	Reference string   `hidden:"" help:"Write the reference of serve's settings to this file instead." type:"path"`
}

// Run prints the help.
func (c *HelpCmd) Run(ctx context.Context, app *kong.Kong, std *Streams) error {
	if c.Reference != "" {
		return os.WriteFile(c.Reference, reference(app.Model), 0o644)
	}
	node := app.Model.Node
	for _, name := range c.Verb {
		if node = child(node, name); node == nil {
			return Usagef("there is no verb %q; switchyard help lists them", name)
		}
	}
	run(ctx, append(append([]string{}, c.Verb...), "--help"), std)
	return nil
}

func child(node *kong.Node, name string) *kong.Node {
	for _, c := range node.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

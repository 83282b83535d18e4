package auth

import (
	"fmt"
	"slices"
	"strings"

	"switchyard/protocol"
)

var sources = []string{
	string(protocol.SourceCamera), string(protocol.SourceMicrophone),
	string(protocol.SourceScreen), string(protocol.SourceScreenAudio),
	string(protocol.SourceFile), string(protocol.SourceBridge), string(protocol.SourceMix),
}

// ParseGrants reads grants as the command line has them: a comma-separated list of publish,
// subscribe, data, moderate, record, admin, and publish:camera+microphone for some sources only.
func ParseGrants(s string) (protocol.Grants, error) {
	var g protocol.Grants
	for word := range strings.SplitSeq(s, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		if err := addGrant(&g, word); err != nil {
			return protocol.Grants{}, err
		}
	}
	return g, nil
}

func addGrant(g *protocol.Grants, word string) error {
	switch word {
	case "publish":
		g.Publish = []string{"*"}
	case "subscribe":
		g.Subscribe = true
	case "data":
		g.Data = true
	case "moderate":
		g.Moderate = true
	case "record":
		g.Record = true
	case "admin":
		g.Admin = true
	default:
		list, ok := strings.CutPrefix(word, "publish:")
		if !ok {
			return fmt.Errorf("auth: unknown grant %q: use publish, publish:SOURCE+SOURCE, subscribe, data, moderate, record or admin", word)
		}
		return addSources(g, list)
	}
	return nil
}

func addSources(g *protocol.Grants, list string) error {
	for src := range strings.SplitSeq(list, "+") {
		if src != "*" && !slices.Contains(sources, src) {
			return fmt.Errorf("auth: unknown source %q: use %s", src, strings.Join(sources, ", "))
		}
		switch {
		case slices.Contains(g.Publish, "*") || slices.Contains(g.Publish, src):
		case src == "*":
			g.Publish = []string{"*"}
		default:
			g.Publish = append(g.Publish, src)
		}
	}
	return nil
}

// FormatGrants writes grants so that ParseGrants reads them back.
func FormatGrants(g protocol.Grants) string {
	var words []string
	switch {
	case slices.Contains(g.Publish, "*"):
		words = append(words, "publish")
	case len(g.Publish) > 0:
		words = append(words, "publish:"+strings.Join(g.Publish, "+"))
	}
	for _, w := range []struct {
		set  bool
		word string
	}{{g.Subscribe, "subscribe"}, {g.Data, "data"}, {g.Moderate, "moderate"}, {g.Record, "record"}, {g.Admin, "admin"}} {
		if w.set {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, ",")
}

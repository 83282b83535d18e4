package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

// VersionCmd prints the version.
type VersionCmd struct {
	JSON bool `help:"Print JSON."`
}

// buildVersion is what the binary was built from, as far as the toolchain recorded it.
type buildVersion struct {
	Version  string `json:"version"` // module version; "devel" for a build from a working tree
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty"` // of the commit, RFC 3339
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readVersion() buildVersion {
	v := buildVersion{Version: "devel", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if m := info.Main.Version; m != "" && m != "(devel)" {
		v.Version = m
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// Run prints the version.
func (c *VersionCmd) Run(std *Streams) error {
	v := readVersion()
	if c.JSON {
		return json.NewEncoder(std.Out).Encode(v)
	}
	line := "switchyard " + v.Version
	if v.Revision != "" {
		line += " " + v.Revision[:min(12, len(v.Revision))]
		if v.Modified {
			line += "+changes"
		}
	}
	_, err := fmt.Fprintf(std.Out, "%s %s %s\n", line, v.Go, v.Platform)
	return err
}

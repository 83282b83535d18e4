package server

import (
	"runtime/debug"
	"sync"
)

// build is what this binary was built from, as far as the toolchain recorded it.
type build struct{ Version, Revision, Go string }

var version = sync.OnceValue(func() build {
	b := build{Version: "devel"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Go = info.GoVersion
	if v := info.Main.Version; v != "" && v != "(devel)" {
		b.Version = v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value[:min(12, len(s.Value))]
		}
	}
	return b
})

package server

import (
	"net/http"
	"net/http/pprof"
	rpprof "runtime/pprof"

	"switchyard/protocol"
)

// profiles serves Go's profiles below /v1/admin/profile/: "cpu" (with ?seconds=N, under 30), "trace", and by
// name what the runtime keeps, such as "heap", "allocs", "goroutine", "mutex". They are what `go tool
// pprof` reads.
func (s *Server) profiles(w http.ResponseWriter, r *http.Request) {
	switch name := r.PathValue("name"); {
	case name == "cpu":
		pprof.Profile(w, r)
	case name == "trace":
		pprof.Trace(w, r)
	case rpprof.Lookup(name) != nil:
		pprof.Handler(name).ServeHTTP(w, r)
	default:
		fail(w, http.StatusNotFound, protocol.CodeNotFound,
			"There is no such profile. Ask for cpu, trace, heap, allocs, goroutine or mutex.")
	}
}

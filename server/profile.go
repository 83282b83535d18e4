package server

import (
	"net/http"
	"net/http/pprof"
	rpprof "runtime/pprof"
	"strconv"

	"switchyard/protocol"
)

// maxProfile is how many seconds a profile may take: it must be written before the server's write timeout.
const maxProfile = 25

// profiles serves Go's profiles below /v1/admin/profile/: "cpu" (with ?seconds=N, 25 at most), "trace", and by
// name what the runtime keeps, such as "heap", "allocs", "goroutine", "mutex". They are what `go tool
// pprof` reads.
func (s *Server) profiles(w http.ResponseWriter, r *http.Request) {
	if q := r.URL.Query().Get("seconds"); q != "" {
		if n, err := strconv.Atoi(q); err != nil || n < 1 || n > maxProfile {
			fail(w, http.StatusBadRequest, protocol.CodeBadMessage, "seconds must be 1 to "+strconv.Itoa(maxProfile)+".")
			return
		}
	}
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

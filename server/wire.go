package server

// newBackend makes what serves rooms and media.
func newBackend(s *Server) (*Backend, error) {
	return &Backend{}, nil
}

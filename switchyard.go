// Package switchyard is the library's front door: a whole Switchyard server in one call. Its parts
// are packages of their own and can be used without it; ARCHITECTURE.md shows the way.
//
//	s, err := switchyard.New(switchyard.Config{Data: "data"})
//	if err != nil { … }
//	defer s.Close()
//	err = s.Serve(ctx) // until ctx ends
package switchyard

import (
	"switchyard/server"
	"switchyard/turn"
)

// Config says where the server listens and keeps its state; the zero value works.
type Config = server.Config

// ACME says for which names to get certificates.
type ACME = server.ACME

// TURN says what the STUN and TURN server does; TURNSockets where real relays may send.
type (
	TURN        = server.TURN
	TURNSockets = turn.Sockets
)

// Server is a running server: Serve(ctx) answers until ctx ends, Close releases everything.
type Server = server.Server

// New opens the data folder and the listeners; nothing is answered before Serve.
func New(c Config) (*Server, error) { return server.New(c) }

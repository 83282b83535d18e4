// Package whip serves WHIP (RFC 9725), by which an encoder publishes into a room with one HTTP
// request, and WHEP (draft-ietf-wish-whep), by which a player watches one. Both are the same
// exchange: an SDP offer in, an answer out, and a URL that stands for the session.
//
//	POST    /whip/{room}, /whep/{room}   offer -> 201, answer, Location, ETag, Link (ICE servers)
//	OPTIONS both kinds of URL            what may be sent (Accept-Post, Accept-Patch), CORS
//	PATCH   {Location}                   candidates, which need nothing (204), or an ICE restart (200)
//	DELETE  {Location}                   ends the session; afterwards it is 404
//
// The package knows HTTP and nothing of media. What it needs of the server is [Rooms]: two methods
// that take an offer and give an answer. The server's answers are complete (all candidates, never
// trickled) and its ICE agent learns the client's addresses from the client's own checks, so
// candidates that clients trickle are read, checked and passed over.
//
// A token comes as "Authorization: Bearer", or as ?token= from players that cannot set headers.
// What it permits is for Rooms to say. The session's URL holds 128 random bits and is authority
// enough for PATCH and DELETE (RFC 9725 §5); a token that comes along must be the one that made the
// session.
//
// Every refusal is application/problem+json (RFC 9457), its detail saying what to change. Rates
// are limited by whoever mounts the handler; sizes are limited here.
//
//	h := whip.New(rooms, whip.Options{ICEServers: turnOverTCP})
//	mux.Handle("/whip/", h)
//	mux.Handle("/whep/", h)
package whip

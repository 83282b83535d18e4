package transfer

import "time"

// What says what an Event is about.
type What string

// What there is to tell.
const (
	LinkMade  What = "link"      // the sender has a link; Link, Code, Expires and Receivers are set
	CodeMade  What = "code"      // the sender has a new code
	Chosen    What = "chosen"    // a part of the offer is taken, as before
	Waiting   What = "waiting"   // for the other end
	Arrived   What = "arrived"   // the other end is there, and has the right secret
	Refused   What = "refused"   // somebody had a wrong secret
	Connected What = "connected" // there is a way; Kind and Direct are set
	Advanced  What = "progress"  // Progress is set
	Broken    What = "broken"    // the way is gone, and another one is looked for
	Completed What = "completed" // every byte is verified at this receiver
	Stopped   What = "stopped"   // this receiver did not get everything
)

// Event is something that a user may be told. Text is a sentence without its full stop, but where What is Advanced.
type Event struct {
	What What
	Text string

	// Peer and Name are the other end's; empty where the event is about the transfer.
	Peer, Name string

	Link      string
	Code      string
	Expires   time.Time
	Receivers int

	Kind     string // of the way
	Direct   bool
	Progress Progress
}

// wayWords says what a way is; moved says that it comes in the place of one that worked.
func wayWords(kind string, direct, moved bool) string {
	switch {
	case direct && moved:
		return "moved to a direct connection"
	case kind == kindRelay:
		return "connected through the server, which cannot read anything"
	case !direct:
		return "connected through the server's TURN relay, which cannot read anything"
	}
	return "connected directly"
}

package peer

// Answer reads an SDP offer and returns what was agreed and the SDP answer that says so (RFC 3264,
// RFC 9429). It is pure: it opens nothing and keeps nothing. prev is the session that the last
// answer of the same link made, nil for the first offer. What is wrong with an offer comes back as
// *OfferError, and prev then stays in force.
func Answer(offer string, local LocalDescription, prev *Session) (*Session, string, error) {
	return nil, "", &OfferError{Reason: "not yet"}
}

package protocol

// WatchLink asks for a LinkStats a second about the link to the server, or, without On, for no more. It
// also ends when the WebSocket drops: ask again after a resume. Answer: OK.
type WatchLink struct {
	On bool `json:"on"`
}

// LinkStats is how a client's link does as the server sees it: what it sends to that client, and what
// decides about it. Bitrates are in bits per second, over the last second where nothing else is said.
type LinkStats struct {
	// Estimate is what may be sent, 0 before there is a path; Target is what the server sends by now, less
	// where it empties a queue or more where it probes.
	Estimate int `json:"estimate"`
	Target   int `json:"target"`
	// Wanted is what all that is shown would take at its best.
	Wanted int `json:"wanted"`
	// Sent was sent and Acked arrived, over the last half second, as seen on the wire.
	Sent  int `json:"sent"`
	Acked int `json:"acked"`
	// Queue is how long packets wait on the way, in milliseconds.
	Queue float64 `json:"queue"`
	// Loss is the share of packets lost, 0 to 1; RTT is in milliseconds, 0 when unknown.
	Loss float64 `json:"loss"`
	RTT  float64 `json:"rtt"`
	// Limit is what holds the estimate: "delay" is the ordinary case, "loss", "remb" (the receiver's own
	// estimate), "silence" (no feedback comes), "drain" (a queue is being emptied) or "max".
	Limit string `json:"limit"`
	// Slots are those that a track feeds.
	Slots []SlotStats `json:"slots"`
}

// SlotStats is what one slot sends.
type SlotStats struct {
	MID   string    `json:"mid"`
	Kind  TrackKind `json:"kind"`
	Track TrackID   `json:"track"`
	// Codec is what is sent: the track's, or a backup's where the receiver cannot decode that. Absent while
	// nothing is sent.
	Codec string `json:"codec,omitempty"`
	// Width and Height are of the layer that is sent, in pixels, 0 while unknown.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// Temporals is how many temporal layers of it are sent, of TemporalsOf that there are; absent where it
	// has one only.
	Temporals   int `json:"temporals,omitempty"`
	TemporalsOf int `json:"temporalsOf,omitempty"`
	// Rate is what its payloads take.
	Rate int `json:"rate"`
	// Paused says why nothing is sent, as in Slot: "bandwidth", "codec" or "no-media".
	Paused string `json:"paused,omitempty" oneof:"bandwidth codec no-media"`
}

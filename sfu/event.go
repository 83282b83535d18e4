package sfu

import (
	"switchyard/media"
)

// Event is what a Link tells its owner. Events of one link come in order, from its shard: the
// handler must not block and must not call back into the SFU synchronously for long.
type Event interface{ isEvent() }

// Up says that media can flow: ICE and DTLS are through. It comes again after each recovery.
type Up struct{}

// Down says that consent was lost (RFC 7675): the client should restart ICE. The link lives on.
type Down struct{}

// Closed is the last event of a link. Err is nil when the owner closed it.
type Closed struct{ Err error }

// TrackStarted says what a published track carries: after its first packet, and again whenever
// codec or size changes. Width and Height are in pixels, 0 when not known.
type TrackStarted struct {
	Track         *Track
	Format        media.Format
	Width, Height int
}

// TrackLevel is the smoothed loudness of an audio track, 0 (silence) to 1, five times a second
// while it changes.
type TrackLevel struct {
	Track *Track
	Level float64
	Voice bool
}

// SlotLive says that the first packet of a generation left for the subscriber, and its timestamp.
type SlotLive struct {
	MID        string
	Generation uint32
	Timestamp  media.Ticks
}

// SlotPaused says that a slot's track is not sent, and why; an empty Reason: it can be again.
type SlotPaused struct {
	MID        string
	Generation uint32
	Reason     PauseReason
}

// PauseReason says why a slot sends nothing.
type PauseReason string

// The reasons.
const (
	PausedNot   PauseReason = ""
	PausedCodec PauseReason = "codec" // the subscriber cannot decode the track
	// PausedBandwidth: the estimate does not reach for it.
	PausedBandwidth PauseReason = "bandwidth"
	// PausedNoMedia: nothing comes that it could begin with. Only in SlotStats, for it is over in a moment
	// where the publisher sends.
	PausedNoMedia PauseReason = "no-media"
)

// DataOpened says that a DataChannel opened.
type DataOpened struct{ Label string }

// Data is a message on a DataChannel. Payload belongs to the handler.
type Data struct {
	Label   string
	Text    bool
	Payload []byte
}

func (Up) isEvent()           {}
func (Down) isEvent()         {}
func (Closed) isEvent()       {}
func (TrackStarted) isEvent() {}
func (TrackLevel) isEvent()   {}
func (SlotLive) isEvent()     {}
func (SlotPaused) isEvent()   {}
func (DataOpened) isEvent()   {}
func (Data) isEvent()         {}

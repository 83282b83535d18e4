package conference

import (
	"errors"

	"switchyard/engine/room"
	"switchyard/peer"
	"switchyard/protocol"
	"switchyard/sfu"
)

// Media is the media server. Forward makes one of *sfu.SFU.
type Media interface {
	// Connect answers the first offer of a link. Events may come before it returns.
	Connect(offer string, o sfu.LinkOptions) (Link, string, error)
}

// Link is one session's link to the server. Its methods may be called from any goroutine but those
// that bring events.
type Link interface {
	Offer(sdp string) (answer string, err error)
	// Session is what the last offer and answer agreed on.
	Session() *peer.Session
	Publish(mid, id string) (Track, error)
	// Feed makes a track the source of a slot; nil empties it.
	Feed(mid string, t Track, generation uint32)
	// Show tells how a slot is shown.
	Show(mid string, v sfu.View)
	SendData(label string, b []byte, text bool)
	Stats() (sfu.LinkStats, bool)
	Close()
}

// Track is a publication.
type Track interface{ Close() }

// Forward serves rooms by an SFU.
func Forward(s *sfu.SFU) Media { return forwarder{s} }

type forwarder struct{ sfu *sfu.SFU }

func (f forwarder) Connect(offer string, o sfu.LinkOptions) (Link, string, error) {
	l, answer, err := f.sfu.Connect(offer, o)
	if err != nil {
		return nil, "", err
	}
	return Forwarded{l}, answer, nil
}

// Forwarded is a Link of an SFU, for who wants more of it than a room does (a tap).
type Forwarded struct{ *sfu.Link }

// Publish implements Link.
func (l Forwarded) Publish(mid, id string) (Track, error) {
	t, err := l.Link.Publish(mid, id)
	if err != nil {
		return nil, err
	}
	return t, nil
}

// Feed implements Link.
func (l Forwarded) Feed(mid string, t Track, generation uint32) {
	st, _ := t.(*sfu.Track) // a nil Track gives a nil *sfu.Track
	l.Link.Feed(mid, st, generation)
}

// linesOf are the m-lines of a session that carry media.
func linesOf(s *peer.Session) []room.Line {
	var lines []room.Line
	for i := range s.Media {
		m := &s.Media[i]
		if !m.Rejected && (m.Recv || m.Send) {
			l := room.Line{MID: m.MID, Kind: m.Kind, Recv: m.Recv, Send: m.Send, Pair: m.SlotStreamID}
			for _, c := range m.Codecs {
				l.Formats = append(l.Formats, c.Format)
			}
			lines = append(lines, l)
		}
	}
	return lines
}

// offerError says to a client why its offer got no answer.
func offerError(err error) *protocol.Error {
	if e, ok := errors.AsType[*peer.OfferError](err); ok {
		return protocol.NewError(protocol.CodeBadOffer, "The offer cannot be answered: "+e.Reason+".")
	}
	switch {
	case errors.Is(err, sfu.ErrTooMany):
		return &protocol.Error{Code: protocol.CodeLimit, Retryable: true, Message: "The server has as many links as it can carry. Try again later."}
	case errors.Is(err, sfu.ErrClosed):
		return &protocol.Error{Code: protocol.CodeShuttingDown, Retryable: true, Message: "The server is shutting down. Try again in a moment."}
	}
	return &protocol.Error{Code: protocol.CodeInternal, Retryable: true, Message: "The server could not make the link. Try again."}
}

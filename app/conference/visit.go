package conference

import (
	"context"
	"errors"
	"sync"
	"time"

	"switchyard/engine/room"
	"switchyard/media"
	"switchyard/protocol"
	"switchyard/sfu"
)

// Visit is somebody in a room without a WebSocket: a WHIP publisher or a WHEP viewer. Its methods are
// safe for concurrent use.
type Visit struct {
	actor   *actor
	session room.ID
	link    Link
	who     protocol.ParticipantID
	done    chan struct{}
	once    sync.Once
}

// Publish lets a WHIP client into a room with what its offer sends. Errors are *protocol.Error.
func (h *Host) Publish(ctx context.Context, name, token, offer string) (*Visit, string, error) {
	return h.visit(ctx, name, token, offer, sfu.LinkOptions{NoSend: true},
		func(a *actor, who room.Identity) error { return a.room.Admit(who) },
		func(a *actor, now time.Time, who room.Identity, lines []room.Line) (room.ID, error) {
			return a.room.EnterPublisher(now, who, lines, programme(who.Grants, lines))
		})
}

// Watch lets a WHEP client see a room's program. Errors are *protocol.Error.
func (h *Host) Watch(ctx context.Context, name, token, offer string) (*Visit, string, error) {
	return h.visit(ctx, name, token, offer, sfu.LinkOptions{NoRecv: true},
		func(a *actor, who room.Identity) error { return a.room.AdmitViewer(who) },
		func(a *actor, now time.Time, who room.Identity, lines []room.Line) (room.ID, error) {
			return a.room.EnterViewer(now, who, lines)
		})
}

// visit makes the link outside of the room's goroutine, between asking whether it would be let in and
// letting it in.
func (h *Host) visit(ctx context.Context, name, token, offer string, o sfu.LinkOptions,
	admit func(*actor, room.Identity) error,
	enter func(*actor, time.Time, room.Identity, []room.Line) (room.ID, error),
) (*Visit, string, error) {
	who, err := h.identify(name, token, time.Now())
	if err != nil {
		return nil, "", err
	}
	if who.Expired {
		return nil, "", protocol.NewError(protocol.CodeUnauthorized, "The token has expired. Ask for a new invitation.")
	}
	v := &Visit{done: make(chan struct{})}
	l := &link{id: h.linkID()}
	o.ID = l.id
	var refused error
	err = h.with(ctx, name, who.options, func(a *actor, _ time.Time) {
		v.actor, refused = a, admit(a, who.Identity)
		o.OnEvent = a.listener(l)
		a.limitLink(&o)
	})
	if err = first(err, refused); err != nil {
		return nil, "", err
	}
	made, answer, err := h.media.Connect(offer, o)
	if err != nil {
		return nil, "", offerError(err)
	}
	v.link, v.who, l.media = made, who.ID, made
	entered := v.actor.call(func(now time.Time) {
		refused = v.actor.settle(now, v, l, func() (room.ID, error) {
			return enter(v.actor, now, who.Identity, linesOf(made.Session()))
		})
	})
	if !entered {
		refused = errDraining
	}
	if refused != nil {
		made.Close()
		return nil, "", refused
	}
	return v, answer, nil
}

func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// settle makes a visit's link known before the room asks for its tracks.
func (a *actor) settle(_ time.Time, v *Visit, l *link, enter func() (room.ID, error)) error {
	if l.closed {
		return offerError(errors.New("conference: the link has ended"))
	}
	id, err := enter()
	if err != nil {
		return err
	}
	v.session, l.session = id, id
	a.links[id], a.visits[id] = l, v
	return nil
}

// Offer answers another offer of the same client: an ICE restart (RFC 9725 §4.3).
func (v *Visit) Offer(sdp string) (string, error) {
	answer, err := v.link.Offer(sdp)
	if err != nil {
		return "", offerError(err)
	}
	lines := linesOf(v.link.Session())
	v.actor.call(func(time.Time) { v.actor.room.Relined(v.session, lines) })
	return answer, nil
}

// Close ends the visit.
func (v *Visit) Close() {
	v.actor.call(func(now time.Time) { v.actor.room.End(now, v.session) })
}

// Identity is who visits, as the token says.
func (v *Visit) Identity() protocol.ParticipantID { return v.who }

// Done is closed when the visit is over, whoever ended it.
func (v *Visit) Done() <-chan struct{} { return v.done }

func (a *actor) closeVisit(id room.ID) {
	if v := a.visits[id]; v != nil {
		delete(a.visits, id)
		v.once.Do(func() { close(v.done) })
	}
}

// programme names what a WHIP client sends: the first video is its camera, a second one its screen, and
// so the audio; or the first source that its grants allow.
func programme(g protocol.Grants, lines []room.Line) []protocol.PublishTrack {
	video := []protocol.TrackSource{protocol.SourceCamera, protocol.SourceScreen, protocol.SourceBridge, protocol.SourceFile, protocol.SourceMix}
	audio := []protocol.TrackSource{protocol.SourceMicrophone, protocol.SourceScreenAudio, protocol.SourceBridge, protocol.SourceFile, protocol.SourceMix}
	var tracks []protocol.PublishTrack
	for _, l := range lines {
		if !l.Recv {
			continue
		}
		sources := &audio
		if l.Kind == media.Video {
			sources = &video
		}
		tracks = append(tracks, protocol.PublishTrack{MID: l.MID, Kind: kindOf(l.Kind), Source: pick(g, sources)})
	}
	return tracks
}

// pick takes the first allowed source off the list; the last resort can be taken often.
func pick(g protocol.Grants, sources *[]protocol.TrackSource) protocol.TrackSource {
	for i, s := range *sources {
		if g.MayPublish(s) {
			if i+1 < len(*sources) {
				*sources = (*sources)[i+1:]
			}
			return s
		}
	}
	return (*sources)[0] // refused by the room, in words
}

package conference

import (
	"time"

	"switchyard/engine/room"
	"switchyard/media"
	"switchyard/protocol"
	"switchyard/sfu"
)

// link is a session's link to the server. Its fields are the actor's.
type link struct {
	id      string
	session room.ID
	media   Link // nil while the first offer is being answered
	closed  bool // the session wants it no more
}

// answer has an offer answered, off the room's goroutine: large offers take milliseconds. The room asks
// for one at a time per session, so answers come in order.
func (a *actor) answer(o room.AnswerOffer) {
	l := a.links[o.Session]
	if l == nil {
		l = &link{id: a.host.linkID(), session: o.Session}
		a.links[o.Session] = l
	}
	made := l.media
	options := sfu.LinkOptions{ID: l.id, OnEvent: a.listener(l)}
	a.limitLink(&options)
	go func() { // ends with the answer
		var text string
		var err error
		fresh := made == nil
		if fresh {
			made, text, err = a.host.media.Connect(o.SDP, options)
		} else {
			text, err = made.Offer(o.SDP)
		}
		posted := a.box.post(func() { a.answered(o, l, made, text, err) })
		if !posted && fresh && err == nil {
			made.Close()
		}
	}()
}

func (a *actor) answered(o room.AnswerOffer, l *link, made Link, text string, err error) {
	switch {
	case err != nil:
		a.log.Info("offer refused", "link", l.id, "error", err)
		if l.media == nil && a.links[o.Session] == l {
			delete(a.links, o.Session)
		}
		a.room.Answered(time.Now(), o.Session, o.Ticket, room.Answer{Err: offerError(err)})
	case l.closed:
		if l.media == nil {
			made.Close()
		}
	default:
		l.media = made
		a.room.Answered(time.Now(), o.Session, o.Ticket, room.Answer{SDP: text, Lines: linesOf(made.Session())})
	}
}

// closeLink ends a session's link, if it has one; its tracks end with it.
func (a *actor) closeLink(id room.ID) {
	l := a.links[id]
	if l != nil {
		delete(a.links, id)
		l.closed = true
		if l.media != nil {
			l.media.Close()
		}
	}
	if s := a.subs[id]; s != nil {
		s.Forget()
		clear(s.slots)
		clear(s.fed)
		clear(s.shown)
	}
}

func (a *actor) publish(o room.PublishTrack) {
	l := a.links[o.Session]
	known := o.Track // to the media server, which knows a backup as the track that it is of
	if o.BackupOf != "" {
		known = o.BackupOf
	}
	if l == nil || l.media == nil || o.BackupOf != "" && a.tracks[o.BackupOf] == nil {
		a.room.TrackFailed(o.Track, "the link is gone")
		return
	}
	t, err := l.media.Publish(o.MID, string(known))
	if err != nil {
		a.log.Warn("publish failed", "link", l.id, "mid", o.MID, "error", err)
		a.room.TrackFailed(o.Track, "its m-line cannot be received")
		return
	}
	if o.BackupOf != "" {
		a.backup(o, t)
		return
	}
	who, _ := a.room.Who(o.Session)
	a.tracks[o.Track] = &published{encoding: encoding{id: o.Track, mid: o.MID, media: t}, owner: who, can: o.Formats}
}

func (a *actor) unpublish(id protocol.TrackID) {
	if a.dropBackup(id) {
		return
	}
	if t, ok := a.tracks[id]; ok {
		delete(a.tracks, id)
		delete(a.demands, id)
		t.media.Close()
	}
	a.ranking.Remove(id)
}

// listener posts the events of a link to the room. It is called on a shard and never blocks.
func (a *actor) listener(l *link) func(sfu.Event) {
	return func(e sfu.Event) {
		switch e := e.(type) {
		case sfu.TrackLevel:
			a.box.postLevel(protocol.TrackID(e.Track.ID), level{e.Level, e.Voice})
		case sfu.Data:
			if !a.box.postData(len(e.Payload), func() { a.relay(l, e) }) {
				a.host.count.dataDropped.Add(1)
			}
		default:
			a.box.post(func() { a.onEvent(l, e) })
		}
	}
}

func (a *actor) onEvent(l *link, e sfu.Event) {
	if _, over := e.(sfu.Closed); over && l.session == 0 { // a visit that has not begun
		l.closed = true
	}
	if l.closed || a.links[l.session] != l {
		return
	}
	switch e := e.(type) {
	case sfu.Up:
		a.room.LinkUp(l.session)
	case sfu.Down:
		a.log.Info("link lost its path", "link", l.id)
		a.room.LinkDown(l.session)
	case sfu.Closed:
		a.log.Info("link closed", "link", l.id, "error", e.Err)
		a.closeLink(l.session)
		a.room.LinkClosed(time.Now(), l.session)
	case sfu.TrackStarted:
		a.started(e)
	case sfu.TrackWanted:
		if e.Track.Kind == media.Video { // speakers are ranked by sound that nobody may receive yet
			a.need(time.Now(), e)
		}
	case sfu.SlotLive:
		a.slotLive(l, e)
	case sfu.SlotPaused:
		a.slotPaused(l, e)
	}
}

// slotLive tells a subscriber from which timestamp on its slot shows the new track.
func (a *actor) slotLive(l *link, e sfu.SlotLive) {
	a.tellSlot(l, e.MID, e.Generation, func(s *protocol.Slot) {
		ts := uint32(e.Timestamp)
		s.Timestamp, s.Paused = &ts, ""
	})
}

func (a *actor) slotPaused(l *link, e sfu.SlotPaused) {
	a.tellSlot(l, e.MID, e.Generation, func(s *protocol.Slot) { s.Paused = string(e.Reason) })
}

// tellSlot changes what a subscriber knows of a slot, unless it is of an older generation.
func (a *actor) tellSlot(l *link, mid string, generation uint32, change func(*protocol.Slot)) {
	s := a.subs[l.session]
	if s == nil {
		return
	}
	slot, ok := s.slots[mid]
	if !ok || slot.Generation != generation {
		return
	}
	change(&slot)
	s.slots[mid] = slot
	if !s.hidden {
		a.room.Slots(l.session, []protocol.Slot{slot})
	}
}

func kindOf(k media.Kind) protocol.TrackKind { return protocol.TrackKind(k.String()) }

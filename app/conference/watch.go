package conference

import (
	"time"

	"switchyard/engine/room"
	"switchyard/media"
	"switchyard/protocol"
	"switchyard/sfu"
)

// watchEvery is how often a session that wants to know is told how its link does.
const watchEvery = time.Second

// watch is what is remembered of a link from one look to the next.
type watch struct {
	link   *link             // that was looked at
	at     time.Time         // zero before the first look
	bytes  map[string]uint64 // sent until then, by MID
	asking bool              // its shard has not answered the last look yet
}

// watch begins or ends to tell a session how its link does.
func (a *actor) watch(o room.WatchLink) {
	if !o.On {
		delete(a.watches, o.Session)
		if len(a.watches) == 0 {
			a.watchAt = time.Time{}
		}
		return
	}
	a.watches[o.Session] = &watch{}
	if a.watchAt.IsZero() {
		a.watchAt = time.Now()
	}
}

// look asks for the state of the links that are watched, off the room's goroutine: the shards answer when
// they come to it.
func (a *actor) look(now time.Time) {
	if a.watchAt.IsZero() || now.Before(a.watchAt) {
		return
	}
	a.watchAt = now.Add(watchEvery)
	for id, w := range a.watches {
		l := a.links[id]
		if l == nil || l.media == nil || w.asking {
			continue
		}
		w.asking = true
		made := l.media
		go func() { // ends with the answer
			st, ok := made.Stats()
			a.box.post(func() { a.looked(id, w, l, st, ok) })
		}()
	}
}

// looked tells a session what was found. The first look at a link only gives what the next is compared with.
func (a *actor) looked(id room.ID, w *watch, l *link, st sfu.LinkStats, ok bool) {
	w.asking = false
	if a.watches[id] != w || !ok {
		return
	}
	if w.link != l {
		*w = watch{link: l}
	}
	now, before, at := time.Now(), w.bytes, w.at
	w.at, w.bytes = now, make(map[string]uint64, len(st.Slots))
	for i := range st.Slots {
		w.bytes[st.Slots[i].MID] = st.Slots[i].Bytes
	}
	if passed := now.Sub(at); !at.IsZero() && passed > 0 {
		a.room.LinkStats(id, linkStats(&st, before, passed))
	}
}

// linkStats puts a link's state into words of the protocol. before are the bytes that each slot had sent
// when that time began to pass.
func linkStats(st *sfu.LinkStats, before map[string]uint64, passed time.Duration) protocol.LinkStats {
	e := &st.Estimate
	m := protocol.LinkStats{
		Wanted: int(st.Wanted), Sent: int(e.Sending), Acked: int(e.Acked), Queue: milliseconds(e.Queue),
		Loss: st.Send.Loss, RTT: milliseconds(st.RTT), Limit: e.Limit.String(), Slots: []protocol.SlotStats{},
	}
	if st.Up {
		m.Estimate, m.Target = int(e.Steady), int(e.Target)
	}
	for i := range st.Slots {
		s := &st.Slots[i]
		if s.Track == "" {
			continue
		}
		sent := s.Bytes - min(before[s.MID], s.Bytes)
		slot := protocol.SlotStats{MID: s.MID, Kind: kindOf(s.Kind), Track: protocol.TrackID(s.Track),
			Rate: int(float64(8*sent) / passed.Seconds()), Paused: string(s.Reason)}
		if s.Codec != media.UnknownCodec {
			slot.Codec = s.Codec.String()
		}
		if s.Kind == media.Video {
			slot.Width, slot.Height = s.Showing.Width, s.Showing.Height
			if s.TemporalsOf > 1 {
				slot.Temporals, slot.TemporalsOf = s.Temporals, s.TemporalsOf
			}
		}
		m.Slots = append(m.Slots, slot)
	}
	return m
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

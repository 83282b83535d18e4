package room

import (
	"time"

	"switchyard/protocol"
)

func (r *Room) onWatchLink(_ time.Time, s *session, e protocol.Envelope) error {
	var m protocol.WatchLink
	if err := e.Into(&m); err != nil {
		return err
	}
	if m.On != s.watches {
		s.watches = m.On
		r.emit(WatchLink{Session: s.id, On: m.On})
	}
	r.ok(s, e)
	return nil
}

// unwatch ends what a session that goes or is away has no use for.
func (r *Room) unwatch(s *session) {
	if s.watches {
		s.watches = false
		r.emit(WatchLink{Session: s.id})
	}
}

// LinkStats tells a session how its link does, if it still wants to know.
func (r *Room) LinkStats(id ID, m protocol.LinkStats) {
	if s := r.sessions[id]; s != nil && s.watches {
		r.send(s, 0, protocol.TypeLinkStats, m)
	}
}

package sfu

import (
	"switchyard/engine/egress"
	"switchyard/media"
)

// notice tells the owner what a track carries when that changed.
func (l *Link) notice(now media.Time, r *receiver) {
	t := r.track
	format, ok := r.in.Current()
	if !ok {
		return
	}
	if table := r.in.Formats(); len(table) != len(*t.formats.Load()) {
		t.formats.Store(&table)
		l.refreshSources(t)
	}
	if r.in.Changed() != t.changed {
		l.relayer(now, r)
	}
	width, height := r.in.Size()
	e := TrackStarted{Track: t, Format: format, Width: width, Height: height}
	if e.Format != t.last.Format {
		t.carry(format)
	}
	if e != t.last {
		t.last = e
		l.emit(e)
	}
}

// carry takes what comes from now on. Slots that cannot send it need nothing any more, and those that could not
// send what came before may do.
func (t *Track) carry(f media.Format) {
	t.current.Store(&f)
	for i := range t.fans {
		fan := &t.fans[i]
		fan.shard.post(func() {
			fan.restart(func(s *slot) bool {
				if s.kind != media.Video || s.out.Paused() != egress.Codec && s.out.Takes(f) {
					return false
				}
				s.link.share.stale = true
				return true
			})
		})
	}
}

// refreshSources gives every slot that t feeds its longer table of formats.
func (l *Link) refreshSources(t *Track) {
	for i := range t.fans {
		fan := &t.fans[i]
		fan.shard.post(func() { fan.restart(func(*slot) bool { return true }) })
	}
}

// tellRTT lets the NACKs to the publisher be spaced by the round trip.
func (l *Link) tellRTT() {
	if len(l.receivers) == 0 {
		return
	}
	rtt := l.twccOut.RTT()
	if rtt == 0 {
		rtt = l.peer.RTT()
	}
	if rtt == 0 {
		return
	}
	for _, r := range l.receivers {
		r.in.SetRTT(rtt)
	}
}

// levels tells the owner how loud its audio tracks are, where that changed, and everyone what the layers
// of its video cost.
func (l *Link) levels(now media.Time) {
	for _, r := range l.receivers {
		if r.track == nil {
			continue
		}
		if r.kind == media.Video {
			l.relayer(now, r)
			continue
		}
		level, voice := r.in.Level(now)
		if level == r.track.level && voice == r.track.voice {
			continue
		}
		r.track.level, r.track.voice = level, voice
		l.emit(TrackLevel{Track: r.track, Level: level, Voice: voice})
	}
}

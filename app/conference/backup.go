package conference

import (
	"slices"
	"time"

	"switchyard/engine/room"
	"switchyard/media"
	"switchyard/protocol"
	"switchyard/sfu"
)

// A track has one encoding, and where somebody cannot decode that and its publisher can send another, backups.
// The media server knows all of them under the track's id, each on an m-line of its own; subscribers and the
// API know one track. Each slot is fed with the encoding that its subscriber can decode.

// encoding is one way in which a track is sent.
type encoding struct {
	id     protocol.TrackID // by which its publisher knows it: the track's, or the backup's own
	mid    string
	media  Track
	format media.Format // zero while not known: no packet came
}

// published is a track with the media behind it.
type published struct {
	encoding
	owner   protocol.ParticipantID
	can     []media.Format // that its m-line can send: what the publisher can encode
	backups []*encoding
	asked   []ask // for backups that its publisher does not send
}

// A backup that does not come is asked for again, for its publisher may be able to send it by then: after
// askPause, which doubles each time, and askTimes in all. A publisher that cannot is left alone.
const (
	askPause = 15 * time.Second
	askTimes = 4
)

// ask is what a publisher was asked for.
type ask struct {
	codec media.Codec
	times int
	at    time.Time // when to ask again, if at all
}

// idle reports whether it is not asked for any more.
func (k *ask) idle() bool { return k.times >= askTimes }

// asks returns how often a codec was asked for; where it was not, it is due.
func (p *published) asks(now time.Time, c media.Codec) ask {
	if i := slices.IndexFunc(p.asked, func(k ask) bool { return k.codec == c }); i >= 0 {
		return p.asked[i]
	}
	return ask{codec: c, at: now}
}

// was reports whether a codec was asked for.
func (p *published) was(c media.Codec) bool {
	return slices.ContainsFunc(p.asked, func(k ask) bool { return k.codec == c })
}

// on finds what is sent on an m-line; nil where that has ended.
func (p *published) on(mid string) *encoding {
	if mid == p.mid {
		return &p.encoding
	}
	for _, b := range p.backups {
		if b.mid == mid {
			return b
		}
	}
	return nil
}

// backup finds a second encoding by its id; it must be one of the track's.
func (p *published) backup(id protocol.TrackID) *encoding {
	return p.backups[slices.IndexFunc(p.backups, func(b *encoding) bool { return b.id == id })]
}

// decodable reports whether an m-line can receive a format. What is not known yet may be.
func decodable(l *room.Line, f media.Format) bool {
	return f.Codec == media.UnknownCodec || len(l.Formats) == 0 || slices.Contains(l.Formats, f)
}

// fit returns what of a track a slot is fed with, and whether its subscriber can decode that. Where it can
// decode nothing that there is, the slot stays with the track itself, and says so.
func (p *published) fit(l *room.Line) (e *encoding, ok bool) {
	if decodable(l, p.format) {
		return &p.encoding, true
	}
	for _, b := range p.backups {
		if decodable(l, b.format) {
			return b, true
		}
	}
	return &p.encoding, false
}

// backup takes a second encoding of a track.
func (a *actor) backup(o room.PublishTrack, t Track) {
	p := a.tracks[o.BackupOf]
	b := &encoding{id: o.Track, mid: o.MID, media: t}
	if i := slices.IndexFunc(o.Formats, func(f media.Format) bool { return f.Codec == o.Codec }); i >= 0 {
		b.format = o.Formats[i]
	}
	p.backups = append(p.backups, b)
	p.asked = slices.DeleteFunc(p.asked, func(k ask) bool { return k.codec == o.Codec })
	a.backups[o.Track] = p
	a.routing = true
}

// dropBackup ends a second encoding; false where there is none of that id.
func (a *actor) dropBackup(id protocol.TrackID) bool {
	p := a.backups[id]
	if p == nil {
		return false
	}
	delete(a.backups, id)
	delete(a.demands, id)
	gone := p.backup(id)
	gone.media.Close()
	p.backups = slices.DeleteFunc(p.backups, func(b *encoding) bool { return b == gone })
	p.asked = append(p.asked, ask{gone.format.Codec, 1, time.Now().Add(askPause)}) // it was of no use: not again at once
	a.routing = true
	return true
}

// started takes what an encoding carries, as its packets show it.
func (a *actor) started(e sfu.TrackStarted) {
	p := a.tracks[protocol.TrackID(e.Track.ID)]
	if p == nil {
		return
	}
	enc := p.on(e.Track.MID)
	if enc == nil {
		return
	}
	if enc.format != e.Format {
		enc.format = e.Format
		a.routing = true
	}
	if enc == &p.encoding {
		a.room.TrackStarted(enc.id, e.Format.Codec, e.Width, e.Height)
	}
}

// shortage is, by track, what those can decode who can decode none of its encodings.
type shortage map[protocol.TrackID][][]media.Format

// backUp asks publishers for the backups that somebody needs.
func (a *actor) backUp(now time.Time, s shortage) {
	a.askAt = time.Time{}
	for id, p := range a.tracks {
		if len(s[id]) == 0 {
			p.asked = nil // the next who needs one is worth another try
			continue
		}
		needed := p.missing(s[id])
		asked := make([]ask, 0, len(needed))
		for _, c := range needed {
			asked = append(asked, a.ask(now, id, p.asks(now, c)))
		}
		p.asked = asked
	}
}

// ask asks for a backup if it is time, and returns what is to be remembered of it.
func (a *actor) ask(now time.Time, id protocol.TrackID, k ask) ask {
	if !k.idle() && !now.Before(k.at) {
		k.at = now.Add(askPause << k.times)
		k.times++
		if a.room.AskBackup(id, k.codec) {
			a.host.count.backupsAsked.Add(1)
		} else {
			k.times = askTimes // nor can it be later
		}
	}
	if !k.idle() && (a.askAt.IsZero() || k.at.Before(a.askAt)) {
		a.askAt = k.at
	}
	return k
}

// askAgain has routes, and with them what is missing, looked at again when a backup did not come for a while.
func (a *actor) askAgain(now time.Time) {
	if !a.askAt.IsZero() && !now.Before(a.askAt) {
		a.askAt, a.routing = time.Time{}, true
	}
}

// backupOrder is in which codecs a backup is asked for: what most can decode comes first.
var backupOrder = []media.Codec{media.VP8, media.H264, media.VP9, media.AV1}

// missing chooses as few codecs as serve everybody in need, those that were asked for already before others.
func (p *published) missing(needy [][]media.Format) (codecs []media.Codec) {
	left := slices.Clone(needy)
	serve := func(f media.Format) {
		codecs = append(codecs, f.Codec)
		left = slices.DeleteFunc(left, func(can []media.Format) bool { return slices.Contains(can, f) })
	}
	count := func(f media.Format) (n int) {
		for _, can := range left {
			if slices.Contains(can, f) {
				n++
			}
		}
		return n
	}
	for _, asked := range []bool{true, false} {
		for len(codecs)+len(p.backups) < room.MaxBackups {
			best, most := media.Format{}, 0
			for _, f := range p.candidates() {
				if p.was(f.Codec) != asked || slices.Contains(codecs, f.Codec) {
					continue
				}
				if n := count(f); n > most {
					best, most = f, n
				}
			}
			if most == 0 {
				break
			}
			serve(best)
		}
	}
	return codecs
}

// candidates are the formats in which a backup could be sent, the most usual first.
func (p *published) candidates() (formats []media.Format) {
	for _, c := range backupOrder {
		if c == p.format.Codec || slices.ContainsFunc(p.backups, func(b *encoding) bool { return b.format.Codec == c }) {
			continue
		}
		if i := slices.IndexFunc(p.can, func(f media.Format) bool { return f.Codec == c }); i >= 0 {
			formats = append(formats, p.can[i]) // the first of a codec is the one that is sent
		}
	}
	return formats
}

package room

import (
	"slices"
	"strconv"

	"switchyard/media"
	"switchyard/protocol"
)

// MaxBackups is how many second encodings a track may have: VP8 and H.264 serve every receiver there is.
const MaxBackups = 2

// backup is a second encoding of a track, for those who cannot decode the first. Only its publisher knows of
// it: to everybody else both are one track.
type backup struct {
	id    protocol.TrackID
	of    *track
	mid   string
	codec media.Codec
}

// AskBackup asks the publisher of a track for a second encoding of it. False where it cannot be asked: it has
// no socket (WHIP).
func (r *Room) AskBackup(id protocol.TrackID, codec media.Codec) bool {
	t := r.tracks[id]
	if t == nil || t.owner.session == nil || t.owner.session.detached {
		return false
	}
	r.send(t.owner.session, 0, protocol.TypeBackup, protocol.Backup{Track: id, Codec: codec.String()})
	return true
}

// mayBackUp says whether w may be what it wants to be: a backup of a track of the session.
func (r *Room) mayBackUp(s *session, w *protocol.PublishTrack, earlier []protocol.PublishTrack) error {
	t, err := r.ownTrack(s, w.BackupOf)
	if err != nil {
		return err
	}
	codec := media.ParseCodec(w.Codec)
	count := len(t.backups)
	for _, e := range earlier {
		if e.BackupOf != w.BackupOf {
			continue
		}
		if count++; media.ParseCodec(e.Codec) == codec {
			return bad("The message has two backups of one codec.")
		}
	}
	switch {
	case t.info.Kind != protocol.KindVideo || w.Kind != protocol.KindVideo || w.Source != t.info.Source:
		return bad("A backup is of a video track, and has its kind and source.")
	case codec.Kind() != media.Video:
		return bad("A backup names its codec, such as VP8.")
	case count >= MaxBackups:
		return tooMuch("A track can have " + strconv.Itoa(MaxBackups) + " backups. Unpublish one first.")
	case slices.ContainsFunc(t.backups, func(b *backup) bool { return b.codec == codec }):
		return bad("The track has a backup of that codec already.")
	}
	return nil
}

// uses says whether something of the participant is sent on an m-line.
func (p *participant) uses(mid string) bool {
	return slices.ContainsFunc(p.tracks, func(t *track) bool {
		return t.mid == mid || slices.ContainsFunc(t.backups, func(b *backup) bool { return b.mid == mid })
	})
}

// addBackup makes a backup, and returns what its publisher is told of it.
func (r *Room) addBackup(s *session, w *protocol.PublishTrack) protocol.Track {
	t := r.tracks[w.BackupOf]
	b := &backup{id: protocol.TrackID(r.cfg.NewID()), of: t, mid: w.MID, codec: media.ParseCodec(w.Codec)}
	t.backups = append(t.backups, b)
	r.backups[b.id] = b
	r.emit(PublishTrack{Session: s.id, MID: b.mid, Track: b.id, BackupOf: t.info.ID, Codec: b.codec, Formats: s.line(b.mid).Formats})
	return protocol.Track{ID: b.id, Participant: s.p.info.ID, Kind: w.Kind, Source: w.Source, Codec: b.codec.String(), BackupOf: t.info.ID}
}

// dropBackup ends a backup.
func (r *Room) dropBackup(b *backup) {
	b.of.backups = slices.DeleteFunc(b.of.backups, func(o *backup) bool { return o == b })
	r.forgetBackup(b)
	r.rerouted = true
}

func (r *Room) forgetBackup(b *backup) {
	delete(r.backups, b.id)
	r.emit(UnpublishTrack{Session: b.of.owner.session.id, Track: b.id})
}

// dropBackups ends all backups of a track that ends itself.
func (r *Room) dropBackups(t *track) {
	for _, b := range t.backups {
		r.forgetBackup(b)
	}
	t.backups = nil
}

// endBackup ends a backup that its publisher did not unpublish itself: it is told.
func (r *Room) endBackup(b *backup) {
	r.dropBackup(b)
	r.send(b.of.owner.session, 0, protocol.TypeUnpublished, protocol.Unpublished{Tracks: []protocol.TrackID{b.id}})
}

// endLineless ends backups of a participant whose m-line is gone.
func (r *Room) endLineless(s *session) {
	for _, t := range s.p.tracks {
		for _, b := range slices.Clone(t.backups) {
			if l := s.line(b.mid); l == nil || !l.Recv {
				r.endBackup(b)
			}
		}
	}
}

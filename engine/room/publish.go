package room

import (
	"slices"
	"strconv"
	"time"

	"switchyard/media"
	"switchyard/protocol"
)

// Bounds of what a client says about a track.
const (
	maxLabelBytes = 256
	maxGroupBytes = 64
	maxLayers     = 4
	maxRIDBytes   = 16
	maxPixels     = 16384
)

func (r *Room) onPublish(_ time.Time, s *session, e protocol.Envelope) error {
	var m protocol.Publish
	if err := e.Into(&m); err != nil {
		return err
	}
	if s.offer != nil { // its m-lines are known when the offer is answered
		if len(s.deferred) >= maxDeferred {
			return tooMuch("Too many publish messages wait for the answer to the offer. Wait for the answer.")
		}
		s.deferred = append(s.deferred, e)
		return nil
	}
	tracks, err := r.publish(s, m.Tracks)
	if err != nil {
		return err
	}
	r.send(s, e.ID, protocol.TypePublished, protocol.Published{Tracks: tracks})
	r.announce(s.p, tracks)
	return nil
}

const maxDeferred = 8

// announce tells the others of new tracks. Backups are not their business.
func (r *Room) announce(p *participant, tracks []protocol.Track) {
	tracks = slices.DeleteFunc(slices.Clone(tracks), func(t protocol.Track) bool { return t.BackupOf != "" })
	if len(tracks) > 0 {
		r.broadcast(p, protocol.TypePublished, protocol.Published{Tracks: tracks})
	}
}

// publish makes all the tracks or none.
func (r *Room) publish(s *session, wanted []protocol.PublishTrack) ([]protocol.Track, error) {
	count := len(s.p.tracks)
	for i := range wanted {
		if wanted[i].BackupOf == "" {
			count++
		}
	}
	switch {
	case len(wanted) == 0:
		return nil, bad("The publish names no tracks.")
	case count > r.cfg.Tracks:
		return nil, tooMuch("One participant can publish " + strconv.Itoa(r.cfg.Tracks) + " tracks. Unpublish one first.")
	}
	for i := range wanted {
		if err := r.mayPublish(s, &wanted[i], wanted[:i]); err != nil {
			return nil, err
		}
	}
	tracks := make([]protocol.Track, 0, len(wanted))
	for i := range wanted {
		if wanted[i].BackupOf != "" {
			tracks = append(tracks, r.addBackup(s, &wanted[i]))
			continue
		}
		tracks = append(tracks, r.addTrack(s, &wanted[i]).info)
	}
	r.rerouted = true
	return tracks, nil
}

func (r *Room) mayPublish(s *session, w *protocol.PublishTrack, earlier []protocol.PublishTrack) error {
	if err := checkTrack(w); err != nil {
		return err
	}
	if err := r.allows(s, w.Source); err != nil {
		return err
	}
	line := s.line(w.MID)
	switch {
	case line == nil || !line.Recv:
		return notFound("The link to the server has no m-line " + snippet(w.MID) + " that you send on. Offer it first.")
	case line.Kind.String() != string(w.Kind):
		return bad("The m-line " + snippet(w.MID) + " carries " + line.Kind.String() + ", not " + string(w.Kind) + ".")
	case s.p.uses(w.MID),
		slices.ContainsFunc(earlier, func(t protocol.PublishTrack) bool { return t.MID == w.MID }):
		return bad("The m-line " + snippet(w.MID) + " is published already. Unpublish its track first.")
	}
	if w.BackupOf != "" {
		return r.mayBackUp(s, w, earlier)
	}
	return nil
}

// kindOf is the kind that a source must have; the other sources can be both.
var kindOf = map[protocol.TrackSource]protocol.TrackKind{
	protocol.SourceCamera: protocol.KindVideo, protocol.SourceMicrophone: protocol.KindAudio,
	protocol.SourceScreen: protocol.KindVideo, protocol.SourceScreenAudio: protocol.KindAudio,
	protocol.SourceFile: "", protocol.SourceBridge: "", protocol.SourceMix: "",
}

func checkTrack(w *protocol.PublishTrack) error {
	kind, known := kindOf[w.Source]
	switch {
	case !known:
		return bad("There is no source " + snippet(string(w.Source)) + ".")
	case w.Kind != protocol.KindAudio && w.Kind != protocol.KindVideo:
		return bad("The kind of a track is audio or video.")
	case kind != "" && kind != w.Kind:
		return bad("The source " + string(w.Source) + " is " + string(kind) + ".")
	case len(w.Group) > maxGroupBytes:
		return tooMuch("The group is longer than " + strconv.Itoa(maxGroupBytes) + " bytes.")
	}
	return checkDetails(w.Label, w.Width, w.Height, w.Layers)
}

func checkDetails(label string, width, height int, layers []protocol.Layer) error {
	switch {
	case len(label) > maxLabelBytes:
		return tooMuch("The label is longer than " + strconv.Itoa(maxLabelBytes) + " bytes.")
	case !pixels(width) || !pixels(height):
		return bad("A width or height is not between 0 and " + strconv.Itoa(maxPixels) + ".")
	case len(layers) > maxLayers:
		return tooMuch("A track has at most " + strconv.Itoa(maxLayers) + " layers.")
	}
	for _, l := range layers {
		if len(l.RID) > maxRIDBytes || !pixels(l.Width) || !pixels(l.Height) || l.MaxBitrate < 0 {
			return bad("A layer has a rid that is too long or a size that cannot be.")
		}
	}
	return nil
}

func pixels(n int) bool { return n >= 0 && n <= maxPixels }

func (r *Room) addTrack(s *session, w *protocol.PublishTrack) *track {
	r.trackCount++
	t := &track{owner: s.p, mid: w.MID, number: r.trackCount, info: protocol.Track{
		ID: protocol.TrackID(r.cfg.NewID()), Participant: s.p.info.ID, Kind: w.Kind, Source: w.Source,
		Label: w.Label, Group: w.Group, Muted: w.Muted, Width: w.Width, Height: w.Height, Layers: w.Layers,
	}}
	s.p.tracks = append(s.p.tracks, t)
	r.tracks[t.info.ID] = t
	r.emit(PublishTrack{Session: s.id, MID: t.mid, Track: t.info.ID, Formats: s.line(t.mid).Formats})
	r.emit(TrackPublished{t.info})
	return t
}

func (r *Room) onUnpublish(_ time.Time, s *session, e protocol.Envelope) error {
	var m protocol.Unpublish
	if err := e.Into(&m); err != nil {
		return err
	}
	var gone []*track
	var spare []*backup
	for _, id := range m.Tracks {
		if b := r.backups[id]; b != nil && b.of.owner == s.p {
			spare = append(spare, b)
			continue
		}
		t, err := r.ownTrack(s, id)
		if err != nil {
			return err
		}
		if !slices.Contains(gone, t) {
			gone = append(gone, t)
		}
	}
	for _, b := range spare {
		if r.backups[b.id] != nil { // it was not named twice
			r.dropBackup(b)
		}
	}
	r.unpublish(s.p, gone)
	r.ok(s, e)
	return nil
}

// unpublish ends tracks of p and tells the others.
func (r *Room) unpublish(p *participant, gone []*track) {
	if len(gone) == 0 {
		return
	}
	ids := make([]protocol.TrackID, 0, len(gone))
	for _, t := range gone {
		ids = append(ids, t.info.ID)
		delete(r.tracks, t.info.ID)
		r.dropBackups(t)
		r.emit(UnpublishTrack{Session: p.session.id, Track: t.info.ID})
		r.emit(TrackUnpublished{t.info})
	}
	p.tracks = slices.DeleteFunc(p.tracks, func(t *track) bool { return slices.Contains(gone, t) })
	r.broadcast(p, protocol.TypeUnpublished, protocol.Unpublished{Tracks: ids})
	r.rerouted = true
}

// ownTrack finds a track that the session may change.
func (r *Room) ownTrack(s *session, id protocol.TrackID) (*track, error) {
	t := r.tracks[id]
	switch {
	case t == nil:
		return nil, notFound("There is no track " + snippet(string(id)) + " any more.")
	case t.owner != s.p:
		return nil, forbidden("The track belongs to somebody else.")
	}
	return t, nil
}

func (r *Room) onTrack(_ time.Time, s *session, e protocol.Envelope) error {
	var m protocol.TrackUpdate
	if err := e.Into(&m); err != nil {
		return err
	}
	t, err := r.ownTrack(s, m.Track)
	if err != nil {
		return err
	}
	m.Codec = nil // the server says what arrives
	if err := checkDetails(value(m.Label), value(m.Width), value(m.Height), m.Layers); err != nil {
		return err
	}
	r.ok(s, e)
	r.update(t, m, s.p)
	return nil
}

func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// update changes a track and tells everyone but one.
func (r *Room) update(t *track, m protocol.TrackUpdate, but *participant) {
	if m.Muted != nil {
		t.info.Muted = *m.Muted
		t.held = t.held && t.info.Muted
		r.rerouted = true
	}
	set(&t.info.Label, m.Label)
	set(&t.info.Width, m.Width)
	set(&t.info.Height, m.Height)
	set(&t.info.Codec, m.Codec)
	if m.Layers != nil {
		t.info.Layers = m.Layers
	}
	r.broadcast(but, protocol.TypeTrack, m)
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// TrackStarted says what a track carries, as its packets show it. Sizes are in pixels, 0 for unknown.
func (r *Room) TrackStarted(id protocol.TrackID, codec media.Codec, width, height int) {
	t := r.tracks[id]
	if t == nil {
		return
	}
	m := protocol.TrackUpdate{Track: id}
	if name := codec.String(); name != t.info.Codec {
		m.Codec = &name
	}
	if width > 0 && height > 0 && (width != t.info.Width || height != t.info.Height) {
		m.Width, m.Height = &width, &height
	}
	if m.Codec != nil || m.Width != nil {
		r.update(t, m, t.owner)
	}
}

// TrackFailed says that a PublishTrack could not be done.
func (r *Room) TrackFailed(id protocol.TrackID, why string) {
	if b := r.backups[id]; b != nil {
		r.endBackup(b)
		return
	}
	t := r.tracks[id]
	if t == nil {
		return
	}
	p := t.owner
	r.unpublish(p, []*track{t})
	r.send(p.session, 0, protocol.TypeUnpublished, protocol.Unpublished{Tracks: []protocol.TrackID{id}})
	r.send(p.session, 0, protocol.TypeError, protocol.Error{Code: protocol.CodeInternal, Retryable: true,
		Message: "The server cannot take the track: " + why + "."})
}

// Wanted tells the publisher of a track, or of a backup, which of its layers somebody receives. One without a
// socket (WHIP) cannot be told.
func (r *Room) Wanted(w protocol.WantedTrack) {
	t := r.tracks[w.Track]
	if b := r.backups[w.Track]; b != nil {
		t = b.of
	}
	if t != nil && t.owner.session != nil {
		r.send(t.owner.session, 0, protocol.TypeWanted, protocol.Wanted{Tracks: []protocol.WantedTrack{w}})
	}
}

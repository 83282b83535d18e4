package router

import "switchyard/protocol"

// Scene is what the assignments of all subscribers of a room have in common: the tracks, which audio
// belongs to which video, and who speaks. It is immutable.
type Scene struct {
	tracks []Track
	byID   map[protocol.TrackID]*Track
	mate   map[protocol.TrackID]protocol.TrackID
	rank   map[protocol.ParticipantID]int // 0 is the loudest; absent: never spoke
}

// NewScene takes the tracks in the order of publication, and participants by who spoke last, those who
// speak now first.
func NewScene(tracks []Track, speakers []protocol.ParticipantID) *Scene {
	s := &Scene{
		tracks: tracks, byID: make(map[protocol.TrackID]*Track, len(tracks)),
		mate: map[protocol.TrackID]protocol.TrackID{}, rank: map[protocol.ParticipantID]int{},
	}
	owned := map[protocol.ParticipantID][]*Track{}
	for i := range tracks {
		t := &tracks[i]
		t.order = i
		s.byID[t.ID] = t
		owned[t.Participant] = append(owned[t.Participant], t)
	}
	for _, list := range owned {
		s.match(list, func(v, a *Track) bool { return v.Group != "" && v.Group == a.Group && partner(v.Source) == a.Source })
		s.match(list, func(v, a *Track) bool { return v.Group != "" && v.Group == a.Group })
		s.match(list, func(v, a *Track) bool {
			return (v.Group == "" || a.Group == "") && partner(v.Source) == a.Source
		})
	}
	for _, p := range speakers {
		if _, ok := s.rank[p]; !ok {
			s.rank[p] = len(s.rank)
		}
	}
	return s
}

// match pairs one participant's video tracks with the audio tracks that belong to them, each with the
// first that was published: by group, else its camera with its microphone, its screen with the
// screen's audio, and file, bridge and mix each with its like.
func (s *Scene) match(owned []*Track, same func(v, a *Track) bool) {
	for _, v := range owned {
		if v.Kind != protocol.KindVideo || s.mate[v.ID] != "" {
			continue
		}
		for _, a := range owned {
			if a.Kind == protocol.KindAudio && s.mate[a.ID] == "" && same(v, a) {
				s.mate[v.ID], s.mate[a.ID] = a.ID, v.ID
				break
			}
		}
	}
}

// partner is the source of the audio that comes with a video source.
func partner(s protocol.TrackSource) protocol.TrackSource {
	switch s {
	case protocol.SourceCamera:
		return protocol.SourceMicrophone
	case protocol.SourceScreen:
		return protocol.SourceScreenAudio
	}
	return s
}

func (s *Scene) rankOf(t *Track) int {
	if r, ok := s.rank[t.Participant]; ok {
		return r
	}
	return len(s.rank)
}

// Track returns a track of the scene, nil for others.
func (s *Scene) Track(id protocol.TrackID) *Track { return s.byID[id] }

// Leads reports whether p speaks loudest, or spoke last.
func (s *Scene) Leads(p protocol.ParticipantID) bool {
	r, ok := s.rank[p]
	return ok && r == 0
}

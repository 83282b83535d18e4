package server

import (
	"errors"
	"net/http"
	"time"

	"switchyard/api"
	"switchyard/app/conference"
	"switchyard/protocol"
)

// listTracks is GET /v1/rooms/{room}/tracks.
func (s *Server) listTracks(w http.ResponseWriter, r *http.Request, room string, _ caller) {
	p, ok := pageOf(w, r)
	if !ok {
		return
	}
	snap, err := s.backend.Host.Find(room)
	if err != nil {
		failRoom(w, err)
		return
	}
	tracks := []protocol.Track{}
	for _, p := range snap.Participants {
		tracks = append(tracks, p.Tracks...)
	}
	tracks, next := cut(p, tracks, func(t protocol.Track) string { return string(t.ID) })
	reply(w, http.StatusOK, api.TrackList{Tracks: tracks, Next: next})
}

// roomStats is GET /v1/rooms/{room}/stats. Where people are in the network is not for moderators.
func (s *Server) roomStats(w http.ResponseWriter, _ *http.Request, room string, _ caller) {
	snap, err := s.backend.Host.Find(room)
	if err != nil {
		failRoom(w, err)
		return
	}
	stats := api.RoomStats{At: time.Now().UnixMicro(), RoomDetail: detailOf(snap)}
	for i := range stats.Links {
		stats.Links[i].Remote = ""
	}
	reply(w, http.StatusOK, stats)
}

// endTrack is DELETE /v1/rooms/{room}/tracks/{track}. That there is none is as good.
func (s *Server) endTrack(w http.ResponseWriter, r *http.Request, room string, _ caller) {
	err := s.backend.Host.EndTrack(room, protocol.TrackID(r.PathValue("track")))
	if err != nil && !errors.Is(err, conference.ErrNoRoom) {
		failRoom(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// muteTracks is POST /v1/rooms/{room}/mute.
func (s *Server) muteTracks(w http.ResponseWriter, r *http.Request, room string, _ caller) {
	var q api.Mute
	if !readStrict(w, r, &q) {
		return
	}
	ids, err := s.backend.Host.Mute(room, q)
	if err != nil {
		failRoom(w, err)
		return
	}
	if q.Track != "" && len(ids) == 0 {
		fail(w, http.StatusNotFound, protocol.CodeNotFound, "There is no such track in the room. List its tracks to see which are.")
		return
	}
	reply(w, http.StatusOK, api.Muted{Tracks: ids})
}

// sendData is POST /v1/rooms/{room}/data.
func (s *Server) sendData(w http.ResponseWriter, r *http.Request, room string, _ caller) {
	var q api.SendData
	if !readStrict(w, r, &q) {
		return
	}
	n, err := s.backend.Host.Tell(room, q)
	if err != nil {
		failRoom(w, err)
		return
	}
	if n == 0 && len(q.To) > 0 {
		fail(w, http.StatusNotFound, protocol.CodeNotFound, "None of the receivers is in the room.")
		return
	}
	reply(w, http.StatusOK, api.DataSent{Receivers: n})
}

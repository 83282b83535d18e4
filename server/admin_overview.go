package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"switchyard/app/conference"
	"switchyard/engine/egress"
	"switchyard/media"
	"switchyard/protocol"
	"switchyard/sfu"
)

const (
	liveEvery    = time.Second
	maxLive      = 16                     // listeners to the live overview
	overviewKeep = 900 * time.Millisecond // listeners share an overview that is not older
	statsAtOnce  = 32                     // links asked at the same time
)

// overviews makes the overview, once for all who want it at the same time.
type overviews struct {
	started time.Time
	live    chan struct{} // a place for each listener

	mu   sync.Mutex
	at   time.Time // guarded by mu: of last
	last []byte    // guarded by mu: JSON
}

func newOverviews() *overviews {
	return &overviews{started: time.Now(), live: make(chan struct{}, maxLive)}
}

// overview returns the JSON of a protocol.Overview.
func (s *Server) overview() ([]byte, error) {
	o := s.overviews
	o.mu.Lock() // held while it is made, so that it is made once
	defer o.mu.Unlock()
	now := time.Now()
	if o.last != nil && now.Sub(o.at) < overviewKeep {
		return o.last, nil
	}
	view := protocol.Overview{At: now.UnixMicro(), Server: s.facts(), Rooms: []protocol.RoomDetail{}}
	if a := s.backend.Admin; a != nil {
		view.Rooms = append(view.Rooms, a.Detail()...)
	}
	data, err := json.Marshal(view)
	if err == nil {
		o.at, o.last = now, data
	}
	return data, err
}

// adminOverview is GET /v1/admin/overview.
func (s *Server) adminOverview(w http.ResponseWriter, _ *http.Request) {
	data, err := s.overview()
	if err != nil {
		s.log.Error("no overview", "error", err)
		fail(w, http.StatusInternalServerError, protocol.CodeInternal, "The server cannot describe itself. Its log says why.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	w.Write(data)
}

// adminLive is GET /v1/admin/live: an overview a second as server-sent events, until the token expires,
// the client goes or the server ends. The token comes in a header as everywhere: the page reads the
// stream by fetch, because an EventSource could only put it into the URL.
func (s *Server) adminLive(w http.ResponseWriter, r *http.Request) {
	claims, ok := s.authorize(w, r)
	if !ok {
		return
	}
	select {
	case s.overviews.live <- struct{}{}:
		defer func() { <-s.overviews.live }()
	default:
		fail(w, http.StatusTooManyRequests, protocol.CodeLimit, fmt.Sprintf("%d pages are watching the server already. Close one of them.", maxLive))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies would hold it back
	expired := time.NewTimer(time.Until(claims.Expires))
	defer expired.Stop()
	tick := time.NewTicker(liveEvery)
	defer tick.Stop()
	for s.sendOverview(w) {
		select {
		case <-tick.C:
		case <-expired.C:
			return
		case <-r.Context().Done():
			return
		case <-s.draining:
			return
		}
	}
}

// sendOverview writes one event; false when the client is gone.
func (s *Server) sendOverview(w http.ResponseWriter) bool {
	data, err := s.overview()
	if err != nil {
		s.log.Error("no overview", "error", err)
		return false
	}
	control := http.NewResponseController(w)
	control.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(w, "event: overview\ndata: %s\n\n", data); err != nil {
		return false
	}
	return control.Flush() == nil
}

// facts are the server's own.
func (s *Server) facts() protocol.ServerFacts {
	v := version()
	used := usage()
	f := protocol.ServerFacts{
		Version: v.Version, Go: v.Go, Started: s.overviews.started.UnixMilli(),
		CPUSeconds: used.cpu.Seconds(), Cores: runtime.NumCPU(), MemoryBytes: used.memory,
		Goroutines: runtime.NumGoroutine(), Draining: s.isDraining(),
		Counters: map[string]float64{}, Drops: map[string]float64{},
	}
	if v.Version == "devel" && v.Revision != "" {
		f.Version = v.Revision
	}
	samples := s.port.samples()
	if s.backend.Samples != nil {
		samples = append(samples, s.backend.Samples()...)
	}
	for _, m := range samples {
		name := strings.TrimPrefix(m.Name, "switchyard_")
		switch {
		case m.Label == "":
			f.Counters[name] = m.Value
		case strings.Contains(name, "drop") && m.Value > 0:
			f.Drops[strings.TrimSuffix(strings.TrimSuffix(name, "_total"), "drops")+m.Of] += m.Value
		}
	}
	return f
}

// processUsage is what the process has used.
type processUsage struct {
	cpu    time.Duration
	memory uint64 // resident
}

// Detail implements Admin.
func (a wiredAdmin) Detail() []protocol.RoomDetail {
	rooms := a.host.Snapshot()
	out := make([]protocol.RoomDetail, len(rooms))
	var g errgroup.Group // each link answers on its shard: ask many at once
	g.SetLimit(statsAtOnce)
	for i, r := range rooms {
		out[i] = roomDetail(&g, r)
	}
	_ = g.Wait() // no member fails
	return out
}

// detailOf is one room's.
func detailOf(r conference.RoomSnapshot) protocol.RoomDetail {
	var g errgroup.Group
	g.SetLimit(statsAtOnce)
	d := roomDetail(&g, r)
	_ = g.Wait()
	return d
}

// roomDetail describes a room; its links are filled in by members of g.
func roomDetail(g *errgroup.Group, r conference.RoomSnapshot) protocol.RoomDetail {
	d := protocol.RoomDetail{Room: r.Room, Kind: r.Options.Kind, Participants: r.Participants, Viewers: r.Viewers, Links: make([]protocol.LinkDetail, len(r.Links))}
	for k, l := range r.Links {
		g.Go(func() error {
			d.Links[k] = linkDetail(l)
			return nil
		})
	}
	return d
}

func linkDetail(l conference.LinkSnapshot) protocol.LinkDetail {
	d := protocol.LinkDetail{Link: l.Link, Participant: l.Participant, In: []protocol.StreamDetail{}, Out: []protocol.StreamDetail{}}
	st, ok := l.Media.Stats()
	if !ok {
		return d
	}
	d.Up, d.Transport, d.Remote = st.Up, st.Transport, st.Remote
	d.RTT = float64(st.RTT.Microseconds()) / 1000
	d.AckedRate, d.Loss = float64(st.Send.AckedRate), st.Send.Loss
	if st.Up {
		e := st.Estimate
		d.Send = &protocol.SendDetail{
			Estimate: float64(e.Steady), Sending: float64(e.Sending), Limit: e.Limit.String(),
			Target: float64(e.Target), Acked: float64(e.Acked), Wanted: float64(st.Wanted),
			Queue: float64(e.Queue.Microseconds()) / 1000, Probes: e.Probes, Raised: e.Raised, Silences: e.Timeouts,
		}
	}
	for _, t := range st.Tracks {
		in := received(t)
		in.Backup = slices.Contains(l.Backups, t.MID)
		d.In = append(d.In, in)
	}
	for _, s := range st.Slots {
		if s.Track != "" || s.Packets > 0 {
			d.Out = append(d.Out, sent(s))
		}
	}
	return d
}

func layerDetails(t *sfu.TrackStats) []protocol.LayerDetail {
	var out []protocol.LayerDetail
	for i := range t.Layers {
		l := &t.Layers[i]
		d := protocol.LayerDetail{RID: l.RID, Spatial: int(l.Spatial), Width: l.Width, Height: l.Height,
			Live: l.Live, Wanted: t.Needed&(1<<l.Stream) != 0}
		for _, rate := range l.Rates {
			if rate > 0 {
				d.Rates = append(d.Rates, float64(rate))
			}
		}
		out = append(out, d)
	}
	return out
}

func received(t sfu.TrackStats) protocol.StreamDetail {
	s := protocol.StreamDetail{
		MID: t.MID, Track: protocol.TrackID(t.ID), Kind: protocol.KindAudio, Packets: t.Packets, Bytes: t.Bytes,
		Lost: t.GivenUp, Width: t.Width, Height: t.Height,
		KeyframesAsked: t.KeyframeAsked, Keyframes: t.Keyframes, Layers: layerDetails(&t),
	}
	if t.Kind == media.Video {
		s.Kind = protocol.KindVideo
	}
	if t.Packets > 0 {
		s.Codec = t.Format.Codec.String()
	}
	return s
}

func sent(st sfu.SlotStats) protocol.StreamDetail {
	s := protocol.StreamDetail{
		MID: st.MID, Track: protocol.TrackID(st.Track), Packets: st.Packets + st.Retransmitted, Bytes: st.Bytes,
		Lost: uint64(max(st.Lost, 0)), Kind: protocol.TrackKind(st.Kind.String()),
		Width: st.Showing.Width, Height: st.Showing.Height,
		LayerSwitches: st.LayerSwitches, Retransmitted: st.Retransmitted,
	}
	if st.Codec != media.UnknownCodec {
		s.Codec = st.Codec.String()
	}
	if st.TemporalsOf > 1 {
		s.Temporals, s.TemporalsOf = st.Temporals, st.TemporalsOf
	}
	switch {
	case st.Reason == sfu.PausedBandwidth:
		s.Pause = string(st.Reason)
	case st.Pause != egress.Live.String():
		s.Pause = st.Pause
	}
	return s
}

// residentPages reads what /proc says of the process's memory, in pages; 0 where there is no /proc.
func residentPages() uint64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	var total, resident uint64
	if n, _ := fmt.Sscan(string(data), &total, &resident); n != 2 {
		return 0
	}
	return resident
}

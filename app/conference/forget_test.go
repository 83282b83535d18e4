package conference

import (
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/media"
	"switchyard/protocol"
	"switchyard/sfu"
)

// sizes counts what a room's actor keeps.
func (h *Host) sizes(t *testing.T, name string) map[string]int {
	t.Helper()
	h.mu.Lock()
	a := h.rooms[name]
	h.mu.Unlock()
	var n map[string]int
	if a == nil || !a.call(func(time.Time) {
		n = map[string]int{
			"conns": len(a.conns), "links": len(a.links), "subscriptions": len(a.subs), "tracks": len(a.tracks), "backups": len(a.backups),
			"demands": len(a.demands), "visits": len(a.visits), "watches": len(a.watches), "speakers": len(a.ranking.Order()),
			"subscribers": len(a.room.Subscribers()), "tracks of the room": len(a.room.Tracks()),
		}
	}) {
		t.Fatal("there is no such room")
	}
	return n
}

// live is a visit: somebody publishes two encodings and a voice, speaks, watches the link, and goes.
func live(t *testing.T, h *Host, m *fakeMedia, who string, bye func(*client)) {
	t.Helper()
	c := enter(t, h, who, "video:0:recv::"+every+" audio:1:recv video:4:recv::"+every+" video:2:send:p:VP8 audio:3:send:p")
	m.mu.Lock()
	l := m.links[len(m.links)-1]
	m.mu.Unlock()
	l.event(sfu.Up{})
	tracks := c.camera()
	video, audio := &sfu.Track{ID: string(tracks[0].ID), MID: "0", Kind: media.Video}, &sfu.Track{ID: string(tracks[1].ID), MID: "1"}
	l.event(sfu.TrackStarted{Track: video, Format: format(media.AV1), Width: 640, Height: 360})
	c.backUp(tracks[0].ID, "4", "VP8")
	l.event(sfu.TrackWanted{Track: video, Any: true})
	l.event(sfu.TrackWanted{Track: &sfu.Track{ID: video.ID, MID: "4", Kind: media.Video}})
	c.send(protocol.TypeWatchLink, protocol.WatchLink{On: true})
	for range 10 {
		l.event(sfu.TrackLevel{Track: audio, Level: .9, Voice: true})
		time.Sleep(100 * time.Millisecond)
	}
	bye(c)
	synctest.Wait()
	l.event(sfu.TrackLevel{Track: audio, Level: .9, Voice: true}) // was on its way
	l.event(sfu.TrackWanted{Track: video, Any: true})
}

func TestNothingIsKeptOfWhoLeft(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		joined(t, h, "stays")
		if n := h.sizes(t, "demo"); n["conns"] != 1 || n["links"] != 1 {
			t.Fatalf("one is here: %v", n)
		}
		before := h.sizes(t, "demo")
		for i := range 4 {
			live(t, h, m, fmt.Sprint("leaves-", i), func(c *client) { c.send(protocol.TypeLeave, nil) })
			live(t, h, m, fmt.Sprint("vanishes-", i), func(c *client) { c.session.Closed() })
			v, _, err := h.Publish(t.Context(), "demo", "demo whip-"+fmt.Sprint(i)+" "+all, "video:0:recv::VP8")
			if err != nil {
				t.Fatal(err)
			}
			w, _, err := h.Watch(t.Context(), "demo", "demo whep "+all, "video:0:send:p:VP8")
			if err != nil {
				t.Fatal(err)
			}
			v.Close()
			w.link.Close() // it lost its path
			<-v.Done()
			<-w.Done()
		}
		time.Sleep(2 * time.Minute) // who vanished is waited for
		if after := h.sizes(t, "demo"); !maps.Equal(before, after) {
			t.Errorf("before %v, after %v", before, after)
		}
	})
}

// A link can end while the room is asked whether its visitor may enter.
func TestAVisitWhoseLinkEndedDoesNotBegin(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		joined(t, h, "stays")
		before := h.sizes(t, "demo")
		m.ends = true
		if _, _, err := h.Watch(t.Context(), "demo", "demo whep "+all, "video:0:send:p:VP8"); err == nil {
			t.Error("the visit began")
		}
		if _, _, err := h.Publish(t.Context(), "demo", "demo whip "+all, "video:0:recv::VP8"); err == nil {
			t.Error("the publication began")
		}
		if after := h.sizes(t, "demo"); !maps.Equal(before, after) {
			t.Errorf("before %v, after %v", before, after)
		}
	})
}

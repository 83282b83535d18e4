package conference

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/media"
	"switchyard/protocol"
	"switchyard/sfu"
)

const every = "AV1+VP9+VP8+H264"

// enter lets somebody join with an offer.
func enter(t *testing.T, h *Host, who, offer string) *client {
	t.Helper()
	c := open(t, h, "demo", "demo "+who+" "+all)
	c.send(protocol.TypeJoin, protocol.Join{Offer: &protocol.Description{Type: "offer", SDP: offer}})
	time.Sleep(5 * time.Millisecond)
	expect[protocol.Welcome](c, protocol.TypeWelcome)
	return c
}

// film publishes a camera on mid 0 of a link, whose packets turn out to be of a codec.
func (c *client) film(l *fakeLink, codec media.Codec) protocol.TrackID {
	c.t.Helper()
	c.send(protocol.TypePublish, protocol.Publish{Tracks: []protocol.PublishTrack{
		{MID: "0", Kind: protocol.KindVideo, Source: protocol.SourceCamera}}})
	id := c.own()[0].ID
	l.event(sfu.TrackStarted{Track: &sfu.Track{ID: string(id), MID: "0"}, Format: format(codec), Width: 640, Height: 360})
	return id
}

// backUp publishes a backup of a track.
func (c *client) backUp(of protocol.TrackID, mid, codec string) protocol.TrackID {
	c.t.Helper()
	c.send(protocol.TypePublish, protocol.Publish{Tracks: []protocol.PublishTrack{
		{MID: mid, Kind: protocol.KindVideo, Source: protocol.SourceCamera, BackupOf: of, Codec: codec}}})
	return c.own()[0].ID
}

func format(c media.Codec) media.Format { return media.Format{Codec: c, ClockRate: 90000} }

func TestWhoCannotDecodeATrackGetsItsBackup(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann := enter(t, h, "ann", "video:0:recv::"+every+" video:1:recv::"+every)
		ben := enter(t, h, "ben", "video:2:send:p:"+every)
		cyd := enter(t, h, "cyd", "video:2:send:p:H264+VP8")
		anns, bens, cyds := m.link(0), m.link(1), m.link(2)
		track := ann.film(anns, media.AV1)
		if ask := expect[protocol.Backup](ann, protocol.TypeBackup); ask.Track != track || ask.Codec != "VP8" {
			t.Fatalf("asked for %+v", ask)
		}
		if f := cyds.feeds("2"); f != (fed{string(track), "0", 1}) {
			t.Fatalf("before there is a backup: %+v", f)
		}
		cyds.event(sfu.SlotPaused{MID: "2", Generation: 1, Reason: sfu.PausedCodec})
		for expect[protocol.Slots](cyd, protocol.TypeSlots).Slots[0].Paused != "codec" {
		}

		backup := ann.backUp(track, "1", "VP8")
		cyd.none(protocol.TypeSlots) // it is the same picture
		if f := cyds.feeds("2"); f != (fed{string(track), "1", 1}) {
			t.Fatalf("with a backup: %+v", f)
		}
		if f := bens.feeds("2"); f != (fed{string(track), "0", 1}) {
			t.Fatalf("who can decode the track: %+v", f)
		}
		// Its packets change nothing about the track, and what is paused is told to go on.
		for expect[protocol.TrackUpdate](ben, protocol.TypeTrack).Codec == nil {
		}
		anns.event(sfu.TrackStarted{Track: &sfu.Track{ID: string(track), MID: "1"}, Format: format(media.VP8), Width: 320, Height: 180})
		ben.none(protocol.TypeTrack)
		cyds.event(sfu.SlotLive{MID: "2", Generation: 1, Timestamp: 7})
		if s := expect[protocol.Slots](cyd, protocol.TypeSlots).Slots[0]; s.Track != track || s.Paused != "" || *s.Timestamp != 7 {
			t.Fatalf("when it flows: %+v", s)
		}
		for _, l := range h.Snapshot()[0].Links {
			if want := l.Participant == "ann"; slices.Equal(l.Backups, []string{"1"}) != want {
				t.Errorf("%s has the backups %q", l.Participant, l.Backups)
			}
		}
		ann.none(protocol.TypeBackup) // once is enough

		// Each encoding is wanted for itself.
		anns.event(sfu.TrackWanted{Track: &sfu.Track{ID: string(track), MID: "1", Kind: media.Video}, Any: true, RIDs: []string{"h"}})
		time.Sleep(restBeforeLess)
		if w := expect[protocol.Wanted](ann, protocol.TypeWanted).Tracks[0]; w.Track != backup || !slices.Equal(w.Layers, []string{"h"}) {
			t.Fatalf("of the backup: %+v", w)
		}
		cyd.send(protocol.TypeLeave, nil)
		anns.event(sfu.TrackWanted{Track: &sfu.Track{ID: string(track), MID: "1", Kind: media.Video}})
		time.Sleep(restBeforeLess)
		if w := expect[protocol.Wanted](ann, protocol.TypeWanted).Tracks[0]; w.Track != backup || !w.None {
			t.Fatalf("of the backup, when nobody needs it: %+v", w)
		}

		// Who comes later is fed with it at once.
		enter(t, h, "dan", "video:2:send:p:VP8")
		if f := m.link(3).feeds("2"); f != (fed{string(track), "1", 1}) {
			t.Fatalf("who comes later: %+v", f)
		}
		ann.none(protocol.TypeBackup)
	})
}

func TestABackupThatEndsIsNotAskedForAgainBeforeSomebodyElseNeedsIt(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann := enter(t, h, "ann", "video:0:recv::"+every+" video:1:recv::"+every)
		cyd := enter(t, h, "cyd", "video:2:send:p:VP8")
		track := ann.film(m.link(0), media.VP9)
		expect[protocol.Backup](ann, protocol.TypeBackup)
		backup := ann.backUp(track, "1", "VP8")
		ann.send(protocol.TypeUnpublish, protocol.Unpublish{Tracks: []protocol.TrackID{backup}})
		expect[protocol.OK](ann, protocol.TypeOK)
		if f := m.link(1).feeds("2"); f != (fed{string(track), "0", 1}) {
			t.Fatalf("without a backup: %+v", f)
		}
		cyd.send(protocol.TypeSubscribe, protocol.Subscribe{Auto: true}) // routes are looked at again
		ann.none(protocol.TypeBackup)
		cyd.send(protocol.TypeSubscribe, protocol.Subscribe{})
		synctest.Wait()
		cyd.send(protocol.TypeSubscribe, protocol.Subscribe{Auto: true})
		if ask := expect[protocol.Backup](ann, protocol.TypeBackup); ask.Codec != "VP8" {
			t.Fatalf("asked for %+v", ask)
		}
		// The track takes its backup along.
		ann.backUp(track, "1", "VP8")
		ann.send(protocol.TypeUnpublish, protocol.Unpublish{Tracks: []protocol.TrackID{track}})
		expect[protocol.OK](ann, protocol.TypeOK)
		if f := m.link(1).feeds("2"); f.track != "" {
			t.Fatalf("without the track: %+v", f)
		}
		m.link(0).mu.Lock()
		defer m.link(0).mu.Unlock()
		if left := m.link(0).tracks; len(left) != 0 {
			t.Errorf("the media server still has %v", left)
		}
	})
}

func TestABackupThatDoesNotComeIsAskedForAgainAFewTimes(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann := enter(t, h, "ann", "video:0:recv::"+every+" video:1:recv::"+every)
		cyd := enter(t, h, "cyd", "video:2:send:p:VP8")
		track := ann.film(m.link(0), media.AV1)
		expect[protocol.Backup](ann, protocol.TypeBackup)
		const early = 10 * time.Millisecond
		again := func(after time.Duration) { // called early after the last time
			t.Helper()
			time.Sleep(after - 2*early)
			cyd.send(protocol.TypeSubscribe, protocol.Subscribe{Auto: true}) // routes are looked at again
			ann.none(protocol.TypeBackup)
			time.Sleep(2 * early)
			if ask := expect[protocol.Backup](ann, protocol.TypeBackup); ask.Track != track || ask.Codec != "VP8" {
				t.Fatalf("asked for %+v", ask)
			}
		}
		time.Sleep(early)
		again(askPause)
		again(2 * askPause)
		again(4 * askPause)
		time.Sleep(time.Hour)
		ann.none(protocol.TypeBackup) // it cannot

		// The need goes and comes back: another try, and this time it comes.
		cyd.send(protocol.TypeSubscribe, protocol.Subscribe{})
		synctest.Wait()
		cyd.send(protocol.TypeSubscribe, protocol.Subscribe{Auto: true})
		expect[protocol.Backup](ann, protocol.TypeBackup)
		time.Sleep(early)
		again(askPause)
		backup := ann.backUp(track, "1", "VP8")
		time.Sleep(time.Hour)
		ann.none(protocol.TypeBackup)
		if f := m.link(1).feeds("2"); f.mid != "1" {
			t.Fatalf("with a backup: %+v", f)
		}
		// It ends, although it is needed.
		ann.send(protocol.TypeUnpublish, protocol.Unpublish{Tracks: []protocol.TrackID{backup}})
		expect[protocol.OK](ann, protocol.TypeOK)
		time.Sleep(early)
		again(askPause)
	})
}

// What was on its way when a backup ended is not about the track.
func TestEventsOfABackupThatEndedAreNotTheTracks(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		ann := enter(t, h, "ann", "video:0:recv::"+every+" video:1:recv::"+every)
		ben := enter(t, h, "ben", "video:2:send:p:"+every)
		enter(t, h, "cyd", "video:2:send:p:VP8")
		anns := m.link(0)
		track := ann.film(anns, media.AV1)
		backup := ann.backUp(track, "1", "VP8")
		ann.send(protocol.TypeUnpublish, protocol.Unpublish{Tracks: []protocol.TrackID{backup}})
		expect[protocol.OK](ann, protocol.TypeOK)
		expect[protocol.TrackUpdate](ben, protocol.TypeTrack)
		ended := &sfu.Track{ID: string(track), MID: "1", Kind: media.Video}
		anns.event(sfu.TrackStarted{Track: ended, Format: format(media.VP8), Width: 320, Height: 180})
		anns.event(sfu.TrackWanted{Track: ended})
		time.Sleep(2 * restBeforeLess)
		ann.none(protocol.TypeWanted)
		ben.none(protocol.TypeTrack)
	})
}

func TestAPublisherWithoutASocketIsAskedForNoBackup(t *testing.T) {
	bubble(t, func(t *testing.T, h *Host, m *fakeMedia) {
		if _, _, err := h.Publish(t.Context(), "demo", "demo whip "+all, "video:0:recv::"+every); err != nil {
			t.Fatal(err)
		}
		id := h.Snapshot()[0].Participants[0].Tracks[0].ID
		m.link(0).event(sfu.TrackStarted{Track: &sfu.Track{ID: string(id), MID: "0"}, Format: format(media.AV1)})
		enter(t, h, "cyd", "video:2:send:p:VP8")
		time.Sleep(time.Hour)
		if n := h.Stats().BackupsAsked; n != 0 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestCodecsOfBackups(t *testing.T) {
	formats := func(codecs ...media.Codec) (f []media.Format) {
		for _, c := range codecs {
			f = append(f, format(c))
		}
		return f
	}
	vp8, h264, both, none := formats(media.VP8), formats(media.H264), formats(media.H264, media.VP8), formats(media.PCMU)
	type needy = [][]media.Format
	tests := []struct {
		name   string
		sends  media.Codec
		can    []media.Format
		made   []media.Codec
		asked  []media.Codec
		needy  needy
		expect []media.Codec
	}{
		{"the usual", media.AV1, formats(media.AV1, media.H264, media.VP8), nil, nil, needy{both}, []media.Codec{media.VP8}},
		{"one that serves all", media.AV1, formats(media.AV1, media.VP8, media.H264), nil, nil, needy{h264, both}, []media.Codec{media.H264}},
		{"two where one does not", media.VP9, formats(media.VP8, media.H264), nil, nil, needy{h264, vp8, vp8}, []media.Codec{media.VP8, media.H264}},
		{"what the publisher can", media.AV1, formats(media.AV1, media.H264), nil, nil, needy{both, vp8}, []media.Codec{media.H264}},
		{"nothing helps", media.AV1, formats(media.AV1, media.VP8), nil, nil, needy{none, h264}, nil},
		{"nobody", media.AV1, formats(media.VP8), nil, []media.Codec{media.VP8}, nil, nil},
		{"it was asked for", media.AV1, formats(media.VP8, media.H264), nil, []media.Codec{media.H264}, needy{both, vp8}, []media.Codec{media.H264, media.VP8}},
		{"one is there", media.AV1, formats(media.VP8, media.H264), []media.Codec{media.VP8}, nil, needy{h264}, []media.Codec{media.H264}},
		{"another profile of what is there", media.AV1, formats(media.VP8), []media.Codec{media.VP8}, nil, needy{vp8}, nil},
		{"enough are there", media.AV1, formats(media.VP8, media.H264, media.VP9), []media.Codec{media.VP8, media.H264}, nil, needy{formats(media.VP9)}, nil},
		{"another way round", media.VP8, formats(media.VP8, media.VP9, media.H264), nil, nil, needy{h264}, []media.Codec{media.H264}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := &published{encoding: encoding{format: format(test.sends)}, can: test.can}
			for _, c := range test.asked {
				p.asked = append(p.asked, ask{codec: c})
			}
			for _, c := range test.made {
				p.backups = append(p.backups, &encoding{format: format(c)})
			}
			if got := p.missing(test.needy); !slices.Equal(got, test.expect) {
				t.Errorf("got %v, want %v", got, test.expect)
			}
		})
	}
}

package sfu

import (
	"sync"
	"testing"

	"github.com/pion/webrtc/v4"

	"switchyard/media"
)

// A publisher need not encode what no subscriber can decode, whichever shard they are on; but as soon as it
// sends something else, they need that.
func TestATrackThatNobodyCanDecodeIsNotNeeded(t *testing.T) {
	s := newSFU(t, 2)
	publisher := newClient(t)
	frame, _ := publisher.sendVP8()
	link := publisher.connect(s, LinkOptions{ID: "publisher"})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	defer wg.Wait()
	defer close(stop)
	wg.Go(func() { pump(frame, stop) })
	track, err := link.Publish(link.Session().Media[0].MID, "t")
	if err != nil {
		t.Fatal(err)
	}
	waitFor[TrackStarted](publisher)
	wanted := func(what string, needed bool) {
		t.Helper()
		if e := waitFor[TrackWanted](publisher); e.Any != needed {
			t.Fatalf("%s: %+v", what, e)
		}
	}
	wanted("nobody is there", false)

	var unable []*client
	for range 2 { // links go to the shards by turns
		v := newClient(t)
		v.discard(webrtc.RTPCodecTypeVideo)
		h264 := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
			SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}
		if err := v.pc.GetTransceivers()[0].SetCodecPreferences([]webrtc.RTPCodecParameters{{RTPCodecCapability: h264, PayloadType: 125}}); err != nil {
			t.Fatal(err)
		}
		v.connect(s, LinkOptions{ID: "unable"}).Feed(v.link.Session().Media[0].MID, track, 1)
		if e := waitFor[SlotPaused](v); e.Reason != PausedCodec {
			t.Fatalf("told %+v", e)
		}
		unable = append(unable, v)
	}
	viewer := newClient(t)
	packets := viewer.receive(webrtc.RTPCodecTypeVideo)
	mid := viewer.connect(s, LinkOptions{ID: "viewer"}).Session().Media[0].MID
	viewer.link.Feed(mid, track, 1)
	wanted("who can decode it came", true)
	next(t, packets)
	viewer.link.Feed(mid, nil, 2)
	wanted("and went", false)
	for _, v := range unable {
		if st, ok := v.link.Stats(); !ok || st.Slots[0].Reason != PausedCodec {
			t.Errorf("it says of itself %+v", st.Slots)
		}
	}

	h264 := unable[0].link.Session().Media[0].Codecs[0].Format
	if h264.Codec != media.H264 {
		t.Fatalf("they agreed on %+v", h264)
	}
	track.link.shard.post(func() { track.carry(h264) })
	wanted("now they can decode it", true)
}

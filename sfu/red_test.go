package sfu

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchyard/codec/opus"
	"switchyard/internal/simnet"
)

var redOpus = webrtc.RTPCodecParameters{
	RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: "audio/red", ClockRate: 48000, Channels: 2, SDPFmtpLine: "111/111"},
	PayloadType:        63,
}

// TestALostPacketOfSoundIsHeardFromTheNext: a Pion receiver that reads RED behind a path that loses a tenth,
// and a publisher of plain Opus. All is there whose own packet or the next one arrived.
func TestALostPacketOfSoundIsHeardFromTheNext(t *testing.T) {
	s := newSFU(t, 2)
	publisher, viewer := newClient(t), newClient(t, redOpus)
	local, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, "a", "s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := publisher.pc.AddTrack(local); err != nil {
		t.Fatal(err)
	}
	plink := publisher.connect(s, LinkOptions{ID: "publisher"})
	track, err := plink.Publish(plink.Session().Media[0].MID, "t")
	if err != nil {
		t.Fatal(err)
	}
	packets := viewer.receive(webrtc.RTPCodecTypeAudio)
	viewer.via(s, simnet.Conditions{Loss: 0.1})
	vlink := viewer.connect(s, LinkOptions{ID: "viewer"})
	vlink.Feed(vlink.Session().Media[0].MID, track, 1)

	const last = 400
	heard := map[uint32]bool{} // packets by the number in them
	arrived, recovered := map[uint32]bool{}, 0
	hear := func(b []byte) uint32 {
		n := binary.BigEndian.Uint32(b[1:])
		heard[n] = true
		return n
	}
	take := func(p *rtp.Packet) {
		if p.PayloadType != 63 {
			arrived[hear(p.Payload)] = true
			return
		}
		blocks, ok := opus.ParseRED(p.Payload)
		if !ok {
			t.Fatalf("not RED: %x", p.Payload)
		}
		for b, more := blocks.Next(); more; b, more = blocks.Next() {
			if n := binary.BigEndian.Uint32(b.Data[1:]); !b.Primary && !heard[n] {
				recovered++
			} else if b.Primary {
				arrived[n] = true
			}
			hear(b.Data)
		}
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for n := uint32(0); !heard[last]; {
		select {
		case <-tick.C:
			n++
			p := &rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: uint16(n + 65500), Timestamp: n * 960}}
			p.Payload = binary.BigEndian.AppendUint32([]byte{0x78}, n)
			if err := local.WriteRTP(p); err != nil {
				t.Fatal(err)
			}
		case p := <-packets:
			take(p)
		case <-deadline:
			t.Fatalf("heard %d packets", len(heard))
		}
	}
	first := uint32(last)
	for n := range arrived {
		first = min(first, n)
	}
	missing := 0
	for n := first + 1; n < last; n++ {
		if !arrived[n] && arrived[n+1] && !heard[n] {
			t.Errorf("packet %d was lost, the next one came without it", n)
		}
		if !heard[n] {
			missing++
		}
	}
	// One in ten is lost, and one in a hundred together with the next.
	if lost := last - int(first) - len(arrived); recovered < 10 || missing > recovered/2 {
		t.Errorf("%d did not arrive, %d were recovered, %d missing", lost, recovered, missing)
	}
	if stats, _ := vlink.Stats(); len(stats.Slots) != 1 || stats.Slots[0].Redundant < last/2 {
		t.Errorf("stats %+v", stats.Slots)
	}
}

package egress

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	pionrtcp "github.com/pion/rtcp"
	pionrtp "github.com/pion/rtp"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

// report answers the slot's sender report as a receiver 30 ms away does.
func (r *rig) report() {
	r.Helper()
	b := r.slot.SenderReport(r.now, nil)
	rd := rtcp.NewReader(b)
	p, _ := rd.Next()
	sr, ok := p.Sender()
	if !ok {
		r.Fatal("no sender report")
	}
	r.now += 30 * ms
	if !r.slot.OnReport(r.now, rtcp.Report{SSRC: sr.SSRC, FractionLost: 64, Lost: 5, Jitter: 900, LastSR: sr.NTP.Middle()}) {
		r.Fatal("report refused")
	}
}

func (r *rig) nack(seq uint16) (Resend, pionrtp.Packet, bool) {
	r.Helper()
	buf := make([]byte, media.MaxDatagram+MaxHeader)
	res, ok := r.slot.OnNACK(r.now, seq, buf, r.twcc)
	var p pionrtp.Packet
	if ok && res.Sealed == nil {
		r.twcc++
		if err := p.Unmarshal(buf[:res.HeaderLen+res.PayloadLen]); err != nil {
			r.Fatal(err)
		}
	}
	return res, p, ok
}

func TestLossIsAnsweredByRTX(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(70000, 5, 'a')
	r.slot.Switch(r.now, video(), 1, &Rings{u.ring})
	r.write(u.frame(0, 3, true)...)
	r.now += 100 * ms
	orig := r.got[1]
	_, p, ok := r.nack(orig.SequenceNumber)
	if !ok || p.SSRC != 0x2222 || p.PayloadType != 97 || p.Timestamp != orig.Timestamp || p.Marker {
		t.Fatalf("header %+v %v", p.Header, ok)
	}
	if binary.BigEndian.Uint16(p.Payload) != orig.SequenceNumber || !bytes.Equal(p.Payload[2:], orig.payload) {
		t.Errorf("payload %x", p.Payload)
	}
	if _, _, ok := r.nack(orig.SequenceNumber); ok {
		t.Error("again within a round trip")
	}
	r.now += 20 * ms
	if _, q, ok := r.nack(orig.SequenceNumber); !ok || q.SequenceNumber != p.SequenceNumber+1 {
		t.Errorf("not again after it: %v", ok)
	}
	if _, _, ok := r.nack(orig.SequenceNumber + 100); ok {
		t.Error("answered for what was never sent")
	}
	s := r.slot.Stats()
	if s.Retransmitted != 2 || s.Drops[DropTooSoon] != 1 || s.Drops[DropNoRTX] != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestLossBeforeASwitchIsAnsweredFromTheOldSource(t *testing.T) {
	r := newRig(t, videoConfig)
	a, b := newPublisher(70000, 5, 'a'), newPublisher(9, 1, 'b')
	r.slot.Switch(0, video(), 1, &Rings{a.ring})
	r.write(a.frame(0, 3, true)...)
	r.slot.Switch(0, video(), 2, &Rings{b.ring})
	r.write(b.frame(40*ms, 3, true)...)
	for i, want := range []byte("aaabbb") {
		if _, p, ok := r.nack(r.got[i].SequenceNumber); !ok || p.Payload[2] != want || p.Timestamp != r.got[i].Timestamp {
			t.Errorf("packet %d: %v", i, ok)
		}
	}
	a.ring.Close()
	r.now += 1000 * ms
	if _, _, ok := r.nack(r.got[0].SequenceNumber); ok {
		t.Error("answered from a closed ring")
	}
}

func TestResendingIsBudgeted(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 5, 'a')
	r.slot.Switch(r.now, video(), 1, &Rings{u.ring})
	ps := u.frame(0, 400, true)
	for _, p := range ps {
		p.Payload = p.Data[:1000]
	}
	r.write(ps...)
	n := 0
	for _, w := range r.got {
		if _, _, ok := r.nack(w.SequenceNumber); ok {
			n++
		}
	}
	if n < 50 || n > 101 {
		t.Errorf("%d of 400 resent at once", n)
	}
	if r.slot.Stats().Drops[DropBudget] == 0 {
		t.Error("nothing was refused")
	}
}

func TestWithoutRTXTheSameBytesAreRepeated(t *testing.T) {
	c := videoConfig
	c.RTXSSRC = 0
	r, u := newRig(t, c), newPublisher(1, 5, 'a')
	r.slot.Switch(r.now, video(), 1, &Rings{u.ring})
	buf := make([]byte, MaxHeader)
	var datagrams [][]byte
	for _, p := range u.frame(0, 200, true) {
		n, _, _ := r.slot.Write(r.now, p, buf, 0)
		d := append(bytes.Clone(buf[:n]), "sealed"...)
		r.slot.Sealed(d)
		datagrams = append(datagrams, d)
	}
	seq := func(i int) uint16 { return binary.BigEndian.Uint16(datagrams[i][2:]) }
	if res, _, ok := r.nack(seq(150)); !ok || !bytes.Equal(res.Sealed, datagrams[150]) {
		t.Errorf("got %x", res.Sealed)
	}
	if _, _, ok := r.nack(seq(3)); ok {
		t.Error("one that is no longer kept was answered")
	}
	with := New(videoConfig)
	with.Switch(0, video(), 1, &Rings{u.ring})
	with.Sealed(datagrams[0])
	if with.sealed.data != nil {
		t.Error("kept although the receiver knows RTX")
	}
}

func TestReportsGiveRoundTripAndLoss(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 5, 'a')
	r.slot.Switch(r.now, video(), 1, &Rings{u.ring})
	if r.slot.SenderReport(r.now, nil) != nil {
		t.Error("a sender report before the first packet")
	}
	r.write(u.frame(0, 1, true)...)
	r.report()
	s := r.slot.Stats()
	if (s.RTT-30*time.Millisecond).Abs() > time.Millisecond || s.FractionLost != 0.25 || s.Lost != 5 || s.Jitter != 10*time.Millisecond {
		t.Errorf("stats %+v", s)
	}
	if r.slot.OnReport(r.now, rtcp.Report{SSRC: 5}) {
		t.Error("took a stranger's report")
	}
	if !r.slot.OnReport(r.now, rtcp.Report{SSRC: 0x2222}) {
		t.Error("a report about the RTX stream was refused")
	}
}

// line fits what a receiver makes of sender reports: the error of each against the first one.
func sr(t *testing.T, s *Slot, now media.Time) *pionrtcp.SenderReport {
	t.Helper()
	ps, err := pionrtcp.Unmarshal(s.SenderReport(now, nil))
	if err != nil || len(ps) != 2 {
		t.Fatalf("%d packets, %v", len(ps), err)
	}
	if d := ps[1].(*pionrtcp.SourceDescription); d.Chunks[0].Items[0].Text != "switchyard" {
		t.Errorf("CNAME %+v", d)
	}
	return ps[0].(*pionrtcp.SenderReport)
}

func TestSenderReportsNeverJumpAcrossSwitches(t *testing.T) {
	r := newRig(t, videoConfig)
	sources := []*publisher{newPublisher(1, 1, 'a'), newPublisher(9, 1<<31, 'b'), newPublisher(70000, 4711, 'c')}
	sources[1].delay, sources[2].delay = 150*ms, 60*ms
	r.slot.Switch(0, video(), 1, &Rings{sources[0].ring})
	r.write(sources[0].frame(0, 1, true)...)
	first := sr(t, r.slot, 0)
	for i := range 20 {
		u := sources[i%3]
		start := media.Time(i) * 2000 * ms
		r.slot.Switch(start, video(), uint32(i), &Rings{u.ring})
		for f := range media.Time(50) {
			at := start + f*40*ms
			w := len(r.got)
			if r.write(u.frame(at, 1, f == 0)...) == 1 && f > 10 {
				// The frame's timestamp by the first sender report is its capture time.
				d := int32(r.got[w].Timestamp - first.RTPTime - uint32(at*90/ms))
				if max(d, -d) > 90 {
					t.Fatalf("switch %d: off by %d ticks", i, d)
				}
			}
		}
		s := sr(t, r.slot, r.now)
		if d := int32(s.RTPTime - first.RTPTime - uint32(r.now*90/ms)); max(d, -d) > 9 {
			t.Fatalf("switch %d: the report's pair moved by %d ticks", i, d)
		}
	}
}

func TestCaptureTimesThatMoveAreFollowedSlowly(t *testing.T) {
	r, u := newRig(t, videoConfig), newPublisher(1, 1, 'a')
	r.slot.Switch(0, video(), 1, &Rings{u.ring})
	var prev *pionrtcp.SenderReport
	var at media.Time
	for i := range media.Time(500) {
		at = i * 40 * ms
		p := u.frame(at, 1, i == 0)[0]
		if i > 100 { // the first sender report: the frames were 50 ms older than it seemed
			p.Captured -= 50 * ms
		}
		r.write(p)
		if i%25 == 0 {
			s := sr(t, r.slot, at)
			if prev != nil {
				if d := int32(s.RTPTime - prev.RTPTime - 90000); max(d, -d) > 460 {
					t.Fatalf("moved by %d ticks in a second", d)
				}
			}
			prev = s
		}
	}
	want := int32(r.last().Timestamp) // captured at-50ms
	s := sr(t, r.slot, at)
	if d := int32(s.RTPTime) - want - 50*90; max(d, -d) > 90 {
		t.Errorf("after 15 s still off by %d ticks", d)
	}
}

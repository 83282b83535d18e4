package egress

import (
	"encoding/binary"
	"testing"
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

// playoutRig writes frames and reads the playout delay of the last packet, in ms.
type playoutRig struct {
	*rig
	u *publisher
	n int
}

func newPlayoutRig(t *testing.T) *playoutRig {
	c := videoConfig
	c.Ext.PlayoutDelay = 7
	r := &playoutRig{newRig(t, c), newPublisher(1, 1, 'a'), 0}
	r.slot.Switch(0, video(), 1, &Rings{r.u.ring})
	return r
}

func (r *playoutRig) frame() (low, high int, told bool) {
	r.write(r.u.frame(40*ms*media.Time(r.n), 1, r.n == 0)...)
	r.n++
	w := r.last()
	e := w.GetExtension(7)
	if len(e) == 0 {
		return 0, 0, false
	}
	return 10 * (int(e[0])<<4 | int(e[1])>>4), 10 * (int(e[1])&15<<8 | int(e[2])), true
}

func (r *playoutRig) report(of written) {
	r.slot.OnReport(r.now, rtcp.Report{SSRC: 0x1111, Highest: uint32(of.index())})
}

// TestPlayoutIsToldUntilAReportAcknowledgesIt, and again when it changes.
func TestPlayoutIsToldUntilAReportAcknowledgesIt(t *testing.T) {
	r := newPlayoutRig(t)
	if _, _, told := r.frame(); told {
		t.Error("told without a choice")
	}
	for _, tt := range []struct {
		choice    Playout
		low, high int
	}{
		{Smooth, 200, 1000}, {Immediate, 0, 0}, {Playout{}, 0, 10000},
		{Playout{Chosen: true, Min: time.Second, Max: time.Hour}, 1000, 40950},
		{Playout{Chosen: true, Min: time.Second}, 1000, 1000},
	} {
		r.slot.Playout(tt.choice)
		r.report(r.last()) // of before
		for range 3 * playoutRepeat {
			low, high, told := r.frame()
			if !told || low != tt.low || high != tt.high {
				t.Fatalf("%+v: told %d to %d, %v", tt.choice, low, high, told)
			}
		}
		r.report(r.got[len(r.got)-2*playoutRepeat-2]) // the one before the last of the first ten
		if _, _, told := r.frame(); !told {
			t.Errorf("%+v: silent although it may not have arrived", tt.choice)
		}
		r.report(r.last())
		if _, _, told := r.frame(); told {
			t.Errorf("%+v: told after it arrived", tt.choice)
		}
		r.slot.Playout(tt.choice)
		if _, _, told := r.frame(); told {
			t.Errorf("%+v: the same choice is told again", tt.choice)
		}
	}
}

// TestResendingIsNotTelling: the first packets that count are sent anew.
func TestResendingIsNotTelling(t *testing.T) {
	r := newPlayoutRig(t)
	r.frame()
	r.slot.Playout(Smooth)
	for range 3 {
		r.frame()
	}
	told := r.slot.playout.told
	for _, w := range r.got {
		r.slot.OnNACK(r.now, w.SequenceNumber, make([]byte, 2000), 0)
	}
	if r.slot.playout.told != told {
		t.Errorf("%d, was %d", r.slot.playout.told, told)
	}
}

// captureOf is what source i says that it captured at that time; its clock is its own.
func captureOf(i int, at media.Time) media.NTP { return media.NTPAt(media.NTP(i+1)<<40, at) }

// TestCaptureTimeFollowsTheSource: each packet has its own source's capture time at once after a switch, and
// none where that source gives none; the RTP timestamps' mapping to the slot's time is the same for both.
func TestCaptureTimeFollowsTheSource(t *testing.T) {
	r := newRig(t, videoConfig)
	a, b, c := newPublisher(1, 1, 'a'), newPublisher(900, 77, 'b'), newPublisher(5, 5, 'c')
	for i, u := range []*publisher{a, b, c} {
		from := media.Time(i) * 400 * ms
		r.slot.Switch(from, video(), uint32(i+1), &Rings{u.ring})
		for k := range media.Time(5) {
			at := from + k*40*ms
			ps := u.frame(at, 2, k == 0)
			if u != c {
				for _, p := range ps {
					p.AbsCapture = captureOf(i, at)
				}
			}
			r.write(ps...)
			for _, w := range r.got[len(r.got)-2:] {
				e := w.GetExtension(5)
				if u == c {
					if e != nil {
						t.Fatalf("a capture time %x of nobody", e)
					}
					continue
				}
				if len(e) != 8 || binary.BigEndian.Uint64(e) != uint64(captureOf(i, at)) {
					t.Fatalf("source %d at %v: %x", i, at, e)
				}
				if off := w.Timestamp - uint32(r.slot.time.at(at)); int32(off) > 90 || int32(off) < -90 {
					t.Fatalf("source %d at %v: %d ticks off the slot's time", i, at, int32(off))
				}
			}
		}
	}
}

package sfu

import (
	"testing"
	"time"

	"switchyard/engine/bwe"
	"switchyard/media"
)

// After a picture was cut, the keyframe with which it begins again is sent whole, though its first packets need not
// wait and the rest has to: else every keyframe is cut behind its beginning, and nothing is ever seen again.
func TestCutPictureBeginsAgain(t *testing.T) {
	pool := media.NewPool(100)
	l := &Link{pacer: bwe.NewPacer[held]()}
	s := &slot{link: l, kind: media.Video, ssrc: 7}
	now := media.Time(time.Second)
	l.pacer.SetRate(now, 200_000)
	offer := func(n int, keyframe bool) (passed int) {
		for i := range n {
			p := pool.Get()
			p.Payload, p.FrameStart, p.Keyframe = make([]byte, 1000), i == 0, keyframe
			if l.admit(now, s, p) {
				passed++
			}
			p.Release()
		}
		return passed
	}
	drain := func() (sent, lost int) {
		for {
			it, _, v, ok := l.pacer.Next(now)
			if !ok {
				return sent, lost
			}
			if it.Ref.pkt.Release(); v == bwe.Send {
				sent++
			} else {
				lost++
			}
		}
	}
	offer(30, false)
	now = now.Add(time.Second)
	if _, lost := drain(); lost == 0 {
		t.Fatal("nothing was cut")
	}
	now = now.Add(time.Second)
	passed := offer(10, true)
	if passed == 0 || passed == 10 {
		t.Fatalf("%d of the keyframe's packets passed at once", passed)
	}
	sent, lost := 0, 0
	for range 1000 {
		now = now.Add(time.Millisecond)
		a, b := drain()
		sent, lost = sent+a, lost+b
	}
	if lost > 0 || passed+sent != 10 {
		t.Errorf("of the keyframe %d packets passed, %d were sent, %d cut", passed, sent, lost)
	}
}

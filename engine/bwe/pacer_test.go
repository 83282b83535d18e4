package bwe

import (
	"testing"
	"time"

	"switchyard/media"
)

// leave drains the pacer.
func leave(p *Pacer[int], now media.Time) (refs []int, dropped int) {
	for {
		it, _, v, ok := p.Next(now)
		switch {
		case !ok:
			return refs, dropped
		case v == Send:
			refs = append(refs, it.Ref)
		default:
			dropped++
		}
	}
}

func TestEverythingPassesBelowTheRate(t *testing.T) {
	p := NewPacer[int]()
	p.SetRate(0, 2_000_000)
	now := media.Time(0)
	for range 300 { // 10 s of 30 frames of 4000 bytes: about a megabit
		now = now.Add(33 * time.Millisecond)
		for range 4 {
			if !p.Admit(now, 1000, ClassVideo) {
				t.Fatal("held")
			}
		}
	}
	if st := p.Stats(); st.Passed != 1200 || p.Deadline() != media.Never {
		t.Errorf("got %+v", st)
	}
}

func TestKeyframeIsSpread(t *testing.T) {
	p := NewPacer[int]()
	p.SetRate(0, 1_200_000) // 150 bytes a ms
	now := media.Time(time.Second)
	passed, held := 0, 0
	for i := range 60 {
		if p.Admit(now, 1000, ClassVideo) {
			passed++
			continue
		}
		held++
		p.Push(now, ClassVideo, Item[int]{Ref: i, Bytes: 1000})
	}
	if passed != 4 { // 40 ms of the target, which is two thirds of the rate
		t.Errorf("%d passed at once", passed)
	}
	sent := 0
	for next := passed; held > sent; {
		at := p.Deadline()
		if at <= now {
			t.Fatalf("a deadline in the past with %d to go", held-sent)
		}
		if gap := at.Sub(now); gap > 20*time.Millisecond {
			t.Fatalf("idle for %v", gap)
		}
		now = at
		refs, dropped := leave(p, now)
		if dropped > 0 || len(refs) == 0 {
			t.Fatalf("%d dropped, %d left", dropped, len(refs))
		}
		for _, r := range refs {
			if r != next {
				t.Fatalf("%d left before %d", r, next)
			}
			next++
		}
		sent += len(refs)
	}
	if d := now.Sub(media.Time(time.Second)); d < 360*time.Millisecond || d > 400*time.Millisecond {
		t.Errorf("60 kB at 150 kB/s took %v", d)
	}
}

func TestAudioFirstThenRetransmissions(t *testing.T) {
	p := NewPacer[int]()
	p.SetRate(0, 80_000)
	now := media.Time(time.Second)
	for p.Admit(now, 1000, ClassVideo) {
	}
	p.Push(now, ClassVideo, Item[int]{Ref: 3, Bytes: 1000})
	if p.Admit(now, 1000, ClassResend) {
		t.Fatal("a retransmission was admitted beyond the rate")
	}
	p.Push(now, ClassResend, Item[int]{Ref: 2, Bytes: 1000})
	if !p.Admit(now, 100, ClassAudio) {
		t.Fatal("audio was held")
	}
	now = now.Add(220 * time.Millisecond)
	if refs, _ := leave(p, now); len(refs) != 2 || refs[0] != 2 || refs[1] != 3 {
		t.Errorf("left: %v", refs)
	}
}

func TestLateVideoIsCutToTheNextKeyframe(t *testing.T) {
	p := NewPacer[int]()
	p.SetRate(0, 30_000)
	now := media.Time(time.Second)
	for p.Admit(now, 1000, ClassVideo) {
	}
	push := func(ref int, stream uint32, key bool) {
		p.Push(now, ClassVideo, Item[int]{Ref: ref, Bytes: 1000, Stream: stream, Key: key})
	}
	push(1, 7, false)
	push(2, 7, false)
	push(3, 8, false)
	now = now.Add(600 * time.Millisecond)
	push(4, 7, false)
	push(5, 7, true)
	push(6, 7, false)
	p.SetRate(now, 10_000_000)
	now = now.Add(10 * time.Millisecond)
	refs, dropped := leave(p, now)
	if len(refs) != 2 || refs[0] != 5 || refs[1] != 6 || dropped != 4 {
		t.Errorf("left %v, %d dropped", refs, dropped)
	}
	if p.Waits(7) || !p.Waits(8) {
		t.Error("stream 8 waits for a keyframe, and stream 7 has one")
	}
	p.Restart(8)
	if p.Waits(8) {
		t.Error("restarted")
	}
	if st := p.Stats(); st.Late+st.Cut != 4 || st.Sent != 2 || st.Waiting != 0 {
		t.Errorf("got %+v", st)
	}
}

func TestQueueIsBounded(t *testing.T) {
	p := NewPacer[int]()
	p.SetRate(0, 30_000)
	dropped := 0
	for i := range 3000 {
		if _, v, ok := p.Push(0, ClassVideo, Item[int]{Ref: i, Bytes: 1000}); ok {
			if v != Late {
				t.Fatal(v)
			}
			dropped++
		}
	}
	if st := p.Stats(); st.Waiting != queued[ClassVideo] || dropped+st.Waiting != 3000 {
		t.Errorf("%d dropped, %+v", dropped, st)
	}
}

func TestPacerDoesNotAllocate(t *testing.T) {
	p := NewPacer[int]()
	p.SetRate(0, 1_000_000)
	now := media.Time(0)
	round := func() {
		now = now.Add(33 * time.Millisecond)
		for i := range 8 {
			if !p.Admit(now, 1000, ClassVideo) {
				p.Push(now, ClassVideo, Item[int]{Ref: i, Bytes: 1000})
			}
		}
		leave(p, now)
	}
	for range 100 {
		round()
	}
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzPacer counts what goes in and out, and holds the pacer to its rate.
func FuzzPacer(f *testing.F) {
	f.Add([]byte{0, 10, 20, 30, 40, 250, 3, 2, 1})
	f.Add([]byte{2, 6, 10, 14, 18, 22, 255, 255, 3, 7, 11})
	f.Fuzz(func(t *testing.T, script []byte) {
		p := NewPacer[int]()
		p.SetRate(0, 400_000)
		now, in, out := media.Time(0), 0, 0
		for i, c := range script[:min(len(script), 2000)] {
			if class := Class(c & 3); class < classes {
				in++
				bytes := 10 + int(c)*5
				if p.Admit(now, bytes, class) {
					out++
				} else if _, _, ok := p.Push(now, class, Item[int]{Ref: i, Bytes: bytes, Stream: uint32(c >> 6), Key: c&8 != 0}); ok {
					out++
				}
				continue
			}
			now = now.Add(time.Duration(c>>2) * time.Millisecond)
			refs, dropped := leave(p, now)
			out += len(refs) + dropped
			if d := p.Deadline(); d != media.Never && d <= now {
				t.Fatalf("the deadline %v is not after %v", d, now)
			}
		}
		st := p.Stats()
		if in != out+st.Waiting {
			t.Fatalf("%d in, %d out, %d wait", in, out, st.Waiting)
		}
		if uint64(in) != st.Passed+st.Sent+st.Late+st.Cut+uint64(st.Waiting) {
			t.Fatalf("%d in, %+v", in, st)
		}
	})
}

// A keyframe that takes longer than anything may wait is sent to its end: were it cut, the next would be as well, for ever.
func TestKeyframeIsSentToItsEnd(t *testing.T) {
	p := NewPacer[int]()
	p.SetRate(0, 160_000) // 20 bytes a ms
	now := media.Time(time.Second)
	const packets, later = 20, 30
	for i := range packets { // a second's worth
		p.Push(now, ClassVideo, Item[int]{Ref: i, Bytes: 1000, Stream: 1, Key: i == 0, Whole: true})
	}
	sent, dropped, last := 0, 0, 0
	for frame := 0; frame < later; frame++ {
		for end := now.Add(40 * time.Millisecond); now < end; now = now.Add(time.Millisecond) {
			refs, d := leave(p, now)
			sent, dropped = sent+len(refs), dropped+d
			if len(refs) > 0 {
				last = refs[len(refs)-1]
			}
		}
		p.Push(now, ClassVideo, Item[int]{Ref: packets + frame, Bytes: 300, Stream: 1})
	}
	if sent < packets+later/2 || dropped > 0 {
		t.Errorf("%d of %d sent, the last was %d; %d dropped", sent, packets+later, last, dropped)
	}
	// Nothing waits for ever: at no rate worth the name even a keyframe is dropped.
	p.SetRate(now, 100)
	p.Push(now, ClassVideo, Item[int]{Ref: 100, Bytes: 1000, Stream: 1, Key: true, Whole: true})
	if _, d := leave(p, now.Add(longestKey+time.Millisecond)); d == 0 {
		t.Error("nothing was dropped")
	}
}

package calls

import (
	"fmt"
	"testing"
	"time"

	"switchyard/client/clip"
	"switchyard/internal/simnet"
	"switchyard/protocol"
)

// shown is somebody's picture and sound.
type shown struct{ video, audio protocol.TrackID }

// show publishes the picture of a clip and its sound, each by a player of its own: a picture that jumps to a keyframe
// takes no sound along.
func show(t testing.TB, p *person, name string, speaks bool) shown {
	t.Helper()
	level := func(time.Duration) (uint8, bool) { return 127, false }
	if speaks {
		level = clip.Speech
	}
	var s shown
	for _, o := range []clip.PlayerOptions{{StreamID: name, Mute: true}, {StreamID: name, Blind: true, Level: level}} {
		c, err := clip.Open("clock")
		if err != nil {
			t.Fatal(err)
		}
		player := clip.NewPlayer(c, o)
		if player.Video != nil {
			s.video = publish(t, p, player.Video, name)
		} else {
			s.audio = publish(t, p, player.Audio, name)
		}
		keepPlaying(t, c, player)
	}
	return s
}

// Ten people who all send and watch, with 1 Mbit/s towards each: nine sounds and nine pictures of 110 kbit/s do not
// fit. Everybody hears everybody, whoever speaks is seen without a break, and some of the others are paused for
// want of bandwidth. A benchmark since what arrives in time is a matter of how busy the machine is:
//
//	go test ./e2e/calls -run '^$' -bench Ten -benchtime 1x
func BenchmarkTenShareNarrowPaths(b *testing.B) {
	for b.Loop() {
		tenShareNarrowPaths(b)
	}
}

func tenShareNarrowPaths(t testing.TB) {
	const people = 10
	s := startServer(t)
	out := simnet.Conditions{Latency: 20 * time.Millisecond}
	in := simnet.Conditions{Latency: 20 * time.Millisecond, Rate: 1_000_000, Queue: 40_000}
	all, media := make([]*person, people), make([]shown, people)
	for i := range all {
		who := fmt.Sprint("p", i)
		all[i] = s.joinOver(t, who, uint64(i), people-1, out, in)
		media[i] = show(t, all[i], who, i == 0)
	}
	for i, p := range all {
		eventually(t, string(p.ID())+" hears everybody, sees the speaker, and has others paused", func() string {
			for k, m := range media {
				if a := p.ear.of(m.audio); k != i && (a == nil || a.count() < 50) {
					return fmt.Sprint("no sound of ", k)
				}
			}
			if v := p.ear.of(media[0].video); i > 0 && (v == nil || v.count() < 50 || p.paused(media[0].video) != "") {
				return "the speaker is not seen"
			}
			if p.pausedForBandwidth() == 0 {
				return "nobody is paused"
			}
			return ""
		})
	}
	watchTen(t, all, media)
}

// watchTen looks at everybody for ten seconds.
func watchTen(t testing.TB, all []*person, media []shown) {
	const length, frequent = 10 * time.Second, 50 * time.Millisecond
	type heard struct {
		from, count int
		at          time.Time
		silence     time.Duration
	}
	sounds, frames := map[[2]int]*heard{}, map[int]mark{}
	for began := time.Now(); time.Since(began) < length; time.Sleep(frequent) {
		for i, p := range all {
			for k, m := range media {
				if k == i {
					continue
				}
				n, h := p.ear.of(m.audio).count(), sounds[[2]int{i, k}]
				switch now := time.Now(); {
				case h == nil:
					sounds[[2]int{i, k}] = &heard{from: n, count: n, at: now}
				case n > h.count:
					h.silence = max(h.silence, now.Sub(h.at))
					h.count, h.at = n, now
				}
			}
			if i == 0 {
				continue
			}
			if v := p.ear.of(media[0].video); frames[i] == (mark{}) {
				frames[i] = v.newest()
			}
			if why := p.paused(media[0].video); why != "" {
				t.Fatalf("%s: the speaker is paused: %s", p.ID(), why)
			}
		}
	}
	due := int(length / (20 * time.Millisecond))
	for pair, h := range sounds {
		if n := h.count - h.from; n < due*97/100 || h.silence > 500*time.Millisecond {
			t.Errorf("%d hears %d of %d packets of %d, not for %v", pair[0], n, due, pair[1], h.silence)
		}
	}
	for i, from := range frames {
		p := all[i]
		if n := int((p.ear.of(media[0].video).newest().time - from.time) / videoStep); n < int(length.Seconds())*clip.FPS*9/10 {
			t.Errorf("%s sees %d frames of the speaker", p.ID(), n)
		}
		if n := p.pausedForBandwidth(); n == 0 || n > len(all)-2 {
			t.Errorf("%s has %d paused", p.ID(), n)
		}
	}
	for _, p := range all {
		_, in := p.net.Stats()
		t.Logf("%s: %d paused, wire %+v", p.ID(), p.pausedForBandwidth(), in)
	}
}

// paused says why the slot of a track brings nothing, "" where it does.
func (p *person) paused(track protocol.TrackID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.slots {
		if s.Track == track {
			return string(s.Paused)
		}
	}
	return "it has no slot"
}

func (p *person) pausedForBandwidth() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.slots {
		if s.Paused == "bandwidth" {
			n++
		}
	}
	return n
}

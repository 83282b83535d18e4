package clip

import (
	"context"
	"sync/atomic"
	"time"

	"switchyard/media"
)

// Player plays a clip as tracks. Play runs it; a keyframe that a receiver asks for is answered by
// moving picture and sound together to the nearest keyframe of the clip, with RTP timestamps that
// go on, so that they stay in sync.
type Player struct {
	// Video and Audio are nil where the clip has none. Video has the layers of the clip, if any.
	Video, Audio *Track

	clip *Clip
	once bool
	want atomic.Bool // a keyframe is wanted

	level func(at time.Duration) (level uint8, voice bool) // nil when not known

	// Owned by Play. Output time is time since Play began; clip time is a frame's at.
	origin       time.Duration // output time of clip time 0 in this round
	video, audio cursor
	buf          []byte
}

// cursor is a position in one stream.
type cursor struct {
	stream *Stream
	track  *Track
	next   int           // index of the frame that is due next
	last   time.Duration // output time of the frame that was sent last, -1 before
}

// PlayerOptions shape a Player.
type PlayerOptions struct {
	// StreamID joins picture and sound at the receiver; "clip" when empty.
	StreamID string
	// Once plays the clip one time; else it loops.
	Once bool
	// Mute leaves the sound out, Blind the picture.
	Mute, Blind bool
	// Level is the loudness (RFC 6464, in -dBov) that audio packets carry, by clip time; nil means that
	// of a built-in clip, whose beeps are too short for speech, and none for a file.
	Level func(at time.Duration) (level uint8, voice bool)
}

// Speech is a Level that claims speech all the time.
func Speech(time.Duration) (level uint8, voice bool) { return 20, true }

// NewPlayer makes the tracks of a clip.
func NewPlayer(c *Clip, o PlayerOptions) *Player {
	if o.StreamID == "" {
		o.StreamID = "clip"
	}
	p := &Player{clip: c, once: o.Once, level: o.Level}
	if p.level == nil && c.Audio != nil {
		p.level = c.Audio.level
	}
	ask := func() { p.want.Store(true) }
	if c.Video != nil && !o.Blind {
		p.Video = newTrack(c.Video, o.StreamID+"-video", o.StreamID, ask)
		p.video = cursor{stream: c.Video, track: p.Video, last: -1}
		p.Video.addLower(c.Lower)
	}
	if c.Audio != nil && !o.Mute {
		p.Audio = newTrack(c.Audio, o.StreamID+"-audio", o.StreamID, func() {})
		p.audio = cursor{stream: c.Audio, track: p.Audio, last: -1}
	}
	return p
}

// Size is the picture's size in pixels, 0 when not known.
func (p *Player) Size() (width, height int) {
	if p.clip.Video == nil {
		return 0, 0
	}
	return p.clip.Video.Width, p.clip.Video.Height
}

// Play sends the clip until ctx ends (then it returns nil), the clip is over, or the file cannot be
// read. Only one Play may run at a time.
func (p *Player) Play(ctx context.Context) error {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		c := p.due()
		if c == nil {
			if p.once {
				return nil
			}
			p.origin += p.clip.Length()
			p.video.next, p.audio.next = 0, 0
			continue
		}
		at := p.origin + c.stream.frames[c.next].at
		if wait := at - time.Since(start); wait > 0 {
			timer.Reset(wait)
			select {
			case <-ctx.Done():
				return nil
			case <-timer.C:
			}
		}
		if err := p.step(c); err != nil {
			return err
		}
	}
	return nil
}

// due returns the stream whose next frame comes first, nil at the end of the clip.
func (p *Player) due() *cursor {
	v, a := &p.video, &p.audio
	switch {
	case v.over() && a.over():
		return nil
	case a.over():
		return v
	case v.over():
		return a
	case v.stream.frames[v.next].at <= a.stream.frames[a.next].at:
		return v
	}
	return a
}

func (c *cursor) over() bool { return c.stream == nil || c.next >= len(c.stream.frames) }

// step sends the next frame of c.
func (p *Player) step(c *cursor) error {
	if c == &p.video && p.want.CompareAndSwap(true, false) {
		p.jump()
	}
	f := c.stream.frames[c.next]
	out := p.origin + f.at
	i := c.next
	c.next++
	if out <= c.last {
		return nil // a jump may bring an audio packet a second time at one time
	}
	c.last = out
	level, voice := uint8(noLevel), false
	if c == &p.audio && p.level != nil {
		level, voice = p.level(f.at)
	}
	for _, t := range c.track.lower {
		if err := p.send(t, i, out, level, voice); err != nil {
			return err
		}
	}
	return p.send(c.track, i, out, level, voice)
}

// send sends frame i of a track, unless it is switched off; a picture comes back with a keyframe.
func (p *Player) send(t *Track, i int, out time.Duration, level uint8, voice bool) error {
	key := t.stream.frames[i].key && t.codec.Kind() == media.Video
	if t.off.Load() {
		t.waits = true
		return nil
	}
	if t.waits && !key && t.codec.Kind() == media.Video {
		return nil
	}
	t.waits = false
	data, err := t.stream.read(i, p.buf)
	if err != nil {
		return err
	}
	p.buf = data
	t.send(data, out, key, level, voice)
	return nil
}

// jump moves the clip's time so that the video frame that is due is the nearest keyframe. The output
// time does not move: what changes is which clip time is played at it.
func (p *Player) jump() {
	v := p.video.stream
	k := v.nearestKey(p.video.next)
	if k < 0 || k == p.video.next {
		return
	}
	delta := v.frames[k].at - v.frames[p.video.next].at
	p.origin -= delta
	p.video.next = k
	if !p.audio.over() {
		p.audio.seek(p.audio.stream.frames[p.audio.next].at + delta)
	} else if p.audio.stream != nil {
		p.audio.seek(p.audio.stream.Length + delta)
	}
}

// seek goes to the first frame that is not before clip time at.
func (c *cursor) seek(at time.Duration) {
	lo, hi := 0, len(c.stream.frames)
	for lo < hi {
		if mid := (lo + hi) / 2; c.stream.frames[mid].at < at {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	c.next = lo
}

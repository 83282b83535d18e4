package clip

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"switchyard/codec/vp8"
)

func TestLayersAreOnePictureInThreeSizes(t *testing.T) {
	c, err := Open("layers")
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Lower) != 2 || c.Lower[0].Width != 160 || c.Lower[1].Width != 320 || c.Video.Width != 640 {
		t.Fatalf("%d lower layers under %d pixels", len(c.Lower), c.Video.Width)
	}
	synctest.Test(t, func(t *testing.T) {
		p := NewPlayer(c, PlayerOptions{Mute: true})
		sinks := make([]*sink, 3)
		for i, l := range p.Video.Layers() {
			sinks[i] = &sink{}
			if _, err := l.Bind(trackContext{sinks[i]}); err != nil {
				t.Fatal(err)
			}
			if want := []string{"q", "h", "f"}[i]; l.RID() != want || l.ID() != p.Video.ID() {
				t.Errorf("layer %d is %s of %s", i, l.RID(), l.ID())
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- p.Play(ctx) }()
		rest := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait() // what is due just now is sent too
		}
		rest(3 * time.Second)
		checkLayers(t, sinks, []int{160, 320, 640})

		p.Video.Lower()[1].Enable(false)
		rest(time.Second)
		sinks[1].take() // what was under way
		rest(time.Second)
		if n := len(sinks[1].take()); n > 0 {
			t.Errorf("%d packets of a layer that is off", n)
		}
		for _, s := range sinks {
			s.take()
		}
		p.Video.Lower()[1].Enable(true)
		rest(200 * time.Millisecond)
		back := sinks[1].take()
		if len(back) == 0 {
			t.Fatal("the layer does not come back")
		}
		if d, ok := vp8.Parse(back[0].b); !ok || !d.FrameStart || !d.Keyframe {
			t.Errorf("it comes back with %+v", d)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// checkLayers sees that layers have the same frames, at the same times, with keyframes together.
func checkLayers(t *testing.T, sinks []*sink, widths []int) {
	t.Helper()
	type moment struct {
		at  time.Time
		rtp uint32
		key bool
	}
	var frames [3][]moment
	for i, s := range sinks {
		for _, p := range s.take() {
			d, ok := vp8.Parse(p.b)
			if !ok {
				t.Fatal("no VP8")
			}
			if d.FrameStart {
				frames[i] = append(frames[i], moment{p.at, p.h.Timestamp, d.Keyframe})
			}
			if d.Keyframe && int(d.Width) != widths[i] {
				t.Errorf("layer %d is %d pixels wide", i, d.Width)
			}
		}
	}
	if len(frames[2]) < 70 || len(frames[0]) != len(frames[2]) || len(frames[1]) != len(frames[2]) {
		t.Fatalf("%d, %d and %d frames in three seconds", len(frames[0]), len(frames[1]), len(frames[2]))
	}
	for k, f := range frames[2] {
		if frames[0][k] != f || frames[1][k] != f {
			t.Fatalf("frame %d: %v, %v, %v", k, frames[0][k], frames[1][k], f)
		}
	}
}

func TestPicturesThatAreNoLayersAreRefused(t *testing.T) {
	o := Options{Layers: true}
	for _, names := range [][]string{
		{"data/red.ivf", "data/blue.ivf"},        // of one size
		{"data/red.ivf", "data/clock.ivf"},       // of different lengths
		{"data/layers-90.ivf", "data/vp9.ivf"},   // of two codecs
		{"data/layers-90.ivf", "data/clock.ivf"}, // the same
	} {
		if _, err := OpenFiles(o, names...); !errors.Is(err, ErrLayers) {
			t.Errorf("%v: %v", names, err)
		}
	}
	c, err := OpenFiles(o, "data/layers-360.ivf", "data/layers-90.ivf", "data/red.ogg", "data/layers-180.ivf")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Video.Width != 640 || len(c.Lower) != 2 || c.Lower[0].Width != 160 {
		t.Errorf("%d lower layers", len(c.Lower))
	}
	if _, err := OpenFiles(Options{}, "data/layers-360.ivf", "data/layers-90.ivf"); err == nil {
		t.Error("two pictures without layers")
	}
}

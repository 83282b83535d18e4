package watch

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchyard/client"
	"switchyard/protocol"
)

// Report is what was received in one interval.
type Report struct {
	At       float64   `json:"at"` // seconds since the start
	State    string    `json:"state"`
	Tracks   []Track   `json:"tracks"`
	Speakers []Speaker `json:"speakers,omitempty"`
	Here     int       `json:"participants,omitempty"`
}

// Track is one stream that is received.
type Track struct {
	Slot        string  `json:"slot"`
	Kind        string  `json:"kind"`
	Codec       string  `json:"codec"`
	Track       string  `json:"track,omitempty"`
	Participant string  `json:"participant,omitempty"`
	Source      string  `json:"source,omitempty"`
	Bitrate     int     `json:"bitrate"` // of the payloads in this interval, in bits per second
	FPS         float64 `json:"fps,omitempty"`
	Counts
}

// Speaker is who speaks.
type Speaker struct {
	Participant string  `json:"participant"`
	Level       float64 `json:"level"`
}

// Options shape Run.
type Options struct {
	// Every is the interval of reports; a second when 0.
	Every time.Duration
	// Out writes the first track of a kind to files; see NewRecorder. Nil writes nothing.
	Out *Recorder
	// Report is told at each interval.
	Report func(Report)
}

// Run watches until ctx ends or the session does.
func Run(ctx context.Context, t client.Target, o Options) error {
	if o.Every == 0 {
		o.Every = time.Second
	}
	w := &watcher{o: o, start: time.Now(), last: map[*stream]Counts{}}
	var err error
	if t.Endpoint != "" {
		err = w.whep(ctx, t)
	} else {
		err = w.room(ctx, t)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // the time that was asked for is over
	}
	return err
}

type watcher struct {
	o     Options
	start time.Time

	mu       sync.Mutex
	streams  []*stream // guarded by mu
	speakers []Speaker // guarded by mu
	last     map[*stream]Counts
	lastAt   time.Time
}

// stream is one RTP stream that is read.
type stream struct {
	meter
	kind string
	slot *client.Slot // nil for WHEP
	name string
}

func (w *watcher) room(ctx context.Context, t client.Target) error {
	t.Room.Events.Media = func(s *client.Slot) { go w.read(s) }
	t.Room.Events.Speakers = func(list []protocol.Speaker) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.speakers = nil
		for _, s := range list {
			w.speakers = append(w.speakers, Speaker{string(s.Participant), s.Level})
		}
	}
	c, err := client.Dial(ctx, t.Room)
	if err != nil {
		return err
	}
	defer c.Close()
	return w.loop(ctx, c.Done(), c.Err, func() Report {
		r := w.report(c)
		r.State, r.Here = c.LinkState(), len(c.Participants())
		return r
	})
}

func (w *watcher) read(s *client.Slot) {
	st := &stream{kind: string(s.Kind()), slot: s, name: s.MID()}
	w.add(st)
	defer w.remove(st)
	for {
		p, err := s.Read()
		if err != nil {
			return
		}
		st.take(p.Packet, s.Codec(), w.o.Out)
	}
}

func (w *watcher) whep(ctx context.Context, t client.Target) error {
	o := client.HTTPOptions{Token: t.Token, API: t.Room.API, HTTP: t.Room.HTTP}
	var readers sync.WaitGroup
	r, err := client.WHEP(ctx, t.Endpoint, o, func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		st := &stream{kind: remote.Kind().String(), name: remote.ID()}
		w.add(st)
		readers.Go(func() {
			for {
				p, _, err := remote.ReadRTP()
				if err != nil {
					return
				}
				st.take(p, remote.Codec(), w.o.Out)
			}
		})
	})
	if err != nil {
		return err
	}
	defer readers.Wait()
	defer r.Close(context.WithoutCancel(ctx))
	gone := make(chan struct{})
	var once sync.Once
	r.PC.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateFailed || s == webrtc.PeerConnectionStateClosed {
			once.Do(func() { close(gone) })
		}
	})
	return w.loop(ctx, gone, func() error { return client.ErrConnect }, func() Report {
		report := w.report(nil)
		report.State = r.PC.ConnectionState().String()
		return report
	})
}

func (s *stream) take(p *rtp.Packet, c webrtc.RTPCodecParameters, out *Recorder) {
	s.packet(p, c.MimeType)
	if out != nil {
		out.Write(s, p, c)
	}
}

func (w *watcher) add(s *stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streams = append(w.streams, s)
}

func (w *watcher) remove(s *stream) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.streams = slices.DeleteFunc(w.streams, func(o *stream) bool { return o == s })
	delete(w.last, s)
}

// loop reports at each interval until the end.
func (w *watcher) loop(ctx context.Context, gone <-chan struct{}, why func() error, report func() Report) error {
	w.lastAt = time.Now()
	tick := time.NewTicker(w.o.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-gone:
			return why()
		case <-tick.C:
			if w.o.Report != nil {
				w.o.Report(report())
			}
		}
	}
}

// report makes the report of the interval that ends now.
func (w *watcher) report(c *client.Client) Report {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	interval := now.Sub(w.lastAt).Seconds()
	w.lastAt = now
	r := Report{At: now.Sub(w.start).Seconds(), Speakers: slices.Clone(w.speakers), Tracks: []Track{}}
	for _, s := range w.streams {
		n, codec := s.counts()
		before := w.last[s]
		w.last[s] = n
		t := Track{Slot: s.name, Kind: s.kind, Codec: codec.String(), Counts: n}
		t.Bitrate = int(float64(n.Bytes-before.Bytes) * 8 / interval)
		if s.kind == "video" {
			t.FPS = float64(n.Frames-before.Frames) / interval
		} else {
			t.Frames, t.Keyframes = 0, 0
		}
		if s.slot != nil {
			t.Track = string(s.slot.State().Track)
			if of, ok := c.Track(protocol.TrackID(t.Track)); ok {
				t.Participant, t.Source = string(of.Participant), string(of.Source)
			}
		}
		r.Tracks = append(r.Tracks, t)
	}
	slices.SortFunc(r.Tracks, func(a, b Track) int { return strings.Compare(a.Slot, b.Slot) })
	return r
}

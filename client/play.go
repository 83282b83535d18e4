package client

import (
	"context"
	"slices"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"switchyard/client/clip"
	"switchyard/protocol"
)

// Target is where media goes or comes from: a WHIP or WHEP endpoint, or a room.
type Target struct {
	Endpoint string // WHIP or WHEP URL; empty for a room
	Token    string // for Endpoint
	Room     Options
}

// Progress is what a publisher says while it plays.
type Progress struct {
	At      time.Duration
	Bitrate int     // of the payloads, in bits per second
	Loss    float64 // of the latest report, 0 to 1
	RTT     time.Duration
	State   string
}

// Play sends a player's tracks to a target until ctx ends, the clip is over, or the server ends it; it
// leaves cleanly. Progress, when not nil, is told once a second.
func Play(ctx context.Context, t Target, p *clip.Player, progress func(Progress)) error {
	out, err := connectPlayer(ctx, t, p)
	if err != nil {
		return err
	}
	defer out.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	played := make(chan error, 1)
	go func() { played <- p.Play(ctx) }()

	start, before := time.Now(), uint64(0)
	last := start
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-played:
			return err
		case <-out.ended():
			cancel()
			<-played
			return out.err()
		case now := <-tick.C:
			if progress == nil {
				continue
			}
			bytes := sentBytes(p)
			d := out.delivery()
			rate := float64(bytes-before) * 8 / now.Sub(last).Seconds() // a busy machine's seconds are not all one
			progress(Progress{At: now.Sub(start), Bitrate: int(rate), Loss: d.Loss, RTT: d.RTT, State: out.state()})
			before, last = bytes, now
		}
	}
}

func sentBytes(p *clip.Player) (n uint64) {
	for _, t := range tracks(p) {
		for _, l := range append(slices.Clip(t.Lower()), t) {
			_, b, _ := l.Sent()
			n += b
		}
	}
	return n
}

func tracks(p *clip.Player) (list []*clip.Track) {
	for _, t := range []*clip.Track{p.Video, p.Audio} {
		if t != nil {
			list = append(list, t)
		}
	}
	return list
}

// playing is where a player's tracks go.
type playing interface {
	ended() <-chan struct{}
	err() error
	delivery() Delivery
	state() string
	close()
}

func connectPlayer(ctx context.Context, t Target, p *clip.Player) (playing, error) {
	if t.Endpoint != "" {
		return playWHIP(ctx, t, p)
	}
	return playRoom(ctx, t, p)
}

// roomPlay plays to a room.
type roomPlay struct {
	c    *Client
	pubs []*Publication
}

func playRoom(ctx context.Context, t Target, p *clip.Player) (playing, error) {
	c, err := Dial(ctx, t.Room)
	if err != nil {
		return nil, err
	}
	r := &roomPlay{c: c}
	for _, track := range tracks(p) {
		o := PublishOptions{Source: protocol.SourceFile, Label: track.ID(), Group: track.StreamID()}
		if !c.Welcome().Grants.MayPublish(o.Source) {
			o.Source = "" // camera and microphone then
		}
		if w, h := p.Size(); track.Kind() == webrtc.RTPCodecTypeVideo {
			o.Width, o.Height = w, h
		}
		pub, err := c.Publish(ctx, track, o)
		if err != nil {
			r.close()
			return nil, err
		}
		r.pubs = append(r.pubs, pub)
	}
	return r, nil
}

func (r *roomPlay) ended() <-chan struct{} { return r.c.Done() }
func (r *roomPlay) err() error             { return r.c.Err() }
func (r *roomPlay) close()                 { _ = r.c.Close() }
func (r *roomPlay) delivery() Delivery     { return r.pubs[0].Delivery() }
func (r *roomPlay) state() string          { return r.c.LinkState() }

// whipPlay plays to a WHIP endpoint.
type whipPlay struct {
	r    *Resource
	pub  Publication // keeps the reports of the first track
	gone chan struct{}
}

func playWHIP(ctx context.Context, t Target, p *clip.Player) (playing, error) {
	list := tracks(p)
	locals := make([]webrtc.TrackLocal, len(list))
	for i, track := range list {
		locals[i] = track
	}
	r, err := WHIP(ctx, t.Endpoint, HTTPOptions{Token: t.Token, API: t.Room.API, HTTP: t.Room.HTTP}, locals...)
	if err != nil {
		return nil, err
	}
	w := &whipPlay{r: r, gone: make(chan struct{})}
	for i, sender := range r.PC.GetSenders() {
		for _, layer := range layersOf(list[i]) {
			go w.readReports(sender, layer.RID(), list[i])
		}
	}
	wait, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	if err := r.Connected(wait); err != nil {
		w.close()
		return nil, err
	}
	r.PC.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateFailed || s == webrtc.PeerConnectionStateClosed {
			select {
			case <-w.gone:
			default:
				close(w.gone)
			}
		}
	})
	return w, nil
}

func (w *whipPlay) readReports(s *webrtc.RTPSender, rid string, t *clip.Track) {
	pub := &w.pub
	read := s.ReadRTCP
	if rid != "" {
		read = func() ([]rtcp.Packet, interceptor.Attributes, error) { return s.ReadSimulcastRTCP(rid) }
	}
	for {
		packets, _, err := read()
		if err != nil {
			return
		}
		for _, packet := range packets {
			switch m := packet.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				t.Keyframe()
			case *rtcp.ReceiverReport:
				if rid != t.RID() {
					continue
				}
				pub.mu.Lock()
				for _, r := range m.Reports {
					pub.report.take(r, time.Duration(t.ClockRate()), time.Now())
				}
				pub.mu.Unlock()
			}
		}
	}
}

func (w *whipPlay) ended() <-chan struct{} { return w.gone }
func (w *whipPlay) err() error             { return ErrConnect }
func (w *whipPlay) delivery() Delivery     { return w.pub.Delivery() }
func (w *whipPlay) state() string          { return w.r.PC.ConnectionState().String() }
func (w *whipPlay) close()                 { _ = w.r.Close(context.Background()) }

package client

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"switchyard/protocol"
)

// PublishOptions describe a track.
type PublishOptions struct {
	Source protocol.TrackSource // camera or microphone when empty
	Label  string
	Group  string
	Muted  bool
	// Width and Height are in pixels, 0 when not known.
	Width, Height int
	// Keyframe is called when a receiver needs a keyframe (PLI or FIR). When nil, a track that has a
	// method Keyframe() is asked.
	Keyframe func()
}

// Publication is a track that we send. It is published again when the client joins anew.
type Publication struct {
	// Immutable.
	c     *Client
	local webrtc.TrackLocal
	o     PublishOptions

	announcing sync.Mutex  // one announcement at a time; held over the request on purpose
	announced  *serverLink // guarded by announcing: the link on which the room knows it

	wanting sync.Mutex // held while what is wanted is read and told, so that the latest wins

	mu     sync.Mutex
	link   *serverLink // guarded by mu, as all below: the link that it is attached to
	pos    *position   // on that link
	track  protocol.Track
	muted  bool
	report Delivery
	closed bool
}

// Delivery is what the server last said of the packets it got (RFC 3550 §6.4.1).
type Delivery struct {
	Loss   float64       // share of packets lost between the last two reports, 0 to 1
	Lost   int           // packets, in all
	RTT    time.Duration // 0 when not known
	Jitter time.Duration
	PLI    int // keyframes that were asked for
}

// Publish sends a track to the room.
func (c *Client) Publish(ctx context.Context, track webrtc.TrackLocal, o PublishOptions) (*Publication, error) {
	if o.Source == "" {
		o.Source = protocol.SourceCamera
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			o.Source = protocol.SourceMicrophone
		}
	}
	if k, ok := track.(interface{ Keyframe() }); ok && o.Keyframe == nil {
		o.Keyframe = k.Keyframe
	}
	p := &Publication{c: c, local: track, o: o, muted: o.Muted}
	for {
		done := make(chan error, 1)
		go func() { done <- p.publish(ctx) }() // the negotiation is finished even when ctx ends
		var err error
		select {
		case err = <-done:
		case <-ctx.Done():
			err = ctx.Err()
		case <-c.done:
			err = c.Err()
		}
		switch {
		case err == nil:
			return p, nil
		case err != ErrSessionLost:
			p.abort()
			return nil, fmt.Errorf("client: publish: %w", err)
		}
		select { // a new link is being made
		case <-time.After(firstRetry / 4):
		case <-ctx.Done():
		}
	}
}

// publish attaches the track to the present link, offers, and names it.
func (p *Publication) publish(ctx context.Context) error {
	p.c.mu.Lock()
	link := p.c.link
	if !slices.Contains(p.c.pubs, p) {
		p.c.pubs = append(p.c.pubs, p)
	}
	p.c.mu.Unlock()
	if err := link.lock(); err != nil {
		return err
	}
	err := p.attach(link)
	link.unlock()
	if err != nil {
		return err
	}
	if err := link.negotiate(false); err != nil {
		if link.ctx.Err() != nil {
			return ErrSessionLost
		}
		return err
	}
	return p.announce(ctx, link)
}

// attach gives the track to a sender of the link, once.
func (p *Publication) attach(l *serverLink) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.link == l || p.closed {
		return nil
	}
	layers := layersOf(p.local)
	pos, err := l.sender(layers)
	if err != nil {
		return fmt.Errorf("client: sender: %w", err)
	}
	p.link, p.pos = l, pos
	for _, layer := range layers {
		go p.readReports(pos.trans.Sender(), layer.RID())
	}
	return nil
}

// sender takes a position whose track was unpublished, or makes one. One with layers is made for them:
// Pion does not replace their tracks.
func (l *serverLink) sender(layers []webrtc.TrackLocal) (*position, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(layers) > 1 {
		trans, err := addLayered(l.pc, layers)
		return &position{trans: trans, layered: true}, err
	}
	local := layers[0]
	for i, pos := range l.idle {
		if pos.trans.Kind() == local.Kind() && pos.trans.Sender().ReplaceTrack(pos.on(local)) == nil {
			l.idle = slices.Delete(l.idle, i, i+1)
			return pos, nil
		}
	}
	pos := &position{}
	init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
	trans, err := l.pc.AddTransceiverFromTrack(pos.on(local), init)
	pos.trans = trans
	return pos, err
}

// announce sends the publish message for the link's m-line, once for a link, and takes the track's
// id.
func (p *Publication) announce(ctx context.Context, l *serverLink) error {
	p.announcing.Lock()
	defer p.announcing.Unlock()
	p.mu.Lock()
	if p.link != l || p.closed || p.announced == l {
		p.mu.Unlock()
		return nil
	}
	m := protocol.PublishTrack{
		MID: p.pos.trans.Mid(), Kind: protocol.TrackKind(p.local.Kind().String()), Source: p.o.Source, Label: p.o.Label,
		Group: p.o.Group, Muted: p.muted, Width: p.o.Width, Height: p.o.Height,
		Layers: describe(layersOf(p.local)),
	}
	p.mu.Unlock()
	e, err := p.c.session.request(ctx, protocol.TypePublish, protocol.Publish{Tracks: []protocol.PublishTrack{m}})
	if err != nil {
		return err
	}
	var published protocol.Published
	if err := e.Into(&published); err != nil {
		return err
	}
	if len(published.Tracks) != 1 {
		return fmt.Errorf("client: the server made %d tracks of one", len(published.Tracks))
	}
	p.announced = l
	p.mu.Lock()
	p.track = published.Tracks[0]
	p.mu.Unlock()
	p.c.onPublished(published)
	p.c.wantedOf(p)
	return nil
}

// Track is how the room knows it. Its ID changes when the client joins anew.
func (p *Publication) Track() protocol.Track {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.track
}

// Delivery says how the packets arrive at the server.
func (p *Publication) Delivery() Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.report
}

// Mute tells the room that the track is silent or dark; the sender shall then send nothing.
func (p *Publication) Mute(ctx context.Context, muted bool) error {
	p.mu.Lock()
	p.muted = muted
	id := p.track.ID
	p.mu.Unlock()
	_, err := p.c.session.request(ctx, protocol.TypeTrack, protocol.TrackUpdate{Track: id, Muted: &muted})
	return err
}

// Close ends the track. The link's m-line stays for the next one.
func (p *Publication) Close(ctx context.Context) error {
	id := p.Track().ID
	p.abort()
	p.c.mu.Lock()
	delete(p.c.wanted, id)
	p.c.mu.Unlock()
	_, err := p.c.session.request(ctx, protocol.TypeUnpublish, protocol.Unpublish{Tracks: []protocol.TrackID{id}})
	return err
}

// abort takes the track from the link.
func (p *Publication) abort() {
	p.c.mu.Lock()
	p.c.pubs = slices.DeleteFunc(p.c.pubs, func(o *Publication) bool { return o == p })
	p.c.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	if p.pos == nil || p.pos.trans.Sender().ReplaceTrack(nil) != nil {
		return
	}
	if p.pos.layered {
		return
	}
	p.link.mu.Lock()
	p.link.idle = append(p.link.idle, p.pos)
	p.link.mu.Unlock()
}

// readReports handles the RTCP of one sender, or of one of its layers, until it ends. The loss that
// counts is that of the best layer, which the publication itself is.
func (p *Publication) readReports(s *webrtc.RTPSender, rid string) {
	read := s.ReadRTCP
	if rid != "" {
		read = func() ([]rtcp.Packet, interceptor.Attributes, error) { return s.ReadSimulcastRTCP(rid) }
	}
	for {
		packets, _, err := read()
		if err != nil {
			return
		}
		p.mu.Lock()
		mine := p.pos != nil && p.pos.trans.Sender() == s && !p.closed
		p.mu.Unlock()
		if !mine {
			return
		}
		for _, packet := range packets {
			if _, report := packet.(*rtcp.ReceiverReport); !report || rid == p.local.RID() {
				p.reported(packet)
			}
		}
	}
}

func (p *Publication) reported(packet rtcp.Packet) {
	switch m := packet.(type) {
	case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
		p.mu.Lock()
		p.report.PLI++
		p.mu.Unlock()
		if p.o.Keyframe != nil {
			p.o.Keyframe()
		}
	case *rtcp.ReceiverReport:
		p.mu.Lock()
		defer p.mu.Unlock()
		clock := time.Duration(90000)
		if p.local.Kind() == webrtc.RTPCodecTypeAudio {
			clock = 48000
		}
		for _, r := range m.Reports {
			p.report.take(r, clock, time.Now())
		}
	}
}

// take reads a reception report. LSR is the middle of the NTP time at which pion sent its report.
func (d *Delivery) take(r rtcp.ReceptionReport, clock time.Duration, now time.Time) {
	d.Loss = float64(r.FractionLost) / 256
	d.Lost = int(int32(r.TotalLost<<8) >> 8)
	d.Jitter = time.Duration(r.Jitter) * time.Second / clock
	if r.LastSenderReport == 0 {
		return
	}
	ns := uint64(now.UnixNano())
	middle := uint32((ns/1e9+2208988800)<<16 | (ns%1e9)<<16/1e9)
	rtt := time.Duration(middle-r.LastSenderReport-r.Delay) * time.Second / 65536
	if rtt < time.Minute {
		d.RTT = rtt
	}
}

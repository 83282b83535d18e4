package client

import (
	"slices"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"switchyard/protocol"
)

// Layered is a track that is sent in several encodings of one picture (simulcast, RFC 8853), over one
// sender. Publish and WHIP do so.
type Layered interface {
	webrtc.TrackLocal
	// Layers are all encodings, the smallest first, at last the track itself; none or one means no
	// simulcast. They share ID and StreamID, and each has a RID of its own.
	Layers() []webrtc.TrackLocal
}

// Sized is a track, or a layer, that knows its picture's size in pixels.
type Sized interface{ Size() (width, height int) }

// Enabler is a track, or a layer, that can stop and begin again, with a keyframe. It is told when the
// server says what somebody needs.
type Enabler interface{ Enable(bool) }

// layersOf are a track's encodings; one without simulcast.
func layersOf(local webrtc.TrackLocal) []webrtc.TrackLocal {
	if l, ok := local.(Layered); ok {
		if all := l.Layers(); len(all) > 1 {
			return all
		}
	}
	return []webrtc.TrackLocal{local}
}

// addLayered makes a sender with all encodings of a track, and returns its transceiver.
func addLayered(pc *webrtc.PeerConnection, layers []webrtc.TrackLocal) (*webrtc.RTPTransceiver, error) {
	m := &mid{}
	init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}
	trans, err := pc.AddTransceiverFromTrack(&encoding{layers[0], m}, init)
	if err != nil {
		return nil, err
	}
	m.trans = trans
	for _, l := range layers[1:] {
		if err := trans.Sender().AddEncoding(&encoding{l, m}); err != nil {
			return nil, err
		}
	}
	return trans, nil
}

// mid is the MID of a transceiver, once it has one.
type mid struct {
	trans *webrtc.RTPTransceiver // set before anything is sent

	once  sync.Once
	value string
}

func (m *mid) get() string {
	m.once.Do(func() { m.value = m.trans.Mid() }) // the first packet follows the negotiation
	return m.value
}

// encoding is one layer; its packets say which (RFC 8852), because in SDP nothing does.
type encoding struct {
	webrtc.TrackLocal
	mid *mid
}

// Bind implements webrtc.TrackLocal.
func (e *encoding) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	w := &labeller{TrackLocalWriter: ctx.WriteStream(), mid: e.mid, rid: []byte(e.RID())}
	for _, x := range ctx.HeaderExtensions() {
		switch x.URI {
		case sdp.SDESMidURI:
			w.midID = uint8(x.ID)
		case sdp.SDESRTPStreamIDURI:
			w.ridID = uint8(x.ID)
		}
	}
	return e.TrackLocal.Bind(&labelledContext{ctx, w})
}

type labelledContext struct {
	webrtc.TrackLocalContext
	w *labeller
}

// WriteStream implements webrtc.TrackLocalContext.
func (c *labelledContext) WriteStream() webrtc.TrackLocalWriter { return c.w }

// labeller writes MID and RID into each packet of a layer. Packets that come as bytes go as they are.
type labeller struct {
	webrtc.TrackLocalWriter
	mid          *mid
	rid          []byte
	midID, ridID uint8 // extension ids, 0 when not agreed
}

// WriteRTP implements webrtc.TrackLocalWriter. The header is shared with other peer connections that
// send the track.
func (w *labeller) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	own := *h
	own.Extensions = slices.Clone(h.Extensions)
	if w.midID != 0 {
		if err := own.SetExtension(w.midID, []byte(w.mid.get())); err != nil {
			return 0, err
		}
	}
	if w.ridID != 0 {
		if err := own.SetExtension(w.ridID, w.rid); err != nil {
			return 0, err
		}
	}
	return w.TrackLocalWriter.WriteRTP(&own, payload)
}

// describe lists the layers for the room, best first; none without simulcast.
func describe(layers []webrtc.TrackLocal) (list []protocol.Layer) {
	if len(layers) < 2 {
		return nil
	}
	for _, l := range slices.Backward(layers) {
		d := protocol.Layer{RID: l.RID()}
		if s, ok := l.(Sized); ok {
			d.Width, d.Height = s.Size()
		}
		list = append(list, d)
	}
	return list
}

// onWanted takes which encodings somebody needs. It may overtake the answer that tells a publication's
// id, so it is kept.
func (c *Client) onWanted(m protocol.Wanted) {
	c.mu.Lock()
	if c.wanted == nil {
		c.wanted = map[protocol.TrackID]protocol.WantedTrack{}
	}
	for _, w := range m.Tracks {
		if _, ok := c.wanted[w.Track]; ok || len(c.wanted) < maxWanted {
			c.wanted[w.Track] = w
		}
	}
	pubs := slices.Clone(c.pubs)
	c.mu.Unlock()
	for _, p := range pubs {
		id := p.Track().ID
		if slices.ContainsFunc(m.Tracks, func(w protocol.WantedTrack) bool { return w.Track == id }) {
			c.wantedOf(p)
		}
	}
}

// maxWanted bounds what is kept of tracks that may never be known; a participant has far fewer.
const maxWanted = 256

// wantedOf tells a publication what somebody needs of it: everything, where nothing was said.
func (c *Client) wantedOf(p *Publication) {
	p.wanting.Lock()
	defer p.wanting.Unlock()
	id := p.Track().ID
	c.mu.Lock()
	w := c.wanted[id]
	c.mu.Unlock()
	p.want(w.None, w.Layers)
}

// want switches layers on and off: nothing is needed, or some layers by their RIDs, or without any of
// them all. A picture without layers is needed or not. Sound goes on: the server ranks speakers by it.
func (p *Publication) want(none bool, rids []string) {
	if p.local.Kind() == webrtc.RTPCodecTypeAudio {
		return
	}
	for _, l := range layersOf(p.local) {
		if e, ok := l.(Enabler); ok {
			e.Enable(!none && (len(rids) == 0 || l.RID() == "" || slices.Contains(rids, l.RID())))
		}
	}
}

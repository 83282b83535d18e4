package client

import (
	"encoding/binary"
	"sync"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// position is a sending m-line of the link to the server. Tracks come and go on it while SSRC and keys
// stay, so their packets are numbered by it: a number that came twice with different bytes would give
// the AES-GCM key away, and one that jumps is thrown away by the receiver.
type position struct {
	trans   *webrtc.RTPTransceiver
	layered bool // it has several encodings, whose tracks stay

	mu      sync.Mutex
	started bool   // guarded by mu, as below
	next    uint16 // sequence number of the next packet that is in order
}

// on returns local as the sender of this position sees it.
func (p *position) on(local webrtc.TrackLocal) webrtc.TrackLocal { return &positioned{local, p} }

// positioned is a track whose packets are renumbered.
type positioned struct {
	webrtc.TrackLocal
	pos *position
}

// Bind implements webrtc.TrackLocal.
func (t *positioned) Bind(ctx webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	return t.TrackLocal.Bind(&positionedContext{ctx, &renumberer{w: ctx.WriteStream(), pos: t.pos}})
}

type positionedContext struct {
	webrtc.TrackLocalContext
	w *renumberer
}

// WriteStream implements webrtc.TrackLocalContext.
func (c *positionedContext) WriteStream() webrtc.TrackLocalWriter { return c.w }

// renumberer is one track's way out.
type renumberer struct {
	w      webrtc.TrackLocalWriter
	pos    *position
	count  int    // of packets, up to settled; guarded by pos.mu, as below
	offset uint16 // what is added to the track's numbers
	first  uint16 // number of the first packet
}

// settled is how many packets of a track are watched for ones from before its first.
const settled = 1000

// number returns the sequence number under which a packet of the track goes out; false for one from
// before the track's first packet, whose number the track before had. Gaps and disorder stay as they
// are.
func (r *renumberer) number(seq uint16) (uint16, bool) {
	p := r.pos
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.count == 0 {
		if p.started {
			r.offset = p.next - seq
		}
		r.first = seq + r.offset
	}
	out := seq + r.offset
	if r.count < settled {
		r.count++
		if int16(out-r.first) < 0 {
			return 0, false
		}
	}
	if !p.started || int16(out-p.next) >= 0 {
		p.started, p.next = true, out+1
	}
	return out, true
}

// WriteRTP implements webrtc.TrackLocalWriter. The header is shared with other peer connections that
// send the track.
func (r *renumberer) WriteRTP(h *rtp.Header, payload []byte) (int, error) {
	own := *h
	var ok bool
	if own.SequenceNumber, ok = r.number(h.SequenceNumber); !ok {
		return 0, nil
	}
	return r.w.WriteRTP(&own, payload)
}

// Write implements webrtc.TrackLocalWriter.
func (r *renumberer) Write(b []byte) (int, error) {
	if len(b) < 4 {
		return r.w.Write(b)
	}
	seq, ok := r.number(binary.BigEndian.Uint16(b[2:]))
	if !ok {
		return 0, nil
	}
	own := append([]byte(nil), b...)
	binary.BigEndian.PutUint16(own[2:], seq)
	return r.w.Write(own)
}

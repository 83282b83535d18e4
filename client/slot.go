package client

import (
	"io"
	"sync"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"switchyard/protocol"
)

// Slot is a receive position of the link to the server. The server changes which track feeds it. A
// rejoin makes new slots; the old ones end.
type Slot struct {
	// Immutable.
	mid    string
	kind   protocol.TrackKind
	link   *serverLink
	recv   *webrtc.RTPReceiver
	remote *webrtc.TrackRemote // set before Events.Media is told

	mu  sync.Mutex
	now slotMap // guarded by mu
}

// Received is one RTP packet of a slot with what it belongs to.
type Received struct {
	*rtp.Packet
	// Track is empty while the server has not said what the packet belongs to: show nothing of it.
	Track      protocol.TrackID
	Generation uint32
}

// MID names the slot's m-line.
func (s *Slot) MID() string { return s.mid }

// Kind is audio or video.
func (s *Slot) Kind() protocol.TrackKind { return s.kind }

// StreamID is common to a video slot and the audio slot that is its pair.
func (s *Slot) StreamID() string { return s.remote.StreamID() }

// Codec is what arrives now; it may change with the track.
func (s *Slot) Codec() webrtc.RTPCodecParameters { return s.remote.Codec() }

// State is what the server said last.
func (s *Slot) State() protocol.Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.latest
}

// Read waits for the next packet; io.EOF when the slot ended.
func (s *Slot) Read() (Received, error) {
	p, _, err := s.remote.ReadRTP()
	if err != nil {
		return Received{}, io.EOF
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, _ := s.now.lookup(p.Timestamp)
	return Received{Packet: p, Track: g.track, Generation: g.number}, nil
}

// RequestKeyframe sends a PLI (RFC 4585 §6.3.1).
func (s *Slot) RequestKeyframe() error {
	return s.link.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(s.remote.SSRC())}})
}

func (s *Slot) assign(m protocol.Slot) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.assign(m)
}

// drain reads and throws away until the slot ends.
func (s *Slot) drain() {
	for {
		if _, err := s.Read(); err != nil {
			return
		}
	}
}

// readReports reads RTCP, so that pion's interceptors see the sender reports.
func (s *Slot) readReports() {
	buf := make([]byte, 1500)
	for {
		if _, _, err := s.recv.Read(buf); err != nil {
			return
		}
	}
}

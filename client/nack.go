package client

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// registerInterceptors is webrtc.RegisterDefaultInterceptors with our own way to ask for what was lost.
func registerInterceptors(m *webrtc.MediaEngine, r *interceptor.Registry) error {
	responder, err := nack.NewResponderInterceptor()
	if err != nil {
		return err
	}
	m.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack"}, webrtc.RTPCodecTypeVideo)
	m.RegisterFeedback(webrtc.RTCPFeedback{Type: "nack", Parameter: "pli"}, webrtc.RTPCodecTypeVideo)
	r.Add(responder)
	r.Add(nackFactory{})
	if err := webrtc.ConfigureRTCPReports(r); err != nil {
		return err
	}
	if err := webrtc.ConfigureSimulcastExtensionHeaders(m); err != nil {
		return err
	}
	if err := webrtc.ConfigureStatsInterceptor(r); err != nil {
		return err
	}
	return webrtc.ConfigureTWCCSender(m, r)
}

type nackFactory struct{}

func (nackFactory) NewInterceptor(string) (interceptor.Interceptor, error) {
	return newNacker(), nil
}

// nacker asks for lost packets (RFC 4585 §6.2.1) of one PeerConnection's streams. Its goroutine writes the
// requests; it ends with Close.
type nacker struct {
	interceptor.NoOp
	sender uint32
	wake   chan struct{} // something new is missing
	stop   chan struct{}
	once   sync.Once
	done   sync.WaitGroup

	mu      sync.Mutex
	streams map[uint32]*losses // by SSRC
	repairs map[uint32]uint32  // SSRC of RTX to that of its media
}

func newNacker() *nacker {
	return &nacker{sender: rand.Uint32(), wake: make(chan struct{}, 1), stop: make(chan struct{}),
		streams: map[uint32]*losses{}, repairs: map[uint32]uint32{}}
}

// BindRTCPWriter starts the goroutine; Pion calls it once.
func (n *nacker) BindRTCPWriter(w interceptor.RTCPWriter) interceptor.RTCPWriter {
	n.done.Go(func() { n.run(w) })
	return w
}

// Close ends the goroutine.
func (n *nacker) Close() error {
	n.once.Do(func() { close(n.stop) })
	n.done.Wait()
	return nil
}

func (n *nacker) run(w interceptor.RTCPWriter) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		select {
		case <-n.wake:
		case <-timer.C:
		case <-n.stop:
			return
		}
		packets, next := n.requests(time.Now())
		if len(packets) > 0 {
			_, _ = w.Write(packets, interceptor.Attributes{}) // what fails is asked for again
		}
		timer.Reset(next)
	}
}

// requests returns what is to be asked for now, and how long to wait after that.
func (n *nacker) requests(now time.Time) (packets []rtcp.Packet, next time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	next = time.Hour
	for ssrc, l := range n.streams {
		if seqs := l.due(now, nil); len(seqs) > 0 {
			packets = append(packets, &rtcp.TransportLayerNack{SenderSSRC: n.sender, MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs)})
		}
		if at, ok := l.deadline(); ok {
			next = min(next, at.Sub(now))
		}
	}
	return packets, next
}

// BindRemoteStream follows a stream that can be asked for, or what repairs one.
func (n *nacker) BindRemoteStream(info *interceptor.StreamInfo, r interceptor.RTPReader) interceptor.RTPReader {
	ssrc := info.SSRC
	if strings.EqualFold(info.MimeType, webrtc.MimeTypeRTX) {
		return reading(r, func(h *rtp.Header, payload []byte) {
			if len(payload) >= 2 && !h.Padding { // without a number it is padding (RFC 4588 §4)
				n.repaired(ssrc, binary.BigEndian.Uint16(payload))
			}
		})
	}
	for _, f := range info.RTCPFeedback {
		if f.Type != "nack" || f.Parameter != "" {
			continue
		}
		n.mu.Lock()
		n.streams[ssrc] = &losses{}
		if info.SSRCRetransmission != 0 {
			n.repairs[info.SSRCRetransmission] = ssrc
		}
		n.mu.Unlock()
		return reading(r, func(h *rtp.Header, _ []byte) { n.arrived(ssrc, h.SequenceNumber) })
	}
	return r
}

// reading has each packet that is read looked at.
func reading(r interceptor.RTPReader, look func(*rtp.Header, []byte)) interceptor.RTPReader {
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		size, a, err := r.Read(b, a)
		if err != nil {
			return size, a, err
		}
		var h rtp.Header
		if at, err := h.Unmarshal(b[:size]); err == nil {
			look(&h, b[at:size])
		}
		return size, a, nil
	})
}

// UnbindRemoteStream forgets a stream.
func (n *nacker) UnbindRemoteStream(info *interceptor.StreamInfo) {
	n.mu.Lock()
	delete(n.streams, info.SSRC)
	delete(n.repairs, info.SSRCRetransmission)
	n.mu.Unlock()
}

func (n *nacker) arrived(ssrc uint32, seq uint16) {
	n.mu.Lock()
	l := n.streams[ssrc]
	gap := l != nil && l.arrived(time.Now(), seq, false)
	n.mu.Unlock()
	if gap {
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

func (n *nacker) repaired(rtx uint32, seq uint16) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l := n.streams[n.repairs[rtx]]; l != nil {
		l.arrived(time.Now(), seq, true)
	}
}

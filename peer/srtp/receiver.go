package srtp

import (
	"encoding/binary"

	"switchyard/media"
)

// maxStreams bounds the SSRCs of which replay state is kept, for RTP and RTCP each. Only packets
// that were authentic make state; beyond the bound the stream that was silent longest is forgotten.
const maxStreams = 512

// Receiver opens packets, and refuses replayed ones (RFC 3711 §3.3.2).
type Receiver struct {
	t     transform
	rtcp  streams // before rtp: reports of many viewers find it in cold memory
	first window  // of rtcp
	rtp   streams
}

// receiverMemory has side by side what each packet needs.
type receiverMemory struct {
	Receiver
	gcm gcm
}

// NewReceiver returns a receiver with the other end's keys.
func NewReceiver(k Keys) (*Receiver, error) {
	r := new(receiverMemory)
	t, err := k.transform(&r.gcm)
	if err != nil {
		return nil, err
	}
	r.t, r.rtp, r.rtcp = t, newStreams(), newStreams()
	r.rtcp.spare = &r.first
	return &r.Receiver, nil
}

// OpenRTP opens b in place and returns header and payload. After an error b's bytes are undefined.
func (r *Receiver) OpenRTP(b []byte) ([]byte, error) {
	h := headerLen(b)
	if h == 0 {
		return nil, ErrShort
	}
	ssrc := media.SSRC(binary.BigEndian.Uint32(b[8:]))
	seq := binary.BigEndian.Uint16(b[2:])
	index := uint64(seq)
	w := r.rtp.get(ssrc)
	if w != nil {
		i, ok := w.guess(seq)
		if !ok || !w.fresh(i) {
			return nil, ErrReplay
		}
		index = i
	}
	n, err := r.t.openRTP(b, h, uint32(index>>16))
	if err != nil {
		return nil, err
	}
	r.rtp.note(ssrc, w, index)
	return b[:n], nil
}

// OpenRTCP opens b in place and returns the compound packet. After an error b's bytes are undefined.
func (r *Receiver) OpenRTCP(b []byte) ([]byte, error) {
	if len(b) < minSRTCP+r.t.overheadRTCP() || b[0]>>6 != 2 {
		return nil, ErrShort
	}
	word := binary.BigEndian.Uint32(b[len(b)-r.t.indexAt():])
	if word&encrypted == 0 {
		return nil, ErrAuth // nobody negotiates unencrypted SRTCP
	}
	ssrc, index := media.SSRC(binary.BigEndian.Uint32(b[4:])), word&^encrypted
	w := r.rtcp.get(ssrc)
	if w != nil && !w.fresh(uint64(index)) {
		return nil, ErrReplay
	}
	n, err := r.t.openRTCP(b, index)
	if err != nil {
		return nil, err
	}
	r.rtcp.note(ssrc, w, uint64(index))
	return b[:n], nil
}

// streams are the replay windows by SSRC.
type streams struct {
	last  *window // the one found last: packets come in runs
	ssrc  media.SSRC
	clock uint64 // packets so far: orders the windows by use

	m     map[media.SSRC]*window
	spare *window // for the first stream; nil when it is in use, or there is none
}

func newStreams() streams { return streams{m: make(map[media.SSRC]*window)} }

func (s *streams) get(ssrc media.SSRC) *window {
	if s.last != nil && s.ssrc == ssrc {
		return s.last
	}
	w := s.m[ssrc]
	if w != nil {
		s.last, s.ssrc = w, ssrc
	}
	return w
}

// note records that the authentic packet index was taken; w is its window, nil if it is the first.
func (s *streams) note(ssrc media.SSRC, w *window, index uint64) {
	if w == nil {
		if len(s.m) >= maxStreams {
			s.forget()
		}
		if w, s.spare = s.spare, nil; w == nil {
			w = new(window)
		}
		w.top = index
		s.m[ssrc] = w
	}
	s.clock++
	w.used = s.clock
	w.accept(index)
}

// forget drops the stream that was silent longest.
func (s *streams) forget() {
	var oldest media.SSRC
	used := s.clock + 1
	for ssrc, w := range s.m {
		if w.used < used {
			oldest, used = ssrc, w.used
		}
	}
	delete(s.m, oldest)
	s.last = nil
}

// windowSize is how far, in packets, one may come late. Chromium's is as large: at 1,000 packets a
// second a retransmission may take a second.
const windowSize = 1024

// window is one stream's replay window: bit i%windowSize says that index i was seen, for the
// windowSize indices up to top.
type window struct {
	top  uint64
	used uint64
	seen [windowSize / 64]uint64
}

// guess extends seq to the 48-bit index nearest to top (RFC 3711 §3.3.1); false below zero.
func (w *window) guess(seq uint16) (uint64, bool) {
	i := int64(w.top) + int64(int16(seq-uint16(w.top)))
	return uint64(i), i >= 0 && i < 1<<48
}

func (w *window) fresh(i uint64) bool {
	if i > w.top {
		return true
	}
	return w.top-i < windowSize && w.seen[i%windowSize/64]&(1<<(i%64)) == 0
}

func (w *window) accept(i uint64) {
	if i > w.top {
		for k := range min(i-w.top, windowSize) {
			j := w.top + 1 + k
			w.seen[j%windowSize/64] &^= 1 << (j % 64)
		}
		w.top = i
	}
	w.seen[i%windowSize/64] |= 1 << (i % 64)
}

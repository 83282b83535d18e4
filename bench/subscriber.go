package bench

import (
	"encoding/binary"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"switchyard/codec/rtcp"
	"switchyard/engine/bwe"
	"switchyard/media"
)

// subscriber receives, counts, and reports as a browser does: receiver reports and transport-wide
// feedback 20 times a second, and negative acknowledgements of what is missing.
type subscriber struct {
	t      *transport
	clock  *media.Clock
	zero   int64 // clock's beginning, nanoseconds since 1970
	window *window
	watch  int // the publisher that it wishes for; -1 where it takes what comes

	first     atomic.Int64 // when the first packet came, nanoseconds since 1970
	firstSeen chan struct{}
	lacking   atomic.Bool // something is newly missing

	mu      sync.Mutex
	plain   []byte // scratch, guarded by mu, as all below
	header  rtp.Header
	streams map[uint32]*received // by SSRC, without those that repair
	pubs    map[uint32]*counted  // by publisher
	latency histogram
	tally
	twcc *bwe.Receiver
	ssrc uint32 // ours
	out  []byte
	seqs []uint16
}

// tally is what a subscriber counts, beside packets of each publisher.
type tally struct {
	other    uint64 // without a stamp: padding
	failed   uint64 // not decrypted
	bytes    uint64 // of RTP packets in the window
	repaired uint64 // packets of the window that came as retransmissions only
	asked    uint64 // packets that were asked for again
	pli      uint64
	layers   [len(layerNames)]uint64 // packets in the window by layer
}

// window is the time in which a run measures; it is shared by all subscribers.
type window struct{ from, to atomic.Int64 } // nanoseconds since 1970; 0 before it is known

func (w *window) holds(at int64) bool {
	from, to := w.from.Load(), w.to.Load()
	return from != 0 && at >= from && (to == 0 || at < to)
}

// received is one RTP stream, for its receiver reports (RFC 3550 §A.3).
type received struct {
	pt             uint8
	missing        missing
	base, high     uint32 // extended sequence numbers
	packets        int
	expectedBefore int
	packetsBefore  int
	jitter         float64
	transit        int64
	lastSR         uint32
	lastSRAt       time.Time
}

// counted is what came of one publisher, once each.
type counted struct {
	high   uint64
	bits   [128]uint64 // of the 8192 packets up to high
	unique uint64      // sent in the window
	double uint64
}

func newSubscriber(t *transport, w *window, clock *media.Clock) *subscriber {
	ssrc := rand.Uint32() | 1
	s := &subscriber{
		t: t, clock: clock, watch: -1, zero: clock.Wall(0).UnixNano(), window: w, firstSeen: make(chan struct{}), streams: map[uint32]*received{},
		pubs: map[uint32]*counted{}, twcc: bwe.NewReceiver(media.SSRC(ssrc)), ssrc: ssrc, plain: make([]byte, 0, 1500),
	}
	t.onRTP, t.onRTCP = s.packet, append(t.onRTCP, s.control)
	return s
}

func (s *subscriber) packet(at time.Time, b []byte) {
	in := s.t.in.Load()
	if in == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	plain, err := in.DecryptRTP(s.plain[:0], b, &s.header)
	if err != nil {
		s.failed++
		return
	}
	if s.first.Load() == 0 {
		s.first.Store(at.UnixNano())
		close(s.firstSeen)
	}
	for id := range s.t.answer.twcc {
		if e := s.header.GetExtension(id); len(e) >= 2 {
			s.twcc.OnPacket(media.Time(at.UnixNano()-s.zero), binary.BigEndian.Uint16(e), media.SSRC(s.header.SSRC))
		}
	}
	if s.window.holds(at.UnixNano()) {
		s.bytes += uint64(len(plain))
	}
	n := rtpHeaderLen(plain)
	if plain[0]&0x20 != 0 && n < len(plain) { // padding says its length in the last byte
		plain = plain[:max(n, len(plain)-int(plain[len(plain)-1]))]
	}
	base, repair := s.t.answer.repairs[s.header.PayloadType]
	switch {
	case !repair:
		s.stream(at)
	case len(plain) >= n+2: // the number that it had (RFC 4588 §4)
		if s.found(base, binary.BigEndian.Uint16(plain[n:])) && s.window.holds(at.UnixNano()) {
			s.repaired++
		}
	}
	st, ok := readStamp(plain[n:])
	if !ok {
		s.other++
		return
	}
	s.count(st, at)
}

// found takes the number of a repaired packet; false when it was not missing.
func (s *subscriber) found(pt uint8, seq uint16) bool {
	for _, r := range s.streams {
		if r.pt == pt && r.missing.found(seq) {
			return true
		}
	}
	return false
}

// count notes a stamped packet: loss and latency are those of packets sent within the window.
func (s *subscriber) count(st stamp, at time.Time) {
	c := s.pubs[st.publisher]
	if c == nil {
		c = &counted{high: st.seq}
		s.pubs[st.publisher] = c
	}
	fresh := c.note(st.seq)
	if !s.window.holds(st.sent) {
		return
	}
	if !fresh {
		c.double++
		return
	}
	c.unique++
	s.layers[min(int(st.layer), len(s.layers)-1)]++
	s.latency.add(time.Duration(at.UnixNano() - st.sent))
}

// note marks a packet; false when it was there already or is older than what is remembered.
func (c *counted) note(seq uint64) bool {
	const size = uint64(len(c.bits) * 64)
	if seq > c.high {
		if seq-c.high >= size {
			clear(c.bits[:])
		} else {
			for n := c.high + 1; n <= seq; n++ {
				c.bits[n%size/64] &^= 1 << (n % 64)
			}
		}
		c.high = seq
	}
	if c.high-seq >= size {
		return false
	}
	word, bit := &c.bits[seq%size/64], uint64(1)<<(seq%64)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// stream notes what receiver reports tell.
func (s *subscriber) stream(at time.Time) {
	r := s.streams[s.header.SSRC]
	seq := uint32(s.header.SequenceNumber)
	if r == nil {
		r = &received{pt: s.header.PayloadType, base: 1<<16 | seq, high: 1<<16 | seq}
		s.streams[s.header.SSRC] = r
	}
	r.pt = s.header.PayloadType
	if r.pt != ptOpus && r.missing.note(at, uint16(seq)) {
		s.lacking.Store(true)
	}
	if d := int16(uint16(seq) - uint16(r.high)); d > 0 {
		r.high += uint32(d)
	}
	r.packets++
	transit := at.UnixMicro()*9/100 - int64(s.header.Timestamp)
	if r.transit != 0 {
		if d := float64(transit-r.transit) - r.jitter; d < 1e6 && d > -1e6 {
			r.jitter += (max(d, -d) - r.jitter) / 16
		}
	}
	r.transit = transit
}

// control takes RTCP: the sender reports, whose time comes back in ours.
func (s *subscriber) control(at time.Time, compound []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	reader := rtcp.NewReader(compound)
	for {
		p, ok := reader.Next()
		if !ok {
			return
		}
		if sr, ok := p.Sender(); ok {
			if r := s.streams[uint32(sr.SSRC)]; r != nil {
				r.lastSR, r.lastSRAt = sr.NTP.Middle(), at
			}
		}
	}
}

// report sends one compound of RR, feedback and what is to be asked for again.
func (s *subscriber) report(now time.Time) {
	s.mu.Lock()
	blocks := make([]rtcp.Report, 0, 8)
	for ssrc, r := range s.streams {
		if len(blocks) < 31 {
			blocks = append(blocks, r.block(ssrc, now))
		}
	}
	s.out = rtcp.AppendRR(s.out[:0], media.SSRC(s.ssrc), blocks...)
	// The rhythm is ours: what has arrived is due now.
	s.out = s.twcc.Feedback(s.clock.Now().Add(reportEvery), s.out)
	s.ask(now)
	out := s.out
	s.mu.Unlock()
	if len(blocks) > 0 {
		_ = s.t.sendRTCP(out) // the next one comes in 50 ms
	}
}

// hurry asks for what is newly missing at once.
func (s *subscriber) hurry(now time.Time) {
	if !s.lacking.CompareAndSwap(true, false) {
		return
	}
	s.mu.Lock()
	s.out = rtcp.AppendRR(s.out[:0], media.SSRC(s.ssrc))
	empty := len(s.out)
	s.ask(now)
	out := s.out
	s.mu.Unlock()
	if len(out) > empty {
		_ = s.t.sendRTCP(out) // else it is asked for with the next report
	}
}

// ask appends NACKs, and PLIs of streams that lack something for good.
func (s *subscriber) ask(now time.Time) {
	for ssrc, r := range s.streams {
		var lost bool
		s.seqs, lost = r.missing.ask(now, s.seqs[:0])
		if len(s.seqs) > 0 {
			s.asked += uint64(len(s.seqs))
			s.out = rtcp.AppendNACK(s.out, media.SSRC(s.ssrc), media.SSRC(ssrc), s.seqs)
		}
		if lost {
			s.pli++
			s.out = rtcp.AppendPLI(s.out, media.SSRC(s.ssrc), media.SSRC(ssrc))
		}
	}
}

func (r *received) block(ssrc uint32, now time.Time) rtcp.Report {
	expected := int(r.high-r.base) + 1
	lost := expected - r.packets
	e, g := expected-r.expectedBefore, r.packets-r.packetsBefore
	r.expectedBefore, r.packetsBefore = expected, r.packets
	b := rtcp.Report{SSRC: media.SSRC(ssrc), Lost: int32(lost), Highest: r.high, Jitter: uint32(r.jitter), LastSR: r.lastSR}
	if e > 0 && e > g {
		b.FractionLost = uint8((e - g) * 256 / e)
	}
	if r.lastSR != 0 {
		b.Delay = uint32(now.Sub(r.lastSRAt) * 65536 / time.Second)
	}
	return b
}

package sfu

import (
	"encoding/binary"
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
	"switchyard/peer"
)

// receive takes one datagram of n bytes in p.Data. It reports whether p was kept.
func (s *shard) receive(now media.Time, path peer.Path, p *media.Packet, n int) (kept bool) {
	if n < 2 {
		s.counters.drop(DropShort)
		return false
	}
	b := p.Data[:n]
	l := s.byPath.find(path)
	s.rhythm.more = s.rhythm.more || !alone(b)
	switch first := b[0]; { // RFC 7983 §7
	case path.Via == nil && s.sfu.cfg.Unclaimed != nil && forServer(b): // never from a relay: it could nest
		if !s.sfu.cfg.Unclaimed(path.Remote, path.Local, b) {
			s.counters.drop(DropUnclaimed)
		}
	case first <= 3:
		s.onSTUN(now, path, l, b)
	case l == nil:
		s.passOn(path, b)
	case first >= 20 && first <= 63:
		l.peer.OnDTLS(now, path, b)
		s.touch(l)
	case isRTCP(b):
		l.onRTCP(now, b)
		if l.wantsTurn(now) {
			s.touch(l)
		}
	case first >= 128 && first <= 191:
		s.touch(l)
		return l.onRTP(now, p, b)
	default:
		s.counters.drop(DropUnknownProtocol)
	}
	return false
}

// alone reports whether nothing is expected to follow a datagram soon: checks and RTCP come one by one.
func alone(b []byte) bool { return b[0] <= 3 || isRTCP(b) }

// isRTCP tells RTCP from RTP and all else (RFC 7983 §7, RFC 5761 §4).
func isRTCP(b []byte) bool { return len(b) >= 2 && b[0]>>6 == 2 && b[1] >= 192 && b[1] <= 223 }

// onSTUN gives a check to the link that its ufrag names, or that the path already belongs to.
func (s *shard) onSTUN(now media.Time, path peer.Path, l *Link, b []byte) {
	if ufrag := stunUfrag(b); len(ufrag) > 0 {
		named := s.byUfrag[string(ufrag)]
		if named == nil {
			if to := s.moved[string(ufrag)]; to != nil {
				s.forward(to, path, b)
				return
			}
			if owner := s.sfu.shardOf(ufrag); owner != nil && owner != s && s.handing == nil {
				s.remember(path, owner)
				owner.hand(s, path, b)
				return
			}
			s.counters.drop(DropUnknownUfrag)
			s.disown(path)
			return
		}
		l = named
	}
	if l == nil {
		s.passOn(path, b)
		return
	}
	if l.peer.OnSTUN(now, path, b) {
		l.claim(path)
		l.placed(path, s.handing)
	}
	s.touch(l)
}

// forServer reports whether b is for a STUN or TURN server rather than for a link, whoever sent it: a
// client may use one address for both. Checks between ICE agents always name a link (RFC 8445 §7.2.2).
func forServer(b []byte) bool {
	switch {
	case b[0]&0xc0 == 0x40: // ChannelData (RFC 8656 §12), with numbers as RFC 5766 had them
		return true
	case b[0] > 3 || len(b) < 20 || binary.BigEndian.Uint32(b[4:]) != stunMagic:
		return false
	}
	typ := binary.BigEndian.Uint16(b)
	const response = 0x0100 // RFC 8489 §5: the upper bit of the class
	switch {
	case typ&response != 0:
		return false
	case typ&0x3eef != stunBinding: // another method, whatever the class: TURN's
		return true
	}
	return typ == stunBinding && len(stunUfrag(b)) == 0
}

// passOn gives a datagram of an unknown path to the shard that owns it, if one is known to.
func (s *shard) passOn(path peer.Path, b []byte) {
	owner, receiver := s.foreign[path], s.handing
	if receiver == nil {
		receiver = s
	}
	if owner != nil && s.handing != s { // else it has come back
		s.counters.passedOn.Add(1)
		owner.hand(receiver, path, b)
		return
	}
	s.counters.drop(DropUnknownPath)
}

func (s *shard) remember(path peer.Path, owner *shard) {
	if len(s.foreign) >= maxForeign {
		s.foreign = map[peer.Path]*shard{}
	}
	s.foreign[path] = owner
}

// disown tells the shard that passed on a check that it is of no link here.
func (s *shard) disown(path peer.Path) {
	if from := s.handing; from != nil {
		from.post(func() { from.forget([]peer.Path{path}) })
	}
}

// forgotten has a link's paths forgotten when it has ended: by the other shards, and by this one's tables, which
// keep the size of what was in them, when nothing is left in them.
func (s *shard) forgotten(paths []peer.Path) {
	if len(s.byUfrag) == 0 {
		s.byUfrag, s.byPath = map[string]*Link{}, newOwners()
	}
	for _, other := range s.sfu.shards {
		if other == s {
			s.forget(nil)
			continue
		}
		other.post(func() { other.forget(paths) })
	}
}

// forget forgets the paths of a link of another shard. Some of strangers' checks may be left: they go with the
// last link of all.
func (s *shard) forget(paths []peer.Path) {
	for _, p := range paths {
		delete(s.foreign, p)
	}
	if len(s.foreign) == 0 || s.sfu.links.Load() == 0 {
		s.foreign = map[peer.Path]*shard{}
	}
}

// onRTP opens one SRTP packet and gives it to the m-line it belongs to.
func (l *Link) onRTP(now media.Time, p *media.Packet, b []byte) (kept bool) {
	c := &l.shard.counters
	plain, err := l.peer.OpenRTP(b)
	if err != nil {
		c.drop(DropSRTP)
		return false
	}
	c.received.Add(1)
	if l.twccID != 0 {
		if ext := headerExtension(plain, l.twccID); len(ext) >= 2 {
			ssrc := media.SSRC(binary.BigEndian.Uint32(plain[8:]))
			l.twccIn.OnPacket(now, binary.BigEndian.Uint16(ext), ssrc)
		}
	}
	in := l.demux.Find(plain)
	if in == nil {
		c.drop(DropUnknownStream)
		return false
	}
	p.Arrived = now
	return in.OnRTP(now, p, plain) == 0 // what was not accepted is counted by the track
}

// onRTCP opens one SRTCP datagram and gives each packet in it to whom it concerns.
func (l *Link) onRTCP(now media.Time, b []byte) {
	plain, err := l.peer.OpenRTCP(b)
	if err != nil {
		l.shard.counters.drop(DropSRTCP)
		return
	}
	r := rtcp.NewReader(plain)
	for {
		p, ok := r.Next()
		if !ok {
			break
		}
		l.onRTCPPacket(now, p)
	}
	if len(r.Rest()) > 0 {
		l.shard.counters.drop(DropMalformedRTCP)
	}
}

func (l *Link) onRTCPPacket(now media.Time, p rtcp.Packet) {
	switch {
	case p.Type == rtcp.TypeSR:
		if info, ok := p.Sender(); ok {
			if t := l.demux.BySSRC(info.SSRC); t != nil {
				t.OnSR(now, info)
			}
		}
		l.onReports(now, p)
	case p.Type == rtcp.TypeRR:
		l.onReports(now, p)
	case p.Type == rtcp.TypeBYE:
		l.onBye(p)
	case p.IsTWCC():
		l.twccOut.OnFeedback(now, p)
	case p.IsCCFB():
		l.twccOut.OnCongestion(now, p)
	case l.onREMB(now, p):
	case p.IsNACK():
		l.onNACK(now, p)
	case p.IsPLI():
		if _, source, ok := p.Feedback(); ok {
			l.onPictureLost(now, source)
		}
	case p.IsFIR():
		for i := 0; ; i++ {
			source, _, ok := p.FIR(i)
			if !ok {
				break
			}
			l.onPictureLost(now, source)
		}
	}
}

func (l *Link) onReports(now media.Time, p rtcp.Packet) {
	worst, about, rtt := 0.0, 0, time.Duration(0)
	for i := 0; ; i++ {
		report, ok := p.Report(i)
		if !ok {
			break
		}
		if s := l.slotBySSRC(report.SSRC); s != nil {
			s.out.OnReport(now, report)
			worst, rtt = max(worst, float64(report.FractionLost)/256), max(rtt, s.out.RTT())
			about++
		}
	}
	if about > 0 {
		l.onLoss(now, worst, rtt)
	}
}

func (l *Link) onBye(p rtcp.Packet) {
	for i := 0; ; i++ {
		ssrc, ok := p.Source(i)
		if !ok {
			return
		}
		if t := l.demux.BySSRC(ssrc); t != nil {
			t.OnBye(ssrc)
		}
	}
}

func (l *Link) onNACK(now media.Time, p rtcp.Packet) {
	_, source, ok := p.Feedback()
	if !ok {
		return
	}
	s := l.slotBySSRC(source)
	if s == nil {
		return
	}
	lost := p.Lost()
	for {
		seq, ok := lost.Next()
		if !ok {
			return
		}
		s.resend(now, seq)
	}
}

func (l *Link) onPictureLost(now media.Time, source media.SSRC) {
	if s := l.slotBySSRC(source); s != nil && s.fan != nil {
		s.fan.track.requestKeyframe(now, s.out.Layer(), l.shard)
	}
}

// headerExtension returns the one-byte-header extension with that id (RFC 8285 §4.2), or the
// two-byte one (§4.3); nil when it is absent or the packet is malformed.
func headerExtension(plain []byte, id uint8) []byte {
	if len(plain) < 12 || plain[0]&0x10 == 0 {
		return nil
	}
	at := 12 + 4*int(plain[0]&0x0f)
	if len(plain) < at+4 {
		return nil
	}
	profile := binary.BigEndian.Uint16(plain[at:])
	n := 4 * int(binary.BigEndian.Uint16(plain[at+2:]))
	if len(plain) < at+4+n {
		return nil
	}
	b := plain[at+4 : at+4+n]
	switch {
	case profile == 0xbede:
		return oneByteExtension(b, id)
	case profile&0xfff0 == 0x1000:
		return twoByteExtension(b, id)
	}
	return nil
}

func oneByteExtension(b []byte, id uint8) []byte {
	for len(b) > 0 {
		if b[0] == 0 { // padding
			b = b[1:]
			continue
		}
		n := int(b[0]&0x0f) + 1
		if b[0]>>4 == 15 || len(b) < 1+n {
			return nil
		}
		if b[0]>>4 == id {
			return b[1 : 1+n]
		}
		b = b[1+n:]
	}
	return nil
}

func twoByteExtension(b []byte, id uint8) []byte {
	for len(b) > 1 {
		if b[0] == 0 {
			b = b[1:]
			continue
		}
		n := int(b[1])
		if len(b) < 2+n {
			return nil
		}
		if b[0] == id {
			return b[2 : 2+n]
		}
		b = b[2+n:]
	}
	return nil
}

// stunUfrag returns the first half of a STUN request's USERNAME (RFC 8445 §7.2.2): the ufrag of the
// end that is asked. It is empty for a response and for garbage; nothing is verified here.
func stunUfrag(b []byte) []byte {
	if len(b) < 20 || binary.BigEndian.Uint32(b[4:]) != stunMagic || binary.BigEndian.Uint16(b) != stunBinding {
		return nil
	}
	attrs := b[20:]
	for len(attrs) >= 4 {
		typ, n := binary.BigEndian.Uint16(attrs), int(binary.BigEndian.Uint16(attrs[2:]))
		if len(attrs) < 4+n {
			return nil
		}
		if typ == stunUsername {
			for i, c := range attrs[4 : 4+n] {
				if c == ':' {
					return attrs[4 : 4+i]
				}
			}
			return nil
		}
		attrs = attrs[min(len(attrs), 4+(n+3)&^3):]
	}
	return nil
}

// STUN numbers (RFC 8489 §5, §18).
const (
	stunMagic    = 0x2112a442
	stunBinding  = 0x0001
	stunUsername = 0x0006
)

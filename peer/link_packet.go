package peer

import "switchyard/media"

// The road of a packet through a link. Nothing here allocates; the tap costs one branch.

// OpenRTP opens an SRTP packet in place and returns header and payload.
func (l *Link) OpenRTP(b []byte) ([]byte, error) {
	if l.receiver == nil {
		return nil, ErrNotConnected
	}
	p, err := l.receiver.OpenRTP(b)
	if l.tap != nil && err == nil {
		l.tap(l.cfg.Clock.Now(), true, p)
	}
	return p, err
}

// OpenRTCP opens an SRTCP packet in place.
func (l *Link) OpenRTCP(b []byte) ([]byte, error) {
	if l.receiver == nil {
		return nil, ErrNotConnected
	}
	p, err := l.receiver.OpenRTCP(b)
	if l.tap != nil && err == nil {
		l.tap(l.cfg.Clock.Now(), true, p)
	}
	return p, err
}

// SealRTP seals the packet whose header stands in buf[:headerLen] and whose payload stands anywhere
// (in buf behind the header too), and returns its length in buf: 0 when buf has no room for
// srtp.Overhead more, or the link has no keys. roc is the roll-over count of the header's sequence
// number. Two different packets of one SSRC, roc and sequence number must never be sealed.
func (l *Link) SealRTP(buf []byte, headerLen int, payload []byte, roc uint32) int {
	if l.sender == nil {
		return 0
	}
	if l.tap != nil {
		l.tapped = append(append(l.tapped[:0], buf[:headerLen]...), payload...)
	}
	n := l.sender.SealRTP(buf, headerLen, payload, roc)
	if l.tap != nil && n > 0 {
		l.tap(l.cfg.Clock.Now(), false, l.tapped)
	}
	return n
}

// SealRTCP seals a compound packet into dst, which may begin where packet does, and returns its
// length, 0 as SealRTP.
func (l *Link) SealRTCP(dst, packet []byte) int {
	if l.sender == nil {
		return 0
	}
	if l.tap != nil {
		l.tapped = append(l.tapped[:0], packet...)
	}
	n := l.sender.SealRTCP(dst, packet)
	if l.tap != nil && n > 0 {
		l.tap(l.cfg.Clock.Now(), false, l.tapped)
	}
	return n
}

// SetTap has f called on the shard with each packet, RTP or RTCP, as it is in clear; nil switches it
// off. f must not keep packet.
func (l *Link) SetTap(f func(now media.Time, in bool, packet []byte)) { l.tap = f }

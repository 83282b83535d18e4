// Package srtp seals and opens RTP and RTCP packets (RFC 3711) with AEAD_AES_128_GCM (RFC 7714) or
// AES_CM_128_HMAC_SHA1_80, keyed by DTLS (RFC 5764). Nothing is allocated per packet. A Sender and
// a Receiver have one owner each.
//
// The Sender keeps no state for RTP: whoever numbers the packets says the roll-over count, and must
// never seal two different packets with one SSRC, roll-over count and sequence number.
//
// Left out: other key lengths, MKI, key derivation rates, and the unencrypted modes, which no WebRTC
// end negotiates.
package srtp

import (
	"encoding/binary"
	"errors"
)

// Profile is a protection profile, by its number in the use_srtp extension (RFC 5764 §4.1.2).
type Profile uint16

// The profiles, best first.
const (
	AEADAES128GCM    Profile = 0x0007 // RFC 7714 §14.2
	AES128CMSHA1_80  Profile = 0x0001
	masterKeyLen             = 16
	maxSRTCPIndex            = 1<<31 - 1
	minRTP, minSRTCP         = 12, 8
)

// Overhead is the largest number of bytes that sealing adds to an RTP or RTCP packet.
const Overhead = 20

// Errors of opening a packet.
var (
	ErrShort  = errors.New("srtp: packet too short or malformed")
	ErrAuth   = errors.New("srtp: authentication failed")
	ErrReplay = errors.New("srtp: packet replayed or too old")

	errProfile = errors.New("srtp: unknown protection profile")
	errKey     = errors.New("srtp: wrong length of key or salt")
)

// saltLen returns the length of the master salt, 0 for an unknown profile.
func (p Profile) saltLen() int {
	switch p {
	case AEADAES128GCM:
		return 12
	case AES128CMSHA1_80:
		return 14
	}
	return 0
}

// KeyingLen is how many bytes DTLS must export for both directions (RFC 5764 §4.2).
func (p Profile) KeyingLen() int { return 2 * (masterKeyLen + p.saltLen()) }

// Split divides exported keying material (RFC 5764 §4.2) into what we send and what we receive
// with; client says that our DTLS role was client.
func (p Profile) Split(material []byte, client bool) (local, remote Keys, err error) {
	n := p.saltLen()
	if n == 0 {
		return Keys{}, Keys{}, errProfile
	}
	if len(material) != p.KeyingLen() {
		return Keys{}, Keys{}, errKey
	}
	local = Keys{Profile: p, Key: material[:16], Salt: material[32 : 32+n]}
	remote = Keys{Profile: p, Key: material[16:32], Salt: material[32+n:]}
	if !client {
		local, remote = remote, local
	}
	return local, remote, nil
}

// Keys are one direction's master key and salt.
type Keys struct {
	Profile   Profile
	Key, Salt []byte
}

// transform is a profile at work: one direction's session keys.
type transform interface {
	// sealRTP encrypts payload behind buf[:headerLen] and returns the packet's length. buf has room.
	sealRTP(buf []byte, headerLen int, payload []byte, roc uint32) int
	openRTP(b []byte, headerLen int, roc uint32) (int, error)
	sealRTCP(dst, packet []byte, index uint32) int
	// openRTCP opens b, from which nothing is stripped, in place.
	openRTCP(b []byte, index uint32) (int, error)

	overheadRTP() int
	overheadRTCP() int
	// indexAt is how far from the end of an SRTCP packet its index stands.
	indexAt() int
}

// transform returns what the profile does; GCM stands in g.
func (k Keys) transform(g *gcm) (transform, error) {
	switch {
	case k.Profile.saltLen() == 0:
		return nil, errProfile
	case len(k.Key) != masterKeyLen || len(k.Salt) != k.Profile.saltLen():
		return nil, errKey
	case k.Profile == AEADAES128GCM:
		return g, g.init(k)
	}
	return newCM(k)
}

// Sender seals packets.
type Sender struct {
	t     transform
	index uint32 // of the next SRTCP packet
}

// senderMemory has side by side what each packet needs.
type senderMemory struct {
	Sender
	gcm gcm
}

// NewSender returns a sender with our keys.
func NewSender(k Keys) (*Sender, error) {
	s := new(senderMemory)
	t, err := k.transform(&s.gcm)
	if err != nil {
		return nil, err
	}
	s.t = t
	return &s.Sender, nil
}

// SealRTP seals the packet whose header stands in buf[:headerLen], and whose payload may stand
// anywhere (in buf behind the header too), into buf. It returns the packet's length, 0 when buf has
// no room for it and Overhead. roc is the roll-over count of the header's sequence number.
func (s *Sender) SealRTP(buf []byte, headerLen int, payload []byte, roc uint32) int {
	if headerLen < minRTP || headerLen+len(payload)+s.t.overheadRTP() > len(buf) {
		return 0
	}
	return s.t.sealRTP(buf, headerLen, payload, roc)
}

// SealRTCP seals a compound packet into dst, which may begin where packet does, and returns its
// length: 0 when dst has no room or the key is used up (2^31 packets).
func (s *Sender) SealRTCP(dst, packet []byte) int {
	if len(packet) < minSRTCP || len(packet)+s.t.overheadRTCP() > len(dst) || s.index > maxSRTCPIndex {
		return 0
	}
	n := s.t.sealRTCP(dst, packet, s.index)
	s.index++
	return n
}

// headerLen returns the length of b's RTP header with CSRCs and extension (RFC 3550 §5.1), 0 when
// b does not hold one.
func headerLen(b []byte) int {
	if len(b) < minRTP || b[0]>>6 != 2 {
		return 0
	}
	n := minRTP + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 {
		if len(b) < n+4 {
			return 0
		}
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	if len(b) < n {
		return 0
	}
	return n
}

package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
)

const (
	gcmTag = 16
	// encrypted is the E flag of an SRTCP packet (RFC 3711 §3.4).
	encrypted = 1 << 31
)

// gcm is AEAD_AES_128_GCM (RFC 7714).
type gcm struct {
	rtp, rtcp         cipher.AEAD
	rtpSalt, rtcpSalt salt
	rtpKeys, rtcpKeys schedule
	nonce             [12]byte // scratch: a local one would escape to the heap
	aad               [12]byte // scratch
}

// salt masks nonces; it is kept as two numbers since that is done for each packet.
type salt struct {
	high uint64
	low  uint32
}

func newSalt(b []byte) salt {
	return salt{binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:])}
}

// mask writes a nonce of twelve bytes, given as its first eight and its last four.
func (s *salt) mask(n *[12]byte, high uint64, low uint32) {
	binary.BigEndian.PutUint64(n[:8], s.high^high)
	binary.BigEndian.PutUint32(n[8:], s.low^low)
}

func (g *gcm) init(k Keys) (err error) {
	if g.rtp, err = k.aead(labelRTPKey, labelRTPSalt, &g.rtpSalt); err != nil {
		return err
	}
	if g.rtcp, err = k.aead(labelRTCPKey, labelRTCPSalt, &g.rtcpSalt); err != nil {
		return err
	}
	g.rtpKeys, g.rtcpKeys = scheduleOf(g.rtp), scheduleOf(g.rtcp)
	return nil
}

func (k Keys) aead(keyLabel, saltLabel byte, to *salt) (cipher.AEAD, error) {
	key, err := k.derive(keyLabel, masterKeyLen)
	if err != nil {
		return nil, err
	}
	s, err := k.derive(saltLabel, 12)
	if err != nil {
		return nil, err
	}
	*to = newSalt(s)
	return newAEAD(key)
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (g *gcm) overheadRTP() int  { return gcmTag }
func (g *gcm) overheadRTCP() int { return gcmTag + 4 }
func (g *gcm) indexAt() int      { return 4 }

// rtpNonce is two zero bytes, SSRC, ROC and sequence number, masked by the salt (RFC 7714 §8.1).
func (g *gcm) rtpNonce(header []byte, roc uint32) {
	ssrc, seq := binary.BigEndian.Uint32(header[8:]), binary.BigEndian.Uint16(header[2:])
	g.rtpSalt.mask(&g.nonce, uint64(ssrc)<<16|uint64(roc>>16), roc<<16|uint32(seq))
}

// rtcpNonce is two zero bytes, SSRC, two zero bytes and the index, masked (RFC 7714 §9.1).
func (g *gcm) rtcpNonce(header []byte, index uint32) {
	g.rtcpSalt.mask(&g.nonce, uint64(binary.BigEndian.Uint32(header[4:]))<<16, index)
}

func (g *gcm) sealRTP(buf []byte, h int, payload []byte, roc uint32) int {
	g.rtpNonce(buf, roc)
	return h + len(g.rtp.Seal(buf[h:h], g.nonce[:], payload, buf[:h]))
}

func (g *gcm) openRTP(b []byte, h int, roc uint32) (int, error) {
	if len(b) < h+gcmTag {
		return 0, ErrShort
	}
	g.rtpNonce(b, roc)
	p, err := g.rtp.Open(b[h:h], g.nonce[:], b[h:], b[:h])
	if err != nil {
		return 0, ErrAuth
	}
	return h + len(p), nil
}

// sealRTCP writes header, ciphertext, tag and the index with its E flag (RFC 7714 §9.2).
func (g *gcm) sealRTCP(dst, packet []byte, index uint32) int {
	g.rtcpNonce(packet, index)
	copy(dst, packet[:minSRTCP])
	copy(g.aad[:], packet[:minSRTCP])
	binary.BigEndian.PutUint32(g.aad[minSRTCP:], encrypted|index)
	n := minSRTCP + len(g.rtcp.Seal(dst[minSRTCP:minSRTCP], g.nonce[:], packet[minSRTCP:], g.aad[:]))
	return n + copy(dst[n:], g.aad[minSRTCP:])
}

func (g *gcm) openRTCP(b []byte, index uint32) (int, error) {
	end := len(b) - 4
	g.rtcpNonce(b, index)
	copy(g.aad[:], b[:minSRTCP])
	copy(g.aad[minSRTCP:], b[end:])
	p, err := g.rtcp.Open(b[minSRTCP:minSRTCP], g.nonce[:], b[minSRTCP:end], g.aad[:])
	if err != nil {
		return 0, ErrAuth
	}
	return minSRTCP + len(p), nil
}

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
	rtpSalt, rtcpSalt [12]byte
	nonce             [12]byte // scratch: a local one would escape to the heap
	aad               [12]byte // scratch
}

func newGCM(k Keys) (*gcm, error) {
	g := &gcm{}
	var err error
	if g.rtp, err = k.aead(labelRTPKey, labelRTPSalt, &g.rtpSalt); err != nil {
		return nil, err
	}
	g.rtcp, err = k.aead(labelRTCPKey, labelRTCPSalt, &g.rtcpSalt)
	return g, err
}

func (k Keys) aead(keyLabel, saltLabel byte, salt *[12]byte) (cipher.AEAD, error) {
	key, err := k.derive(keyLabel, masterKeyLen)
	if err != nil {
		return nil, err
	}
	s, err := k.derive(saltLabel, len(salt))
	if err != nil {
		return nil, err
	}
	copy(salt[:], s)
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
	n := &g.nonce
	*n = [12]byte{}
	copy(n[2:6], header[8:12])
	binary.BigEndian.PutUint32(n[6:10], roc)
	copy(n[10:12], header[2:4])
	for i := range n {
		n[i] ^= g.rtpSalt[i]
	}
}

// rtcpNonce is two zero bytes, SSRC, two zero bytes and the index, masked (RFC 7714 §9.1).
func (g *gcm) rtcpNonce(header []byte, index uint32) {
	n := &g.nonce
	*n = [12]byte{}
	copy(n[2:6], header[4:8])
	binary.BigEndian.PutUint32(n[8:12], index)
	for i := range n {
		n[i] ^= g.rtcpSalt[i]
	}
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

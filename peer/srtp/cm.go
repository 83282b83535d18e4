package srtp

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"hash"
)

const (
	cmTag     = 10 // bytes of HMAC-SHA1 that are sent
	cmAuthKey = 20
)

// cm is AES_CM_128_HMAC_SHA1_80 (RFC 3711 §4.1.1 and §4.2.1). It is the fall-back for ends without
// GCM and half as fast: the standard library's counter mode allocates, so each block is made here.
type cm struct {
	rtp, rtcp         cipher.Block
	rtpSalt, rtcpSalt [14]byte
	rtpMAC, rtcpMAC   hash.Hash

	// Scratch: local ones would escape to the heap.
	iv     [aes.BlockSize]byte
	stream [8 * aes.BlockSize]byte
	word   [4]byte
	sum    [sha1.Size]byte
}

func newCM(k Keys) (*cm, error) {
	c := &cm{}
	var err error
	if c.rtp, c.rtpMAC, err = k.cm(labelRTPKey, &c.rtpSalt); err != nil {
		return nil, err
	}
	c.rtcp, c.rtcpMAC, err = k.cm(labelRTCPKey, &c.rtcpSalt)
	return c, err
}

// cm derives cipher, authentication and salt of RTP or RTCP, whose labels follow each other.
func (k Keys) cm(label byte, salt *[14]byte) (cipher.Block, hash.Hash, error) {
	key, err := k.derive(label, masterKeyLen)
	if err != nil {
		return nil, nil, err
	}
	auth, err := k.derive(label+labelRTPAuth, cmAuthKey)
	if err != nil {
		return nil, nil, err
	}
	s, err := k.derive(label+labelRTPSalt, len(salt))
	if err != nil {
		return nil, nil, err
	}
	copy(salt[:], s)
	block, err := aes.NewCipher(key)
	return block, hmac.New(sha1.New, auth), err
}

func (c *cm) overheadRTP() int  { return cmTag }
func (c *cm) overheadRTCP() int { return cmTag + 4 }
func (c *cm) indexAt() int      { return cmTag + 4 }

// setIV makes the counter's start: salt * 2^16 XOR SSRC * 2^64 XOR index * 2^16 (RFC 3711 §4.1.1),
// with the 48-bit index given as its upper 32 and lower 16 bits.
func (c *cm) setIV(salt *[14]byte, ssrc []byte, high uint32, low uint16) {
	c.iv = [aes.BlockSize]byte{}
	copy(c.iv[4:8], ssrc)
	binary.BigEndian.PutUint32(c.iv[8:], high)
	binary.BigEndian.PutUint16(c.iv[12:], low)
	for i, s := range salt {
		c.iv[i] ^= s
	}
}

// xor encrypts or decrypts src into dst with the key stream from the counter on.
func (c *cm) xor(block cipher.Block, dst, src []byte) {
	counter := uint16(0)
	for len(src) > 0 {
		n := min(len(src), len(c.stream))
		for at := 0; at < n; at += aes.BlockSize {
			binary.BigEndian.PutUint16(c.iv[14:], counter)
			counter++
			block.Encrypt(c.stream[at:at+aes.BlockSize], c.iv[:])
		}
		subtle.XORBytes(dst, src[:n], c.stream[:n])
		dst, src = dst[n:], src[n:]
	}
}

// mac computes the tag over b, followed by roc for RTP (RFC 3711 §4.2).
func (c *cm) mac(h hash.Hash, b []byte, roc *uint32) []byte {
	h.Reset()
	_, _ = h.Write(b) // never fails
	if roc != nil {
		binary.BigEndian.PutUint32(c.word[:], *roc)
		_, _ = h.Write(c.word[:])
	}
	return h.Sum(c.sum[:0])[:cmTag]
}

func (c *cm) sealRTP(buf []byte, h int, payload []byte, roc uint32) int {
	n := h + len(payload)
	c.setIV(&c.rtpSalt, buf[8:12], roc, binary.BigEndian.Uint16(buf[2:]))
	c.xor(c.rtp, buf[h:n], payload)
	return n + copy(buf[n:], c.mac(c.rtpMAC, buf[:n], &roc))
}

func (c *cm) openRTP(b []byte, h int, roc uint32) (int, error) {
	n := len(b) - cmTag
	if n < h {
		return 0, ErrShort
	}
	if subtle.ConstantTimeCompare(c.mac(c.rtpMAC, b[:n], &roc), b[n:]) != 1 {
		return 0, ErrAuth
	}
	c.setIV(&c.rtpSalt, b[8:12], roc, binary.BigEndian.Uint16(b[2:]))
	c.xor(c.rtp, b[h:n], b[h:n])
	return n, nil
}

func (c *cm) sealRTCP(dst, packet []byte, index uint32) int {
	n := len(packet)
	copy(dst, packet[:minSRTCP])
	c.setIV(&c.rtcpSalt, packet[4:8], index>>16, uint16(index))
	c.xor(c.rtcp, dst[minSRTCP:n], packet[minSRTCP:])
	binary.BigEndian.PutUint32(dst[n:], encrypted|index)
	n += 4
	return n + copy(dst[n:], c.mac(c.rtcpMAC, dst[:n], nil))
}

func (c *cm) openRTCP(b []byte, index uint32) (int, error) {
	n := len(b) - cmTag
	if subtle.ConstantTimeCompare(c.mac(c.rtcpMAC, b[:n], nil), b[n:]) != 1 {
		return 0, ErrAuth
	}
	n -= 4
	c.setIV(&c.rtcpSalt, b[4:8], index>>16, uint16(index))
	c.xor(c.rtcp, b[minSRTCP:n], b[minSRTCP:n])
	return n, nil
}

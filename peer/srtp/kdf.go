package srtp

import (
	"crypto/aes"
	"encoding/binary"
)

// Labels of the session keys (RFC 3711 §4.3.2).
const (
	labelRTPKey   = 0
	labelRTPAuth  = 1
	labelRTPSalt  = 2
	labelRTCPKey  = 3
	labelRTCPAuth = 4
	labelRTCPSalt = 5
)

// derive returns n bytes of session key (RFC 3711 §4.3.1 and §4.3.3, with a key derivation rate of
// zero). A 12-byte salt stands for its extension by zeros on the right (RFC 7714 §11).
func (k Keys) derive(label byte, n int) ([]byte, error) {
	block, err := aes.NewCipher(k.Key)
	if err != nil {
		return nil, err
	}
	var in [aes.BlockSize]byte
	copy(in[:14], k.Salt)
	in[7] ^= label
	out := make([]byte, 0, n+aes.BlockSize)
	for i := uint16(0); len(out) < n; i++ {
		binary.BigEndian.PutUint16(in[14:], i)
		out = out[:len(out)+aes.BlockSize]
		block.Encrypt(out[len(out)-aes.BlockSize:], in[:])
	}
	return out[:n], nil
}

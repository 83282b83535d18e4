package peer

import "encoding/binary"

// DTLS content types (RFC 6347 §4.1, RFC 5246 §6.2.1).
const (
	recordChangeCipherSpec = 20
	recordAlert            = 21
	recordHandshake        = 22
	recordApplicationData  = 23

	recordHeader = 13
)

// plausible reports whether a datagram holds nothing but records that DTLS 1.2 may send. RFC 6347
// §4.1.2.7 has invalid records discarded silently, while pion/dtls fails the connection for some
// that anyone can forge: plaintext application data, and what it cannot parse in the clear.
func plausible(b []byte) bool {
	for len(b) > 0 {
		if len(b) < recordHeader || b[1] != 0xfe {
			return false
		}
		epoch, n := binary.BigEndian.Uint16(b[3:]), int(binary.BigEndian.Uint16(b[11:]))
		if n == 0 || n > len(b)-recordHeader {
			return false
		}
		body := b[recordHeader : recordHeader+n]
		switch b[0] {
		case recordHandshake:
		case recordAlert:
			if epoch == 0 && n != 2 {
				return false
			}
		case recordChangeCipherSpec:
			if epoch != 0 || n != 1 || body[0] != 1 {
				return false
			}
		case recordApplicationData:
			if epoch == 0 {
				return false
			}
		default:
			return false
		}
		b = b[recordHeader+n:]
	}
	return true
}

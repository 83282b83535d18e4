package ice

import (
	"bytes"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"hash"
	"hash/crc32"
	"net/netip"
)

// STUN's numbers (RFC 8489 §18, RFC 8445 §16.1).
const (
	bindingRequest = 0x0001
	bindingSuccess = 0x0101
	bindingError   = 0x0111

	attrUsername          = 0x0006
	attrIntegrity         = 0x0008
	attrErrorCode         = 0x0009
	attrUnknown           = 0x000a
	attrIntegritySHA256   = 0x001c
	attrXORMapped         = 0x0020
	attrPriority          = 0x0024
	attrUseCandidate      = 0x0025
	attrFingerprint       = 0x8028
	attrControlled        = 0x8029
	attrControlling       = 0x802a
	comprehensionOptional = 0x8000

	cookie         = 0x2112a442
	headerSize     = 20
	integritySize  = 24 // with the attribute's header
	fingerprintXOR = 0x5354554e
	maxUnknown     = 8
)

// maxMessage bounds the messages that we make.
const maxMessage = 600

var errMalformed = errors.New("ice: malformed STUN message")

// transactionID identifies a request and its response.
type transactionID [12]byte

// message is a parsed STUN message; its slices point into the datagram.
type message struct {
	raw  []byte
	typ  uint16
	id   transactionID
	user []byte // USERNAME

	priority     uint32
	useCandidate bool
	role         uint16 // attrControlled or attrControlling, 0 without
	tieBreaker   uint64
	errorCode    int

	integrity   int  // offset of MESSAGE-INTEGRITY, 0 without
	fingerprint bool // present, and right

	unknown  [maxUnknown]uint16 // comprehension-required attributes that we do not know
	nUnknown int
}

// IsSTUN reports whether b looks like a STUN message (RFC 7983 and the magic cookie).
func IsSTUN(b []byte) bool {
	return len(b) >= headerSize && b[0] < 4 && binary.BigEndian.Uint32(b[4:]) == cookie
}

// LocalUfrag returns the receiver's part of a request's USERNAME, by which a shared socket finds the
// agent, and nil for anything but a request that names one.
func LocalUfrag(b []byte) []byte {
	var m message
	if m.parse(b) != nil || m.typ != bindingRequest {
		return nil
	}
	local, _, ok := bytes.Cut(m.user, []byte{':'})
	if !ok {
		return nil
	}
	return local
}

// parse reads b. Attributes behind MESSAGE-INTEGRITY count for nothing (RFC 8489 §14.5), but for
// FINGERPRINT, which must be the last.
func (m *message) parse(b []byte) error {
	*m = message{raw: b}
	if !IsSTUN(b) || int(binary.BigEndian.Uint16(b[2:])) != len(b)-headerSize || len(b)%4 != 0 {
		return errMalformed
	}
	m.typ = binary.BigEndian.Uint16(b)
	copy(m.id[:], b[8:])
	for at := headerSize; at < len(b); {
		if m.fingerprint || len(b)-at < 4 {
			return errMalformed
		}
		typ, n := binary.BigEndian.Uint16(b[at:]), int(binary.BigEndian.Uint16(b[at+2:]))
		if n > len(b)-at-4 {
			return errMalformed
		}
		if err := m.attribute(typ, at, b[at+4:at+4+n]); err != nil {
			return err
		}
		at += 4 + (n+3)&^3
	}
	return nil
}

func (m *message) attribute(typ uint16, at int, v []byte) error {
	if typ == attrFingerprint {
		if len(v) != 4 || binary.BigEndian.Uint32(v) != crc32.ChecksumIEEE(m.raw[:at])^fingerprintXOR {
			return errMalformed
		}
		m.fingerprint = true
		return nil
	}
	if m.integrity != 0 {
		return nil
	}
	short := false
	switch typ {
	case attrUsername:
		m.user = v
	case attrIntegrity:
		m.integrity, short = at, len(v) != integritySize-4
	case attrPriority:
		if short = len(v) != 4; !short {
			m.priority = binary.BigEndian.Uint32(v)
		}
	case attrUseCandidate:
		m.useCandidate = true
	case attrControlled, attrControlling:
		if short = len(v) != 8; !short {
			m.role, m.tieBreaker = typ, binary.BigEndian.Uint64(v)
		}
	case attrErrorCode:
		if short = len(v) < 4; !short {
			m.errorCode = int(v[2]&7)*100 + int(v[3])
		}
	case attrXORMapped, attrUnknown, attrIntegritySHA256: // known, and of no use to us
	default:
		if typ < comprehensionOptional && m.nUnknown < maxUnknown {
			m.unknown[m.nUnknown] = typ
			m.nUnknown++
		}
	}
	if short {
		return errMalformed
	}
	return nil
}

// authentic checks MESSAGE-INTEGRITY (RFC 8489 §14.5): the HMAC covers what is before it, under a
// length that ends with it.
func (m *message) authentic(key hash.Hash) bool {
	if m.integrity == 0 {
		return false
	}
	var sum [20]byte
	mac := integrity(key, m.raw[:m.integrity], sum[:0])
	return hmac.Equal(mac, m.raw[m.integrity+4:m.integrity+integritySize])
}

func integrity(key hash.Hash, b, sum []byte) []byte {
	var head [4]byte
	copy(head[:], b[:2])
	binary.BigEndian.PutUint16(head[2:], uint16(len(b)+integritySize-headerSize))
	key.Reset()
	_, _ = key.Write(head[:]) // never fails
	_, _ = key.Write(b[4:])
	return key.Sum(sum)
}

// appendHeader begins a message at the end of b, which must be empty.
func appendHeader(b []byte, typ uint16, id transactionID) []byte {
	b = binary.BigEndian.AppendUint16(b, typ)
	b = append(b, 0, 0)
	b = binary.BigEndian.AppendUint32(b, cookie)
	return append(b, id[:]...)
}

func appendAttr(b []byte, typ uint16, v []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
	b = append(b, v...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

func appendUint32(b []byte, typ uint16, v uint32) []byte {
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, 4)
	return binary.BigEndian.AppendUint32(b, v)
}

func appendUint64(b []byte, typ uint16, v uint64) []byte {
	b = binary.BigEndian.AppendUint16(b, typ)
	b = binary.BigEndian.AppendUint16(b, 8)
	return binary.BigEndian.AppendUint64(b, v)
}

// appendMapped adds XOR-MAPPED-ADDRESS (RFC 8489 §14.2).
func appendMapped(b []byte, addr netip.AddrPort, id transactionID) []byte {
	var v [20]byte
	binary.BigEndian.PutUint32(v[4:], cookie)
	copy(v[8:], id[:])
	mask := v
	n := 20
	if ip := addr.Addr().Unmap(); ip.Is4() {
		a := ip.As4()
		copy(v[4:], a[:])
		v[1], n = 1, 8
	} else {
		a := ip.As16()
		copy(v[4:], a[:])
		v[1] = 2
	}
	for i := 4; i < n; i++ {
		v[i] ^= mask[i]
	}
	binary.BigEndian.PutUint16(v[2:], addr.Port()^cookie>>16)
	return appendAttr(b, attrXORMapped, v[:n])
}

// seal ends a message with MESSAGE-INTEGRITY and FINGERPRINT.
func seal(b []byte, key hash.Hash) []byte {
	var sum [20]byte
	b = appendAttr(b, attrIntegrity, integrity(key, b, sum[:0]))
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)+8-headerSize))
	return appendUint32(b, attrFingerprint, crc32.ChecksumIEEE(b)^fingerprintXOR)
}

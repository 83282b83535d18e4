package rtcp

import (
	"encoding/binary"

	"switchyard/media"
)

// The Append functions add one complete packet to dst and return it, as append does. They
// allocate only where dst lacks room.

func appendHeader(dst []byte, typ, count uint8, body int) []byte {
	dst = append(dst, 2<<6|count, typ)
	return binary.BigEndian.AppendUint16(dst, uint16(body/4))
}

// AppendSR adds a sender report with no report block.
func AppendSR(dst []byte, s SenderInfo) []byte {
	dst = appendHeader(dst, TypeSR, 0, 24)
	dst = binary.BigEndian.AppendUint32(dst, uint32(s.SSRC))
	dst = binary.BigEndian.AppendUint64(dst, uint64(s.NTP))
	dst = binary.BigEndian.AppendUint32(dst, uint32(s.RTP))
	dst = binary.BigEndian.AppendUint32(dst, s.Packets)
	return binary.BigEndian.AppendUint32(dst, s.Octets)
}

// AppendRR adds a receiver report of at most 31 blocks; the others are left out. Without a block
// it is what a compound packet has to begin with (RFC 3550 §6.1).
func AppendRR(dst []byte, sender media.SSRC, reports ...Report) []byte {
	if len(reports) > 31 {
		reports = reports[:31]
	}
	dst = appendHeader(dst, TypeRR, uint8(len(reports)), 4+24*len(reports))
	dst = binary.BigEndian.AppendUint32(dst, uint32(sender))
	for i := range reports {
		r := &reports[i]
		lost := max(-1<<23, min(1<<23-1, r.Lost))
		dst = binary.BigEndian.AppendUint32(dst, uint32(r.SSRC))
		dst = binary.BigEndian.AppendUint32(dst, uint32(r.FractionLost)<<24|uint32(lost)&0xffffff)
		dst = binary.BigEndian.AppendUint32(dst, r.Highest)
		dst = binary.BigEndian.AppendUint32(dst, r.Jitter)
		dst = binary.BigEndian.AppendUint32(dst, r.LastSR)
		dst = binary.BigEndian.AppendUint32(dst, r.Delay)
	}
	return dst
}

// AppendCNAME adds a source description with one CNAME item (RFC 3550 §6.5.1), cut at 255 bytes.
func AppendCNAME(dst []byte, source media.SSRC, cname string) []byte {
	if len(cname) > 255 {
		cname = cname[:255]
	}
	items := (2+len(cname))/4*4 + 4 // at least one zero byte ends the list
	dst = appendHeader(dst, TypeSDES, 1, 4+items)
	dst = binary.BigEndian.AppendUint32(dst, uint32(source))
	dst = append(dst, 1, uint8(len(cname)))
	dst = append(dst, cname...)
	for range items - 2 - len(cname) {
		dst = append(dst, 0)
	}
	return dst
}

// AppendNACK adds a generic NACK for lost, which must be in ascending order modulo 2^16.
func AppendNACK(dst []byte, sender, source media.SSRC, lost []uint16) []byte {
	if len(lost) == 0 {
		return dst
	}
	start := len(dst)
	dst = appendHeader(dst, TypeTransport, FormatNACK, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(sender))
	dst = binary.BigEndian.AppendUint32(dst, uint32(source))
	for i := 0; i < len(lost); {
		pid, blp := lost[i], uint16(0)
		for i++; i < len(lost); i++ {
			d := lost[i] - pid
			if d > 16 {
				break
			}
			if d > 0 {
				blp |= 1 << (d - 1)
			}
		}
		dst = binary.BigEndian.AppendUint16(dst, pid)
		dst = binary.BigEndian.AppendUint16(dst, blp)
	}
	binary.BigEndian.PutUint16(dst[start+2:], uint16((len(dst)-start)/4-1))
	return dst
}

// AppendPLI adds a picture loss indication.
func AppendPLI(dst []byte, sender, source media.SSRC) []byte {
	dst = appendHeader(dst, TypePayload, FormatPLI, 8)
	dst = binary.BigEndian.AppendUint32(dst, uint32(sender))
	return binary.BigEndian.AppendUint32(dst, uint32(source))
}

// AppendFIR adds a full intra request. seq grows by one with each new command; a repetition of
// the same command keeps it (RFC 5104 §4.3.1.2).
func AppendFIR(dst []byte, sender, source media.SSRC, seq uint8) []byte {
	dst = appendHeader(dst, TypePayload, FormatFIR, 16)
	dst = binary.BigEndian.AppendUint32(dst, uint32(sender))
	dst = binary.BigEndian.AppendUint32(dst, 0)
	dst = binary.BigEndian.AppendUint32(dst, uint32(source))
	return append(dst, seq, 0, 0, 0)
}

// AppendBYE says that source ends (RFC 3550 §6.6).
func AppendBYE(dst []byte, source media.SSRC) []byte {
	dst = appendHeader(dst, TypeBYE, 1, 4)
	return binary.BigEndian.AppendUint32(dst, uint32(source))
}

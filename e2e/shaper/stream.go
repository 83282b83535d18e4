//go:build linux

package main

import (
	"encoding/binary"
	"time"
)

// stream is what was seen of one RTP source on its way into the wire.
type stream struct {
	Packets int     `json:"packets"`
	Began   float64 `json:"began"` // ms since 1970: the first packet, or the first after a pause
	Last    float64 `json:"last"`
}

const (
	streamPause = 400 * time.Millisecond // a slower one has paused
	streamsMost = 256                    // new ones beyond are not followed

	etherIPv4, protocolUDP = 0x0800, 17
	etherHeader, udpHeader = 14, 8
)

// streams are by SSRC, which SRTP leaves in the clear.
type streams map[uint32]*stream

func (s streams) see(now time.Time, frame []byte) {
	ssrc, ok := rtpSource(frame)
	if !ok {
		return
	}
	one := s[ssrc]
	if one == nil {
		if len(s) >= streamsMost {
			return
		}
		one = &stream{}
		s[ssrc] = one
	}
	at := float64(now.UnixMicro()) / 1000
	if at-one.Last > float64(streamPause.Milliseconds()) {
		one.Began = at
	}
	one.Packets++
	one.Last = at
}

// rtpSource returns the SSRC of an Ethernet frame that holds RTP in UDP over IPv4; RTCP is told apart by its packet
// types (RFC 5761 §4), the rest by the first byte (RFC 7983).
func rtpSource(frame []byte) (ssrc uint32, ok bool) {
	if len(frame) < etherHeader+20 || binary.BigEndian.Uint16(frame[12:]) != etherIPv4 {
		return 0, false
	}
	ip := frame[etherHeader:]
	head := int(ip[0]&15) * 4
	if ip[9] != protocolUDP || head < 20 || len(ip) < head+udpHeader+12 {
		return 0, false
	}
	rtp := ip[head+udpHeader:]
	if rtp[0]>>6 != 2 || rtp[1] >= 192 && rtp[1] < 224 {
		return 0, false
	}
	return binary.BigEndian.Uint32(rtp[8:]), true
}

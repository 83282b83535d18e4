//go:build linux

package main

import (
	"encoding/binary"
	"testing"
	"time"
)

// datagram is an Ethernet frame with a payload in UDP.
func datagram(payload ...byte) []byte {
	frame := make([]byte, etherHeader+20+udpHeader)
	frame[12], frame[etherHeader], frame[etherHeader+9] = 8, 0x45, protocolUDP
	return append(frame, payload...)
}

func TestStreamsAreFollowed(t *testing.T) {
	rtp := datagram(0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2)
	rtcp := datagram(0x80, 200, 0, 1, 0, 0, 1, 2, 0, 0, 0, 0)
	stun := datagram(0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0)
	s, start := streams{}, time.UnixMilli(1000)
	for i, at := range []time.Duration{0, 20, 40, 1000, 1020} {
		s.see(start.Add(at*time.Millisecond), rtp)
		s.see(start, rtcp)
		s.see(start, stun)
		if want := []float64{1000, 1000, 1000, 2000, 2000}[i]; len(s) != 1 || s[0x102].Began != want {
			t.Fatalf("packet %d: %+v", i, s[0x102])
		}
	}
	if got := *s[0x102]; got != (stream{Packets: 5, Began: 2000, Last: 2020}) {
		t.Errorf("%+v", got)
	}
}

func FuzzStreams(f *testing.F) {
	f.Add(datagram(0x80, 96, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, frame []byte) {
		s := streams{}
		s.see(time.UnixMilli(1), frame)
		if _, ok := rtpSource(frame); ok != (len(s) == 1) {
			t.Errorf("%d streams", len(s))
		}
	})
}

func TestOffloadedFramesCountAsOnTheWire(t *testing.T) {
	const segmented = 5 // VIRTIO_NET_HDR_GSO_UDP_L4
	header := func(kind byte, segment uint16) []byte {
		h := make([]byte, offloadHeader)
		h[1] = kind
		binary.NativeEndian.PutUint16(h[4:], segment)
		return h
	}
	tcp := datagram(make([]byte, 12+2500)...) // its header has 12 bytes more than UDP's
	tcp[etherHeader+9], tcp[etherHeader+20+12] = 6, 5<<4
	for _, c := range []struct {
		name          string
		frame         []byte
		frames, bytes int
	}{
		{"whole", append(header(0, 0), datagram(make([]byte, 100)...)...), 1, 142},
		{"cut", append(header(segmented, 1000), datagram(make([]byte, 2500)...)...), 3, 42 + 2500 + 2*42},
		{"cut evenly", append(header(segmented, 1000), datagram(make([]byte, 2000)...)...), 2, 42 + 2000 + 42},
		{"TCP", append(header(1, 1000), tcp...), 3, 54 + 2500 + 2*54},
		{"no length of a segment", append(header(segmented, 0), datagram(1)...), 1, 43},
		{"short", []byte{0, 5}, 1, 2},
	} {
		if frames, bytes := onWire(c.frame); frames != c.frames || bytes != c.bytes {
			t.Errorf("%s: %d frames of %d bytes, want %d of %d", c.name, frames, bytes, c.frames, c.bytes)
		}
	}
}

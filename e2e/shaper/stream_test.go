//go:build linux

package main

import (
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

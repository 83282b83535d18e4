package ingest

import (
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

const maxStreams = maxLayers + 4

// stream is what one SSRC sends.
type stream struct {
	ssrc, rtx media.SSRC // 0 when not known yet
	rid       int        // index in Config.RIDs, -1 without
	out       *layer     // to which it belongs

	window  window
	missing missingList
	timing  timing
	arrived media.Time // newest packet
	format  uint8      // of the newest packet

	width, height int                       // of the last keyframe
	sizes         [media.PointsPerAxis]size // of its spatial layers, where it told them
	spatials      uint8                     // how many, 0 where it did not tell
	dependency    *dependencies             // nil before the first descriptor

	// Frames are told apart by their timestamps.
	lastTS  media.Ticks
	haveTS  bool
	keyTS   media.Ticks
	haveKey bool
	lastKey media.ExtSeq // newest keyframe's first packet

	reception
}

// reception is what receiver reports need (RFC 3550 §6.4.1, appendix A.3 and A.8).
type reception struct {
	heard         bool
	transit       int64  // in ticks
	jitter        int64  // in 1/16 ticks
	expectedPrior uint64 // at the last report
	receivedPrior uint64

	lastSR        uint32
	lastSRArrived media.Time
}

// setRate takes another clock rate: what was known of the timestamps is void.
func (s *stream) setRate(hz uint32) {
	if hz == 0 || int64(hz) == s.timing.rate {
		return
	}
	s.timing.rate = int64(hz)
	s.timing.started, s.timing.report = false, false
	s.jitter, s.heard = 0, false
}

// onArrival updates the jitter.
func (s *stream) onArrival(now media.Time, ts media.Ticks) {
	// The arrival in ticks may wrap: only differences count.
	sec, ns := int64(now)/1e9, int64(now)%1e9
	transit := int64(int32(media.Ticks(sec*s.timing.rate+ns*s.timing.rate/1e9) - ts))
	if s.heard {
		d := int64(int32(transit - s.transit))
		s.jitter += max(d, -d) - (s.jitter+8)>>4
	}
	s.transit, s.heard = transit, true
}

func (s *stream) onSR(now media.Time, sr rtcp.SenderInfo) {
	s.lastSR, s.lastSRArrived = sr.NTP.Middle(), now
	s.timing.onReport(sr.RTP, sr.NTP)
}

// report returns the reception report since the previous one.
func (s *stream) report(now media.Time) rtcp.Report {
	expected := uint64(s.window.highest-s.window.base) + 1
	r := rtcp.Report{
		SSRC:    s.ssrc,
		Lost:    int32(min(int64(expected)-int64(s.window.received), 1<<23-1)),
		Highest: uint32(s.window.highest - 1<<16), // cycles count from 0
		Jitter:  uint32(s.jitter >> 4),
		LastSR:  s.lastSR,
	}
	if due, got := expected-s.expectedPrior, s.window.received-s.receivedPrior; due > got && due < 1<<32 {
		r.FractionLost = uint8(min(255, (due-got)<<8/due))
	}
	s.expectedPrior, s.receivedPrior = expected, s.window.received
	if s.lastSR != 0 {
		r.Delay = uint32(now.Sub(s.lastSRArrived) * 65536 / time.Second)
	}
	return r
}

// restart forgets what belongs to the stream before a jump of its sequence numbers.
func (s *stream) restart() {
	s.missing.clear()
	s.haveTS, s.haveKey, s.lastKey = false, false, 0
	s.spatials, s.dependency = 0, nil
	s.timing.started, s.timing.report = false, false
	s.reception = reception{lastSR: s.lastSR, lastSRArrived: s.lastSRArrived}
}

// size is the number of pixels, 0 when unknown.
func (s *stream) size() int { return s.width * s.height }

// size is that of a picture, in pixels.
type size struct{ width, height int }

// resize takes what a keyframe says; true when that is news.
func (s *stream) resize(v look) bool {
	if v.width == 0 || v.width == s.width && v.height == s.height && v.sizes == s.sizes {
		return false
	}
	s.width, s.height, s.sizes = v.width, v.height, v.sizes
	return true
}

package ingest

import (
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

const maxLayers = 8

// layer is one stream of a track: a simulcast layer, or the only stream.
type layer struct {
	ssrc, rtx media.SSRC // 0 when not known yet
	rid       int        // index in Config.RIDs, -1 without

	window  window
	missing missingList
	timing  timing
	arrived media.Time // newest packet
	format  uint8      // of the newest packet

	width, height int // of the last keyframe

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
func (l *layer) setRate(hz uint32) {
	if hz == 0 || int64(hz) == l.timing.rate {
		return
	}
	l.timing.rate = int64(hz)
	l.timing.started, l.timing.report = false, false
	l.jitter, l.heard = 0, false
}

// onArrival updates the jitter.
func (l *layer) onArrival(now media.Time, ts media.Ticks) {
	// The arrival in ticks may wrap: only differences count.
	sec, ns := int64(now)/1e9, int64(now)%1e9
	transit := int64(int32(media.Ticks(sec*l.timing.rate+ns*l.timing.rate/1e9) - ts))
	if l.heard {
		d := int64(int32(transit - l.transit))
		l.jitter += max(d, -d) - (l.jitter+8)>>4
	}
	l.transit, l.heard = transit, true
}

func (l *layer) onSR(now media.Time, s rtcp.SenderInfo) {
	l.lastSR, l.lastSRArrived = s.NTP.Middle(), now
	l.timing.onReport(s.RTP, s.NTP)
}

// report returns the reception report since the previous one.
func (l *layer) report(now media.Time) rtcp.Report {
	expected := uint64(l.window.highest-l.window.base) + 1
	r := rtcp.Report{
		SSRC:    l.ssrc,
		Lost:    int32(min(int64(expected)-int64(l.window.received), 1<<23-1)),
		Highest: uint32(l.window.highest - 1<<16), // cycles count from 0
		Jitter:  uint32(l.jitter >> 4),
		LastSR:  l.lastSR,
	}
	if due, got := expected-l.expectedPrior, l.window.received-l.receivedPrior; due > got && due < 1<<32 {
		r.FractionLost = uint8(min(255, (due-got)<<8/due))
	}
	l.expectedPrior, l.receivedPrior = expected, l.window.received
	if l.lastSR != 0 {
		r.Delay = uint32(now.Sub(l.lastSRArrived) * 65536 / time.Second)
	}
	return r
}

// restart forgets what belongs to the stream before a jump of its sequence numbers.
func (l *layer) restart() {
	l.missing.clear()
	l.haveTS, l.haveKey, l.lastKey = false, false, 0
	l.timing.started, l.timing.report = false, false
	l.reception = reception{lastSR: l.lastSR, lastSRArrived: l.lastSRArrived}
}

// size is the number of pixels, 0 when unknown.
func (l *layer) size() int { return l.width * l.height }

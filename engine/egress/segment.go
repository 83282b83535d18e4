package egress

import (
	"time"

	"switchyard/media"
)

const (
	maxSegments = 8  // of the past that NACKs are answered from
	maxFormats  = 16 // of one source
	maxMoved    = 64 // frames whose timestamp is not the plain one
	maxGap      = 1000
)

// segment is a stretch of the outgoing stream that comes from one source without a break: there, both
// sequence numbers and timestamps differ from the publisher's by a constant.
type segment struct {
	in, out  media.ExtSeq // its first packet, as published and as sent
	seen     media.ExtSeq // published, newest one sent or taken out
	highest  media.ExtSeq // published, newest one sent
	lastIn   media.Ticks  // its timestamp
	delta    media.Ticks  // added to the publisher's timestamps
	shift    shift        // added to its picture ids
	pictures uint16       // frames taken out so far, see cut
	removed  uint32       // and packets
	epoch    uint32
	layer    uint8       // of its packets
	codec    media.Codec // of its first packet
	started  bool        // something was sent
	moved    bool        // some frames' timestamps are in the slot's table
	rate     int64
	table    [maxFormats]outgoing

	id       uint32
	ring     *Ring
	movedIn  media.Ticks // the latest moved frame's timestamp, as published
	movedMax media.Ticks // and as sent
}

// outgoing is how one of the source's formats is sent.
type outgoing struct {
	codec        media.Codec
	ok           bool
	nack         bool
	pt, rtx, red media.PayloadType
	rate         uint32
}

// movedFrame is a frame whose outgoing timestamp had to be another than published plus delta.
type movedFrame struct {
	segment uint32
	in, out media.Ticks
}

// timeline maps the server's timebase to the slot's RTP timestamps. base never changes. offset
// follows the source's clock and errors of its early timestamps, so slowly that the receiver's
// regression over sender reports does not notice.
type timeline struct {
	base   media.Ticks
	rate   int64         // Hz of the current segment
	offset time.Duration // added to the server's time
	latest media.Time    // capture time of the frame that offset was fitted to last
}

// slewing is the share of elapsed time by which offset may move: 5 ms per second.
const slewing = 200

func (t *timeline) at(when media.Time) media.Ticks {
	return t.base + ticks(when.Add(t.offset), t.rate)
}

// fit moves offset towards the error of a frame captured at when and sent as ts.
func (t *timeline) fit(when media.Time, ts media.Ticks) {
	elapsed := when.Sub(t.latest)
	if elapsed <= 0 {
		return
	}
	t.latest = when
	most := min(elapsed, time.Second) / slewing
	err := duration(ts-t.at(when), t.rate)
	t.offset += max(-most, min(most, err))
}

// ticks is t in units of 1/rate s, modulo 2^32.
func ticks(t media.Time, rate int64) media.Ticks {
	sec, ns := int64(t)/1e9, int64(t)%1e9
	if ns < 0 {
		sec, ns = sec-1, ns+1e9
	}
	return media.Ticks(sec*rate + ns*rate/1e9)
}

func duration(d media.Ticks, rate int64) time.Duration {
	return time.Duration(int64(int32(d)) * int64(time.Second) / rate)
}

package ingest

import (
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

const (
	firstReport      = 500 * time.Millisecond // after the first packet
	reportEvery      = time.Second
	keyframeEvery    = 500 * time.Millisecond
	keyframePatience = 10              // unanswered requests after which they come
	keyframeSlow     = 2 * time.Second // this seldom
)

// keyframeRequest coalesces the subscribers' wishes into at most one request per keyframeEvery.
type keyframeRequest struct {
	wanted bool
	asked  bool // at least once since the track began: then last counts
	last   media.Time
	tries  int // since the last keyframe
	fir    uint8
}

func (k *keyframeRequest) arrived() { k.wanted, k.tries = false, 0 }

// open returns when the next request may go out.
func (k *keyframeRequest) open() media.Time {
	switch {
	case !k.asked:
		return 0
	case k.tries >= keyframePatience:
		return k.last.Add(keyframeSlow)
	}
	return k.last.Add(keyframeEvery)
}

func (t *Track) keyframeDeadline(l *layer) media.Time {
	if !l.keyframe.wanted || !t.known(l) {
		return media.Never
	}
	return l.keyframe.open()
}

// RequestKeyframe asks the publisher for a keyframe of a layer: at most once per 500 ms, repeated until
// one arrives. Requests during the wait are answered together when it ends.
func (t *Track) RequestKeyframe(now media.Time, layer uint8) {
	if t.cfg.Kind != media.Video || int(layer) >= len(t.layers) {
		return
	}
	k := &t.layers[layer].keyframe
	if k.wanted {
		return
	}
	k.wanted = true
	if k.tries == 0 {
		k.fir++
	}
}

// RequestKeyframes asks for a keyframe of every layer.
func (t *Track) RequestKeyframes(now media.Time) {
	for i := range t.layers {
		t.RequestKeyframe(now, uint8(i))
	}
}

// known reports whether there is any stream of l to ask.
func (t *Track) known(l *layer) bool {
	for _, s := range t.streams {
		if s.out == l && s.ssrc != 0 {
			return true
		}
	}
	return false
}

// keyframeTarget returns the stream of l to ask: the taken one, or the one heard last where that has
// stalled; before the first packet a declared one. nil when no stream is known.
func (t *Track) keyframeTarget(now media.Time, l *layer) *stream {
	target := l.current
	for _, s := range t.streams {
		switch {
		case s.out != l || s.ssrc == 0:
		case target == nil:
			target = s
		case now.Sub(target.arrived) >= stall && s.arrived > target.arrived:
			target = s
		}
	}
	return target
}

// Feedback appends the RTCP packets that are due (RR, NACK, PLI or FIR) to dst.
func (t *Track) Feedback(now media.Time, dst []byte) []byte {
	if now >= t.reportDue {
		dst = t.reports(now, dst)
	}
	for _, l := range t.layers {
		dst = t.askLost(now, l, dst)
		dst = t.askKeyframe(now, l, dst)
	}
	return dst
}

// reports adds one RR about all streams that were heard since the last one.
func (t *Track) reports(now media.Time, dst []byte) []byte {
	var blocks [maxStreams]rtcp.Report
	n := 0
	for _, l := range t.streams {
		if l.window.started && now.Sub(l.arrived) < 2*reportEvery {
			blocks[n] = l.report(now)
			n++
		}
	}
	if n == 0 { // silent: the next packet starts the reports again
		t.reportDue = media.Never
		return dst
	}
	t.reportDue = now.Add(reportEvery)
	return rtcp.AppendRR(dst, t.cfg.Sender, blocks[:n]...)
}

func (t *Track) askLost(now media.Time, l *layer, dst []byte) []byte {
	s := l.current
	if s == nil || s.missing.deadline() > now {
		return dst
	}
	lost, gone, newest := s.missing.collect(now, t.rtt, t.lost[:0])
	t.stats.NACKs += uint64(len(lost))
	t.stats.GivenUp += uint64(gone)
	if gone > 0 && newest > s.lastKey {
		t.RequestKeyframe(now, l.index)
	}
	return rtcp.AppendNACK(dst, t.cfg.Sender, s.ssrc, lost)
}

func (t *Track) askKeyframe(now media.Time, l *layer, dst []byte) []byte {
	k := &l.keyframe
	if !k.wanted || now < k.open() {
		return dst
	}
	s := t.keyframeTarget(now, l)
	if s == nil {
		return dst
	}
	pli, fir := t.keyframeMeans(s)
	if !pli && !fir { // the publisher sends keyframes by itself or not at all
		k.wanted = false
		return dst
	}
	k.asked, k.last = true, now
	k.tries++
	t.stats.KeyframeAsked++
	if pli {
		return rtcp.AppendPLI(dst, t.cfg.Sender, s.ssrc)
	}
	return rtcp.AppendFIR(dst, t.cfg.Sender, s.ssrc, k.fir)
}

// keyframeMeans tells what was agreed for the format that s sends, or before its first packet for
// the preferred one.
func (t *Track) keyframeMeans(s *stream) (pli, fir bool) {
	if len(t.cfg.Formats) == 0 {
		return false, false
	}
	f := &t.cfg.Formats[0]
	for i := range t.cfg.Formats {
		if s.window.started && t.cfg.Formats[i].Format == t.formats[s.format] {
			f = &t.cfg.Formats[i]
		}
	}
	return f.PLI, f.FIR
}

// OnSR takes a sender report. It returns false when the report is of none of the track's streams.
func (t *Track) OnSR(now media.Time, s rtcp.SenderInfo) bool {
	l := t.bySSRC(s.SSRC)
	if l == nil || s.SSRC == 0 {
		return false
	}
	t.cfg.Sync.OnSR(now, s.NTP)
	l.onSR(now, s)
	return true
}

// OnBye takes the end of a stream (RFC 3550 §6.6); false when it is none of the track's.
func (t *Track) OnBye(ssrc media.SSRC) bool {
	l := t.bySSRC(ssrc)
	if l == nil || ssrc == 0 {
		return false
	}
	l.arrived = min(l.arrived, l.arrived.Add(-stall)) // another may take over at once
	l.missing.clear()
	return true
}

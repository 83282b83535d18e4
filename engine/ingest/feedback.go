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

func (k *keyframeRequest) deadline(t *Track) media.Time {
	if !k.wanted || !t.known() {
		return media.Never
	}
	return k.open()
}

// RequestKeyframe asks the publisher for a keyframe: at most once per 500 ms, repeated until one
// arrives. Requests during the wait are answered together when it ends.
func (t *Track) RequestKeyframe(now media.Time) {
	if t.cfg.Kind != media.Video || t.keyframe.wanted {
		return
	}
	t.keyframe.wanted = true
	if t.keyframe.tries == 0 {
		t.keyframe.fir++
	}
}

// known reports whether there is any stream to ask.
func (t *Track) known() bool {
	for _, l := range t.layers {
		if l.ssrc != 0 {
			return true
		}
	}
	return false
}

// keyframeTarget returns the stream to ask: the taken one, or the one heard last where that has
// stalled; before the first packet a declared one. nil when no stream is known.
func (t *Track) keyframeTarget(now media.Time) *layer {
	target := t.current
	for _, l := range t.layers {
		switch {
		case l.ssrc == 0:
		case target == nil:
			target = l
		case now.Sub(target.arrived) >= stall && l.arrived > target.arrived:
			target = l
		}
	}
	return target
}

// Feedback appends the RTCP packets that are due (RR, NACK, PLI or FIR) to dst.
func (t *Track) Feedback(now media.Time, dst []byte) []byte {
	if now >= t.reportDue {
		dst = t.reports(now, dst)
	}
	dst = t.askLost(now, dst)
	return t.askKeyframe(now, dst)
}

// reports adds one RR about all layers that were heard since the last one.
func (t *Track) reports(now media.Time, dst []byte) []byte {
	var blocks [maxLayers]rtcp.Report
	n := 0
	for _, l := range t.layers {
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

func (t *Track) askLost(now media.Time, dst []byte) []byte {
	l := t.current
	if l == nil || l.missing.deadline() > now {
		return dst
	}
	lost, gone, newest := l.missing.collect(now, t.rtt, t.lost[:0])
	t.stats.NACKs += uint64(len(lost))
	t.stats.GivenUp += uint64(gone)
	if gone > 0 && newest > l.lastKey {
		t.RequestKeyframe(now)
	}
	return rtcp.AppendNACK(dst, t.cfg.Sender, l.ssrc, lost)
}

func (t *Track) askKeyframe(now media.Time, dst []byte) []byte {
	k := &t.keyframe
	if !k.wanted || now < k.open() {
		return dst
	}
	l := t.keyframeTarget(now)
	if l == nil {
		return dst
	}
	pli, fir := t.keyframeMeans(l)
	if !pli && !fir { // the publisher sends keyframes by itself or not at all
		k.wanted = false
		return dst
	}
	k.asked, k.last = true, now
	k.tries++
	t.stats.KeyframeAsked++
	if pli {
		return rtcp.AppendPLI(dst, t.cfg.Sender, l.ssrc)
	}
	return rtcp.AppendFIR(dst, t.cfg.Sender, l.ssrc, k.fir)
}

// keyframeMeans tells what was agreed for the format that l sends, or before its first packet for
// the preferred one.
func (t *Track) keyframeMeans(l *layer) (pli, fir bool) {
	if len(t.cfg.Formats) == 0 {
		return false, false
	}
	f := &t.cfg.Formats[0]
	for i := range t.cfg.Formats {
		if l.window.started && t.cfg.Formats[i].Format == t.formats[l.format] {
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

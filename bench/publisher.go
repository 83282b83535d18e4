package bench

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"switchyard/codec/rtcp"
	"switchyard/media"
)

const keyframeEvery = 10 * time.Second

// publisher sends video-shaped RTP, in one or several layers. One goroutine runs it.
type publisher struct {
	t         *transport
	id        uint32
	layers    []*outgoing // the lowest first
	extension struct{ twcc, mid, rid uint8 }
	mid       string
	window    *window

	packet []byte // scratch of the goroutine that runs it, as below
	sizes  []int

	sent      atomic.Uint64 // packets
	inWindow  atomic.Uint64 // of them in the window
	keyframes atomic.Uint64
}

// outgoing is one layer.
type outgoing struct {
	plan      plan
	ssrc      uint32
	pt        uint8
	seq       uint16
	timestamp uint32
	packets   uint32
	octets    uint32
	lastKey   time.Time

	wantKey atomic.Bool
	known   atomic.Bool // the server reported on it: RID and MID need not be said any more
}

func newPublisher(t *transport, id uint32, plans []plan, w *window) *publisher {
	u := &publisher{t: t, id: id, window: w, packet: make([]byte, 1500)}
	for _, p := range plans {
		u.layers = append(u.layers, &outgoing{plan: p, ssrc: rand.Uint32() | 1, seq: uint16(rand.Uint32()), timestamp: rand.Uint32()})
	}
	t.onRTCP = append(t.onRTCP, u.feedback)
	return u
}

// line is the m-line that offers the publisher's media.
func (u *publisher) line() line {
	l := line{kind: "video", send: true, ssrc: u.layers[0].ssrc, layers: len(u.layers)}
	if u.layers[0].plan.codec == CodecOpus {
		l.kind = "audio"
	}
	return l
}

// agreed takes payload type and extensions from the answer.
func (u *publisher) agreed(a *answer, mid string) {
	codec := u.layers[0].plan.codec
	name := map[string]string{CodecVP8: "VP8", CodecH264: "H264", CodecOpus: "OPUS"}[codec]
	pt := a.payloadType[name]
	if pt == 0 {
		pt = map[string]uint8{CodecVP8: ptVP8, CodecH264: ptH264, CodecOpus: ptOpus}[codec]
	}
	for _, l := range u.layers {
		l.pt = pt
		l.wantKey.Store(true)
	}
	u.mid = mid
	if a.twcc[extTWCC] {
		u.extension.twcc = extTWCC
	}
	if len(u.layers) > 1 {
		u.extension.mid, u.extension.rid = extMID, extRID
	}
}

// feedback takes RTCP: PLI, FIR and which layers are reported on.
func (u *publisher) feedback(_ time.Time, compound []byte) {
	r := rtcp.NewReader(compound)
	for {
		p, ok := r.Next()
		if !ok {
			return
		}
		for i := 0; ; i++ {
			b, ok := p.Report(i)
			if !ok {
				break
			}
			for _, l := range u.layers {
				if uint32(b.SSRC) == l.ssrc {
					l.known.Store(true)
				}
			}
		}
		switch {
		case p.IsPLI():
			_, source, _ := p.Feedback()
			u.wantKey(source)
		case p.IsFIR():
			for i := 0; ; i++ {
				source, _, ok := p.FIR(i)
				if !ok {
					break
				}
				u.wantKey(source)
			}
		}
	}
}

func (u *publisher) wantKey(source media.SSRC) {
	for _, l := range u.layers {
		if l.ssrc == uint32(source) || len(u.layers) == 1 {
			l.wantKey.Store(true)
		}
	}
}

// run sends frame after frame until ctx ends. A frame that is late is not skipped: the next ones
// follow at once, as from a camera behind a busy encoder.
func (u *publisher) run(ctx context.Context) {
	interval := u.layers[0].plan.interval
	timer := time.NewTimer(0)
	defer timer.Stop()
	// Publishers that began together do not send together.
	start, lastReport := time.Now().Add(time.Duration(rand.Int64N(int64(interval)))), time.Time{}
	for frame := 0; ; frame++ {
		timer.Reset(time.Until(start.Add(time.Duration(frame) * interval)))
		select {
		case <-ctx.Done():
			return
		case now := <-timer.C:
			if now.Sub(lastReport) > time.Second {
				lastReport = now
				u.report(now)
				u.t.consent()
			}
			for _, l := range u.layers {
				u.frame(now, l, frame)
			}
		}
	}
}

func (u *publisher) frame(now time.Time, l *outgoing, number int) {
	key := l.wantKey.CompareAndSwap(true, false) || now.Sub(l.lastKey) > keyframeEvery
	if key {
		l.lastKey = now
		u.keyframes.Add(1)
	}
	u.sizes = l.plan.frame(number, key, u.sizes[:0])
	for i, size := range u.sizes {
		if u.send(l, i, len(u.sizes), size, key, uint16(number)) {
			l.seq++
			l.packets++
			l.octets += uint32(size)
		}
	}
	l.timestamp += l.plan.ticks
}

// send sends packet i of n of a frame; false when the socket's queue is full: the numbers go to the next.
func (u *publisher) send(l *outgoing, i, n, size int, key bool, frame uint16) bool {
	b := u.packet
	b[0], b[1] = 0x80, l.pt
	if i == n-1 && l.plan.codec != CodecOpus {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], l.seq)
	binary.BigEndian.PutUint32(b[4:], l.timestamp)
	binary.BigEndian.PutUint32(b[8:], l.ssrc)
	head := 12 + u.extend(l)
	if head > 12 {
		b[0] |= 0x10
	}
	payload := b[head : head+size]
	l.plan.head(payload, i, n, key, frame)
	now := time.Now().UnixNano()
	stamp{u.id, l.plan.layer, u.sent.Load(), now}.put(payload)
	if u.t.sendRTP(b[:head+size]) != nil {
		return false
	}
	u.sent.Add(1)
	if u.window.holds(now) {
		u.inWindow.Add(1)
	}
	return true
}

// extend writes the one-byte header extensions (RFC 8285 §4.2) and returns their length.
func (u *publisher) extend(l *outgoing) int {
	x := u.packet[12:]
	n := 4
	if u.extension.twcc != 0 {
		x[n], x[n+1], x[n+2] = u.extension.twcc<<4|1, byte(u.sent.Load()>>8), byte(u.sent.Load())
		n += 3
	}
	if u.extension.rid != 0 && !l.known.Load() {
		for _, e := range []struct {
			id    uint8
			value string
		}{{u.extension.mid, u.mid}, {u.extension.rid, layerNames[l.plan.layer]}} {
			x[n] = e.id<<4 | uint8(len(e.value)-1)
			n += 1 + copy(x[n+1:], e.value)
		}
	}
	if n == 4 {
		return 0
	}
	for n%4 != 0 {
		x[n] = 0
		n++
	}
	binary.BigEndian.PutUint16(x, 0xbede)
	binary.BigEndian.PutUint16(x[2:], uint16(n/4-1))
	return n
}

// report sends a sender report for each layer (RFC 3550 §6.4.1): servers map timestamps with it.
func (u *publisher) report(now time.Time) {
	ns := now.UnixNano()
	for _, l := range u.layers {
		b := rtcp.AppendSR(nil, rtcp.SenderInfo{
			SSRC: media.SSRC(l.ssrc), RTP: media.Ticks(l.timestamp), Packets: l.packets, Octets: l.octets,
			NTP: media.NTP(uint64(ns/1e9+2208988800)<<32 | uint64(ns%1e9)<<32/1e9),
		})
		_ = u.t.sendRTCP(rtcp.AppendCNAME(b, media.SSRC(l.ssrc), "bench")) // the next second brings another
	}
}

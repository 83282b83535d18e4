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

// publisher sends video-shaped RTP. One goroutine runs it.
type publisher struct {
	t    *transport
	id   uint32
	plan plan
	ssrc uint32
	pt   uint8
	twcc uint8 // extension id, 0 when not agreed

	window    *window
	sent      atomic.Uint64 // packets
	inWindow  atomic.Uint64 // of them in the window
	keyframes atomic.Uint64
	wantKey   atomic.Bool
}

func newPublisher(t *transport, id uint32, p plan, w *window) *publisher {
	u := &publisher{t: t, id: id, plan: p, window: w, ssrc: rand.Uint32() | 1}
	t.onRTCP = u.feedback
	return u
}

// agreed takes payload type and extension from the answer.
func (u *publisher) agreed(a *answer) {
	name := map[string]string{CodecVP8: "VP8", CodecH264: "H264", CodecOpus: "OPUS"}[u.plan.codec]
	u.pt = a.payloadType[name]
	if u.pt == 0 {
		u.pt = map[string]uint8{CodecVP8: ptVP8, CodecH264: ptH264, CodecOpus: ptOpus}[u.plan.codec]
	}
	if a.twcc[extTWCC] {
		u.twcc = extTWCC
	}
	u.wantKey.Store(true)
}

// feedback takes RTCP: only PLI and FIR are of interest.
func (u *publisher) feedback(b []byte) {
	in := u.t.in.Load()
	if in == nil {
		return
	}
	plain, err := in.DecryptRTCP(nil, b, nil)
	if err != nil {
		return
	}
	r := rtcp.NewReader(plain)
	for {
		p, ok := r.Next()
		if !ok {
			return
		}
		if p.IsPLI() || p.IsFIR() {
			u.wantKey.Store(true)
		}
	}
}

// run sends frame after frame until ctx ends. A frame that is late is not skipped: the next ones
// follow at once, as from a camera behind a busy encoder.
func (u *publisher) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	packet := make([]byte, 20+u.plan.size)
	timestamp, seq := rand.Uint32(), uint16(rand.Uint32())
	start, lastKey, lastReport := time.Now(), time.Now(), time.Time{}
	for frame := 0; ; frame++ {
		timer.Reset(time.Until(start.Add(time.Duration(frame) * u.plan.interval)))
		select {
		case <-ctx.Done():
			return
		case now := <-timer.C:
			key := u.wantKey.CompareAndSwap(true, false) || now.Sub(lastKey) > keyframeEvery
			if key {
				lastKey = now
				u.keyframes.Add(1)
			}
			if now.Sub(lastReport) > time.Second {
				lastReport = now
				u.report(now, timestamp)
				u.t.consent()
			}
			for i := range u.plan.packets {
				if u.send(packet, i, key, uint16(frame), timestamp, seq) {
					seq++
				}
			}
			timestamp += u.plan.ticks
		}
	}
}

// send sends packet i of a frame; false when the socket's queue is full: the numbers go to the next.
func (u *publisher) send(b []byte, i int, key bool, frame uint16, timestamp uint32, seq uint16) bool {
	n := u.plan.packets
	b[0], b[1] = 0x80, u.pt
	if i == n-1 && u.plan.codec != CodecOpus {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], seq)
	binary.BigEndian.PutUint32(b[4:], timestamp)
	binary.BigEndian.PutUint32(b[8:], u.ssrc)
	payload := b[12:]
	if u.twcc != 0 {
		b[0] |= 0x10 // RFC 8285 §4.2, one-byte header, one extension of two bytes, one of padding
		copy(b[12:], []byte{0xbe, 0xde, 0, 1, u.twcc<<4 | 1, byte(u.sent.Load() >> 8), byte(u.sent.Load()), 0})
		payload = b[20:]
	}
	u.plan.head(payload, i, n, key, frame)
	now := time.Now().UnixNano()
	stamp{u.id, u.sent.Load(), now}.put(payload)
	if u.t.sendRTP(b) != nil {
		return false
	}
	u.sent.Add(1)
	if u.window.holds(now) {
		u.inWindow.Add(1)
	}
	return true
}

// report sends a sender report (RFC 3550 §6.4.1): servers map timestamps with it.
func (u *publisher) report(now time.Time, timestamp uint32) {
	ns := now.UnixNano()
	b := rtcp.AppendSR(nil, rtcp.SenderInfo{
		SSRC: media.SSRC(u.ssrc), RTP: media.Ticks(timestamp), Packets: uint32(u.sent.Load()),
		NTP:    media.NTP(uint64(ns/1e9+2208988800)<<32 | uint64(ns%1e9)<<32/1e9),
		Octets: uint32(u.sent.Load()) * uint32(u.plan.size),
	})
	b = rtcp.AppendCNAME(b, media.SSRC(u.ssrc), "bench")
	_ = u.t.sendRTCP(b) // the next second brings another
}

package egress

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"switchyard/media"
)

// world drives one slot with several sources through switches, losses, reordering and NACKs, and
// checks what must always hold.
type world struct {
	testing.TB
	slot     *Slot
	sources  []*publisher
	feeding  int // index of the source, -1 for none
	now      media.Time
	at       media.Time // capture time
	late     []*media.Packet
	sealed   map[uint64][]byte // by SSRC and SRTP index: what went over the wire
	last     uint64            // newest index of the media stream
	lastTS   media.Ticks
	started  bool
	frames   map[media.Ticks]uint64 // outgoing timestamp: (source, epoch, frame) that has it
	lastSeqs []uint16
	twcc     uint16
	sent     int
	gen      uint32
}

func newWorld(t testing.TB, c Config) *world {
	w := &world{TB: t, slot: New(c), feeding: -1, sealed: map[uint64][]byte{}, frames: map[media.Ticks]uint64{}}
	for i := range 3 {
		u := newPublisher(media.ExtSeq(65000+i*300), media.Ticks(i)<<31, byte('a'+i))
		u.delay = media.Time(i) * 70 * ms
		u.audio = c.Kind == media.Audio
		w.sources = append(w.sources, u)
	}
	return w
}

// seal is SRTP: an index that is sealed twice must be sealed with the same bytes.
func (w *world) seal(ssrc uint32, roc uint32, datagram []byte) {
	key := uint64(ssrc)<<48 | uint64(roc)<<16 | uint64(binary.BigEndian.Uint16(datagram[2:]))
	if _, twice := w.sealed[key]; twice {
		w.Fatalf("SRTP index %x was sealed twice", key)
	}
	w.sealed[key] = bytes.Clone(datagram)
}

func (w *world) write(u *publisher, p *media.Packet) {
	buf := make([]byte, media.MaxDatagram+MaxHeader)
	n, roc, ok := w.slot.Write(w.now, p, buf, w.twcc)
	if !ok {
		return
	}
	w.twcc++
	w.sent++
	datagram := append(buf[:n], w.slot.Payload(p, buf[n:])...)
	w.seal(binary.BigEndian.Uint32(datagram[8:]), roc, datagram)
	w.slot.Sealed(datagram)
	seq := binary.BigEndian.Uint16(datagram[2:])
	ts := media.Ticks(binary.BigEndian.Uint32(datagram[4:]))
	index := uint64(roc)<<16 | uint64(seq)
	w.lastSeqs = append(w.lastSeqs, seq)
	if index > w.last && w.started && index > w.last+maxGap {
		w.Fatalf("the index jumps from %x to %x", w.last, index)
	}
	frame := uint64(u.mark)<<40 | uint64(p.Epoch)<<32 | uint64(p.Timestamp)
	switch owner, known := w.frames[ts]; {
	case !w.started || index > w.last && ts.After(w.lastTS):
	case index > w.last && ts != w.lastTS:
		w.Fatalf("time goes back by %d ticks", w.lastTS-ts)
	case known && owner != frame:
		w.Fatalf("two frames at %d", ts)
	}
	w.frames[ts] = frame
	if !w.started || index > w.last {
		w.last, w.lastTS, w.started = index, ts, true
	}
}

func (w *world) nack(seq uint16) {
	buf := make([]byte, media.MaxDatagram+MaxHeader)
	res, ok := w.slot.OnNACK(w.now, seq, buf, w.twcc)
	switch {
	case !ok:
	case res.Sealed != nil:
		for _, d := range w.sealed {
			if bytes.Equal(d, res.Sealed) {
				return
			}
		}
		w.Fatal("repeated what was never sent")
	default:
		w.twcc++
		datagram := buf[:res.HeaderLen+res.PayloadLen]
		w.seal(binary.BigEndian.Uint32(datagram[8:]), res.ROC, datagram)
	}
}

// publish makes a frame at every source; the fed one's packets go through fate, bit by bit.
func (w *world) publish(packets int, key bool, fate byte) {
	w.at += 33 * ms
	for i, u := range w.sources {
		ps := u.frame(w.at, packets, key)
		if u.audio { // silence, what RED cannot hold, and RED
			for j, p := range ps {
				p.Payload = p.Data[:[]int{2, 40, 300, 700, 1023, 1024, 1400}[(int(fate)+j)%7]]
				p.RED = fate%5 == 0 && copy(p.Payload, "\xef\x0f\x00\x01\x6f\x01\x78\x09") == 8
			}
		}
		if i != w.feeding {
			continue
		}
		w.now = max(w.now, w.at+u.delay)
		for j, p := range ps {
			switch fate >> (2 * j % 8) & 3 {
			case 1:
				if len(w.late) < 50 {
					w.late = append(w.late, p)
				}
			case 2:
				w.write(u, p)
				w.write(u, p)
			default:
				w.write(u, p)
			}
		}
	}
}

func (w *world) step(op, arg byte) {
	switch op % 12 {
	case 0:
		w.feeding = int(arg) % len(w.sources)
		u := w.sources[w.feeding]
		src := Source{Formats: []media.Format{vp8Format}}
		if u.audio {
			src.Formats[0] = opusFormat
		}
		if arg >= 0xc0 { // it is said to be in another format than it comes in
			src.Current = av1Format
		}
		w.gen++
		span := w.slot.Switch(w.now, src, w.gen, &Rings{u.ring})
		for s := span.First; span.Any && s <= span.Last; s++ {
			if p := u.ring.Get(s); p != nil {
				w.write(u, p)
			}
		}
		w.late = w.late[:0]
	case 1:
		w.publish(1+int(arg%5), true, arg)
	case 2: // a late one arrives
		if n := len(w.late); n > 0 && w.feeding >= 0 {
			i := int(arg) % n
			w.write(w.sources[w.feeding], w.late[i])
		}
	case 3, 4:
		if n := len(w.lastSeqs); n > 0 {
			w.nack(w.lastSeqs[max(0, n-1-int(arg))])
		}
	case 5: // a layer changes, or the publisher restarts
		if u := w.sources[int(arg)%len(w.sources)]; w.feeding < 0 || u != w.sources[w.feeding] || arg%8 == 0 {
			u.epoch++
			u.seq += media.ExtSeq(arg) * 900
			u.ts += media.Ticks(arg) << 24
		}
	case 6:
		w.now += media.Time(arg) * 4 * ms
		w.at = max(w.at, w.now-100*ms)
	case 7:
		if w.feeding >= 0 { // numbers run ahead: a long loss
			w.sources[w.feeding].seq += media.ExtSeq(arg) * 8
		}
	case 8:
		if arg%16 == 0 {
			w.slot.Clear()
			w.feeding = -1
			w.late = w.late[:0]
		}
	default:
		w.publish(1+int(arg%4), false, arg)
	}
}

func configs() []Config {
	repeat := videoConfig
	repeat.RTXSSRC = 0
	repaired := audioConfig
	repaired.RTXSSRC = 0x4444
	repaired.Formats = []Format{{PT: 111, RED: 63, RTX: 112, NACK: true, Format: opusFormat}}
	return []Config{videoConfig, repeat, audioConfig, repaired}
}

// FuzzSlot: whatever happens, no SRTP index is sealed twice, sequence numbers do not run away, and
// no frame is earlier than the one before.
func FuzzSlot(f *testing.F) {
	f.Add(uint8(0), []byte{0, 0, 1, 3, 9, 0, 9, 1, 2, 0, 3, 0, 0, 1, 1, 2, 9, 0, 3, 4, 0, 2, 9, 0, 1, 0, 9, 6})
	f.Add(uint8(0), []byte{0, 0xc0, 9, 0, 1, 0, 9, 1, 0, 0xc4, 1, 0, 3, 0})
	f.Add(uint8(1), []byte{0, 1, 1, 0, 9, 0, 3, 0, 3, 1, 6, 9, 3, 0, 5, 8, 1, 1, 9, 1, 2, 0, 2, 0})
	f.Add(uint8(2), []byte{0, 0, 9, 0, 9, 0, 0, 2, 9, 0, 9, 1, 9, 0, 9, 0, 9, 0, 2, 0, 0, 1, 9, 0})
	f.Add(uint8(3), []byte{0, 0, 9, 1, 9, 2, 3, 0, 9, 8, 9, 15, 9, 0, 3, 0, 3, 1, 2, 0, 0, 1, 9, 0, 9, 21, 3, 0})
	f.Fuzz(func(t *testing.T, config uint8, script []byte) {
		w := newWorld(t, configs()[config%4])
		for i := 0; i+1 < len(script) && i < 4000; i += 2 {
			w.step(script[i], script[i+1])
		}
	})
}

// TestRandomLife is FuzzSlot's run that every test run makes: long lives with fixed seeds.
func TestRandomLife(t *testing.T) {
	for i, c := range configs() {
		for seed := range uint64(10) {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			w := newWorld(t, c)
			for range 4000 {
				op := byte(9 + rng.IntN(3))
				if rng.IntN(4) == 0 {
					op = byte(rng.IntN(12))
				}
				w.step(op, byte(rng.Uint32()))
			}
			if w.sent < 1000 {
				t.Errorf("config %d, seed %d: only %d packets", i, seed, w.sent)
			}
		}
	}
}

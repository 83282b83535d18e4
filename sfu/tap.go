package sfu

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"switchyard/media"
)

// A tap copies what passes over one link, for reading when something freezes: the packets, decrypted,
// in the rtpdump format that Wireshark and rtptools read, and the link's events as JSON lines. By
// default only headers are kept, so that nobody's voice or picture lands on a disk.

// TapOptions say where a tap writes and what it keeps. A writer that is an io.Closer is closed at the
// end; a writer may block: the tap drops and counts what it cannot take.
type TapOptions struct {
	Packets io.Writer // rtpdump; nil keeps none
	Events  io.Writer // a JSON object per line; nil keeps none
	Payload bool      // whole packets, not headers only
}

// ErrTapped is returned where a link has a tap already.
var ErrTapped = errors.New("sfu: the link has a debug tap already")

// tapQueue is how many records may wait for the writers; what comes then is dropped, and the event log
// says how many in all were.
const tapQueue = 1024

// tapHeader is how much of an RTP packet is kept without its payload: the longest header that we read.
const tapHeader = 64

type tap struct {
	options TapOptions
	log     *slog.Logger
	start   media.Time
	wall    time.Time // of start
	queue   chan tapRecord
	dropped atomic.Uint64
}

// tapRecord is a packet or an event.
type tapRecord struct {
	at    media.Time
	event string // "" for a packet
	full  uint16 // the packet's length in clear; 0 for RTCP, as rtpdump has it
	data  []byte // the packet, or the event's details as JSON
}

// Tap records the link until Untap or its end.
func (l *Link) Tap(o TapOptions) error {
	t := &tap{options: o, log: l.log, queue: make(chan tapRecord, tapQueue)}
	err := ErrClosed
	ok := l.call(func() {
		switch {
		case l.ended:
		case l.tap != nil:
			err = ErrTapped
		default:
			err = nil
			t.start = l.shard.clock.Now()
			t.wall = l.shard.clock.Wall(t.start)
			l.tap = t
			l.peer.SetTap(t.packet)
		}
	})
	if !ok || err != nil {
		return err
	}
	l.log.Info("debug tap on", "payload", o.Payload)
	go t.write() // ends when untap closes the queue
	return nil
}

// Untap ends the tap, if there is one.
func (l *Link) Untap() { l.post(l.untap) }

func (l *Link) untap() {
	if l.tap != nil {
		l.peer.SetTap(nil)
		close(l.tap.queue)
		l.tap = nil
	}
}

// packet runs on the shard.
func (t *tap) packet(now media.Time, _ bool, b []byte) {
	if len(b) < 2 || t.options.Packets == nil {
		return
	}
	full, keep := uint16(len(b)), len(b)
	if isRTCP := b[1] >= 192 && b[1] <= 223; isRTCP {
		full = 0
	} else if !t.options.Payload {
		keep = min(keep, tapHeader)
	}
	t.put(tapRecord{at: now, full: full, data: append([]byte(nil), b[:keep]...)})
}

// event runs on the shard.
func (t *tap) event(now media.Time, e Event) {
	if t == nil || t.options.Events == nil {
		return
	}
	details, err := json.Marshal(detailsOf(e))
	if err != nil {
		details = []byte("null")
	}
	t.put(tapRecord{at: now, event: fmt.Sprintf("%T", e), data: details})
}

// detailsOf returns what of an event may be written down: no pointers, and no user's data.
func detailsOf(e Event) any {
	switch e := e.(type) {
	case TrackStarted:
		return map[string]any{"track": e.Track.ID, "mid": e.Track.MID, "codec": e.Format.Codec.String(), "width": e.Width, "height": e.Height}
	case TrackWanted:
		return map[string]any{"track": e.Track.ID, "mid": e.Track.MID, "any": e.Any, "rids": e.RIDs}
	case TrackLevel:
		return map[string]any{"track": e.Track.ID, "level": e.Level, "voice": e.Voice}
	case Data:
		return map[string]any{"label": e.Label, "bytes": len(e.Payload)}
	case Closed:
		if e.Err != nil {
			return map[string]any{"error": e.Err.Error()}
		}
	}
	return e
}

func (t *tap) put(r tapRecord) {
	select {
	case t.queue <- r:
	default:
		t.dropped.Add(1)
	}
}

// write is the tap's goroutine: it may block on the writers.
func (t *tap) write() {
	packets, events := buffered(t.options.Packets), buffered(t.options.Events)
	writeTapHeader(packets, t.wall)
	told := uint64(0)
	for r := range t.queue {
		if n := t.dropped.Load(); n > told {
			told = n
			t.writeEvent(events, tapRecord{at: r.at, event: "sfu.TapDropped", data: fmt.Appendf(nil, `{"records":%d}`, n)})
		}
		if r.event != "" {
			t.writeEvent(events, r)
		} else {
			writeTapPacket(packets, r, r.at.Sub(t.start))
		}
		if len(t.queue) == 0 {
			_, _ = packets.Flush(), events.Flush()
		}
	}
	_, _ = packets.Flush(), events.Flush()
	t.log.Info("debug tap off", "dropped", t.dropped.Load())
	for _, w := range []io.Writer{t.options.Packets, t.options.Events} {
		if c, ok := w.(io.Closer); ok {
			_ = c.Close()
		}
	}
}

func (t *tap) writeEvent(w io.Writer, r tapRecord) {
	at := t.wall.Add(r.at.Sub(t.start)).UTC().Format(time.RFC3339Nano)
	fmt.Fprintf(w, "{\"at\":%q,\"event\":%q,\"details\":%s}\n", at, r.event, r.data)
}

func buffered(w io.Writer) *bufio.Writer {
	if w == nil {
		w = io.Discard
	}
	return bufio.NewWriter(w)
}

func writeTapHeader(w *bufio.Writer, start time.Time) {
	_, _ = w.WriteString("#!rtpplay1.0 0.0.0.0/0\n")
	var b [16]byte // start in s and µs, source address and port, padding
	binary.BigEndian.PutUint32(b[0:], uint32(start.Unix()))
	binary.BigEndian.PutUint32(b[4:], uint32(start.Nanosecond()/1000))
	_, _ = w.Write(b[:])
}

func writeTapPacket(w *bufio.Writer, r tapRecord, since time.Duration) {
	var b [8]byte // length with this header, length of the packet, ms since the start
	binary.BigEndian.PutUint16(b[0:], uint16(8+len(r.data)))
	binary.BigEndian.PutUint16(b[2:], r.full)
	binary.BigEndian.PutUint32(b[4:], uint32(since.Milliseconds()))
	_, _ = w.Write(b[:])
	_, _ = w.Write(r.data)
}

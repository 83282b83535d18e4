package sfu

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"switchyard/media"
)

// A tap writes the packets of one link, decrypted, in the rtpdump format that Wireshark and rtptools
// read: a line, a file header, then packets with their length and time in milliseconds. By default
// only headers are kept, so that nobody's voice or picture lands on a disk.

// TapOptions say what a tap keeps.
type TapOptions struct {
	Payload bool // whole packets, not headers only
}

// ErrTapped is returned where a link has a tap already.
var ErrTapped = errors.New("sfu: the link has a debug tap already")

// tapQueue is how many packets may wait for the writer; what comes then is dropped and counted.
const tapQueue = 1024

// tapHeader is how much of a packet is kept without its payload: the longest header that we read.
const tapHeader = 64

type tap struct {
	start   media.Time
	payload bool
	queue   chan tapPacket
	dropped atomic.Uint64
}

type tapPacket struct {
	at   media.Time
	full uint16 // length on the wire, without SRTP tag; 0 for RTCP, as rtpdump has it
	data []byte
}

// Tap copies every RTP and RTCP packet of the link to w until Untap or the link's end; then, if w is
// an io.Closer, it is closed. w may block: the tap drops and counts what it cannot take.
func (l *Link) Tap(w io.Writer, o TapOptions) error {
	t := &tap{payload: o.Payload, queue: make(chan tapPacket, tapQueue)}
	err := ErrClosed
	ok := l.shard.call(func() {
		switch {
		case l.ended:
		case l.tap != nil:
			err = ErrTapped
		default:
			err = nil
			t.start = l.shard.clock.Now()
			l.tap = t
			l.peer.SetTap(t.packet)
		}
	})
	if !ok || err != nil {
		return err
	}
	l.log.Info("debug tap on", "payload", o.Payload)
	go t.write(w, l.shard.clock.Wall(t.start)) // ends when untap closes the queue
	return nil
}

// Untap ends the tap, if there is one.
func (l *Link) Untap() {
	l.shard.post(l.untap)
}

func (l *Link) untap() {
	if l.tap != nil {
		l.peer.SetTap(nil)
		close(l.tap.queue)
		l.tap = nil
	}
}

// packet runs on the shard.
func (t *tap) packet(now media.Time, _ bool, b []byte) {
	if len(b) < 2 {
		return
	}
	full := uint16(len(b))
	keep := len(b)
	if rtcp := b[1] >= 192 && b[1] <= 223; rtcp {
		full = 0
	} else if !t.payload {
		keep = min(keep, tapHeader)
	}
	select {
	case t.queue <- tapPacket{now, full, append([]byte(nil), b[:keep]...)}:
	default:
		t.dropped.Add(1)
	}
}

func (t *tap) write(w io.Writer, start time.Time) {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "#!rtpplay1.0 0.0.0.0/0\n")
	var head [16]byte
	binary.BigEndian.PutUint32(head[0:], uint32(start.Unix()))
	binary.BigEndian.PutUint32(head[4:], uint32(start.Nanosecond()/1000))
	out.Write(head[:])
	for p := range t.queue {
		var h [8]byte
		binary.BigEndian.PutUint16(h[0:], uint16(8+len(p.data)))
		binary.BigEndian.PutUint16(h[2:], p.full)
		binary.BigEndian.PutUint32(h[4:], uint32(p.at.Sub(t.start).Milliseconds()))
		out.Write(h[:])
		out.Write(p.data)
		if len(t.queue) == 0 {
			out.Flush()
		}
	}
	out.Flush()
	if c, ok := w.(io.Closer); ok {
		_ = c.Close()
	}
}

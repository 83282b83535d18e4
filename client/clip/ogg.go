package clip

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"switchyard/media"
)

const oggPageHeader = 27 // bytes before the segment table (RFC 3533 §6)

// readOgg takes the Opus packets of an Ogg file (RFC 7845) into memory. Of several streams in the
// file the first is taken.
func readOgg(r io.Reader) (*Stream, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	o := oggReader{s: &Stream{Codec: media.Opus}}
	for {
		err := o.page(in)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	if o.packets < 2 {
		return nil, fmt.Errorf("%w: Ogg without Opus headers", ErrDamaged)
	}
	o.s.data = memory(o.data)
	o.s.Length = o.at
	return o.s, nil
}

// oggReader joins the segments of pages to packets.
type oggReader struct {
	s       *Stream
	serial  uint32
	started bool
	packets int // finished ones, with the two headers
	data    []byte
	start   int // of the unfinished packet in data
	at      time.Duration
}

func (o *oggReader) page(in *bufio.Reader) error {
	var h [oggPageHeader]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return io.EOF // a file cut short plays up to there
	}
	if string(h[:4]) != "OggS" || h[4] != 0 {
		return fmt.Errorf("%w: Ogg page", ErrDamaged)
	}
	var table [255]byte
	segments := table[:h[26]]
	if _, err := io.ReadFull(in, segments); err != nil {
		return io.EOF
	}
	serial := binary.LittleEndian.Uint32(h[14:])
	if !o.started {
		o.serial, o.started = serial, true
	}
	if serial == o.serial && h[5]&1 == 0 {
		o.data = o.data[:o.start] // not a continuation: what was unfinished is lost
	}
	for _, size := range segments {
		if serial != o.serial {
			if _, err := in.Discard(int(size)); err != nil {
				return io.EOF
			}
			continue
		}
		if err := o.segment(in, int(size)); err != nil {
			return err
		}
	}
	return nil
}

func (o *oggReader) segment(in *bufio.Reader, size int) error {
	n := len(o.data)
	if n-o.start > maxFrame {
		return ErrTooLarge
	}
	o.data = append(o.data, make([]byte, size)...)
	if _, err := io.ReadFull(in, o.data[n:]); err != nil {
		o.data = o.data[:n]
		return io.EOF
	}
	if size == 255 {
		return nil // the packet goes on (lacing, RFC 3533 §5)
	}
	return o.packet()
}

// packet ends a packet: the first is OpusHead, the second OpusTags (RFC 7845 §3).
func (o *oggReader) packet() error {
	b := o.data[o.start:]
	o.packets++
	if o.packets <= 2 {
		if want := []string{"OpusHead", "OpusTags"}[o.packets-1]; len(b) < 8 || string(b[:8]) != want {
			return fmt.Errorf("clip: Ogg without %s: only Opus is known", want)
		}
		o.data = o.data[:o.start]
		return nil
	}
	d := opusDuration(b)
	if d == 0 {
		o.data = o.data[:o.start]
		return nil
	}
	o.s.frames = append(o.s.frames, frame{offset: int64(o.start), size: int32(len(b)), key: true, at: o.at})
	o.at += d
	o.start = len(o.data)
	return nil
}

// opusDuration is the length of an Opus packet by its TOC byte (RFC 6716 §3.1), 0 when malformed.
func opusDuration(b []byte) time.Duration {
	if len(b) == 0 {
		return 0
	}
	var frame time.Duration
	switch config := b[0] >> 3; {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = [4]time.Duration{10, 20, 40, 60}[config&3] * time.Millisecond
	case config < 16: // hybrid: 10, 20 ms
		frame = [2]time.Duration{10, 20}[config&1] * time.Millisecond
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = 2500 * time.Microsecond << (config & 3)
	}
	switch b[0] & 3 {
	case 0:
		return frame
	case 1, 2:
		return 2 * frame
	}
	if len(b) < 2 {
		return 0
	}
	d := time.Duration(b[1]&63) * frame
	if d > 120*time.Millisecond {
		return 0
	}
	return d
}

package clip

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"switchyard/media"
)

var fourCC = map[string]media.Codec{"VP80": media.VP8, "VP90": media.VP9, "AV01": media.AV1}

const (
	ivfHeader      = 32 // bytes of the file's header, without extensions
	ivfFrameHeader = 12 // size (4, little endian) and timestamp (8)
	peekFrame      = 64 // bytes of a frame that tell a keyframe
)

// readIVF indexes an IVF file.
func readIVF(r *io.SectionReader) (*Stream, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	var h [ivfHeader]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return nil, fmt.Errorf("%w: IVF header: %w", ErrDamaged, err)
	}
	codec, ok := fourCC[string(h[8:12])]
	if !ok {
		return nil, fmt.Errorf("clip: IVF with codec %q: VP80, VP90 and AV01 are known", h[8:12])
	}
	rate, scale := binary.LittleEndian.Uint32(h[16:]), binary.LittleEndian.Uint32(h[20:])
	offset := int64(binary.LittleEndian.Uint16(h[6:]))
	if rate == 0 || scale == 0 || offset < ivfHeader {
		return nil, fmt.Errorf("%w: IVF header", ErrDamaged)
	}
	if _, err := in.Discard(int(offset) - ivfHeader); err != nil {
		return nil, fmt.Errorf("%w: IVF header: %w", ErrDamaged, err)
	}
	s := &Stream{
		Codec: codec, data: r,
		Width: int(binary.LittleEndian.Uint16(h[12:])), Height: int(binary.LittleEndian.Uint16(h[14:])),
	}
	unit := float64(scale) / float64(rate) * float64(time.Second)
	for {
		f, err := s.readIVFFrame(in, offset, unit)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
		s.frames = append(s.frames, f)
		offset = f.offset + int64(f.size)
	}
	s.close(0)
	return s, nil
}

func (s *Stream) readIVFFrame(in *bufio.Reader, offset int64, unit float64) (frame, error) {
	var h [ivfFrameHeader]byte
	if _, err := io.ReadFull(in, h[:]); err != nil {
		return frame{}, io.EOF // a file cut short plays up to there
	}
	size := binary.LittleEndian.Uint32(h[:])
	if size > maxFrame {
		return frame{}, ErrTooLarge
	}
	at := float64(binary.LittleEndian.Uint64(h[4:])) * unit
	if at > math.MaxInt64/4 || len(s.frames) > 0 && time.Duration(at) <= s.frames[len(s.frames)-1].at {
		return frame{}, fmt.Errorf("%w: timestamps of IVF frames do not grow", ErrDamaged)
	}
	f := frame{offset: offset + ivfFrameHeader, size: int32(size), at: time.Duration(math.Round(at))}
	start, _ := in.Peek(int(min(size, peekFrame)))
	f.key = keyframe(s.Codec, start)
	if n, _ := in.Discard(int(size)); n < int(size) {
		return frame{}, io.EOF
	}
	return f, nil
}

// close ends the index: it moves the first frame to 0 and takes the last frame's length to be last,
// or without one the mean of the others.
func (s *Stream) close(last time.Duration) {
	n := len(s.frames)
	if n == 0 {
		return
	}
	first := s.frames[0].at
	for i := range s.frames {
		s.frames[i].at -= first
	}
	end := s.frames[n-1].at
	switch {
	case last > 0:
	case n > 1:
		last = time.Duration(math.Round(float64(end) / float64(n-1)))
	default:
		last = 40 * time.Millisecond
	}
	s.Length = end + last
}

// keyframe tells by the first bytes of a frame whether a decoder can start with it.
func keyframe(c media.Codec, b []byte) bool {
	if len(b) == 0 {
		return false
	}
	switch c {
	case media.VP8: // RFC 6386 §9.1: the lowest bit is 0 on key frames
		return b[0]&1 == 0
	case media.VP9:
		return vp9Keyframe(b[0])
	case media.AV1:
		return av1Keyframe(b)
	}
	return false
}

// vp9Keyframe reads the start of the uncompressed header (VP9 bitstream specification §6.2).
func vp9Keyframe(b byte) bool {
	if b>>6 != 2 { // frame_marker
		return false
	}
	shift := 3 // of show_existing_frame, after two bits of profile
	if b>>4&3 == 3 {
		shift-- // a reserved bit follows profile 3
	}
	return b>>shift&1 == 0 && b>>(shift-1)&1 == 0 // frame_type 0: key
}

// av1Keyframe looks for a sequence header among the first OBUs (AV1 specification §5.3): encoders
// repeat it at each key frame, and RTP receivers need it there.
func av1Keyframe(b []byte) bool {
	for len(b) > 0 {
		kind, extension, sized := b[0]>>3&15, b[0]>>2&1 == 1, b[0]>>1&1 == 1
		if kind == 1 {
			return true
		}
		b = b[1:]
		if extension && len(b) > 0 {
			b = b[1:]
		}
		if !sized {
			return false
		}
		size, n := binary.Uvarint(b) // leb128, as protobuf's varint
		if n <= 0 || size > uint64(len(b)-n) {
			return false
		}
		b = b[n+int(size):]
	}
	return false
}

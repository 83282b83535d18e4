// Package clip plays prepared media: built-in test clips and IVF, Ogg Opus and H.264 Annex B files,
// paced by their timestamps, in a loop, as tracks that pion/webrtc sends. Nothing is encoded.
package clip

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"switchyard/media"
)

// The errors of reading a file.
var (
	ErrFormat   = errors.New("clip: neither IVF (VP8, VP9, AV1) nor Ogg Opus nor H.264 Annex B")
	ErrDamaged  = errors.New("clip: damaged file")
	ErrTooLarge = errors.New("clip: frame over 16 MiB")
)

const maxFrame = 16 << 20 // bytes

// Clip is up to one picture and one sound that play together.
type Clip struct {
	Video, Audio *Stream // either may be nil
	// Lower are smaller encodings of Video for simulcast, the smallest first: of the same frames, with
	// keyframes at the same times.
	Lower []*Stream

	files  []io.Closer
	layers bool // several pictures may come
}

// Stream is the frames of one codec. The frames stay in the file; the index is in memory.
type Stream struct {
	Codec         media.Codec
	Width, Height int // pixels, 0 when not known
	Length        time.Duration

	data   io.ReaderAt
	frames []frame
	level  func(at time.Duration) (level uint8, voice bool) // nil when not known
}

// frame is one picture or one Opus packet.
type frame struct {
	offset int64
	size   int32
	key    bool
	at     time.Duration // from the start of the clip
}

// Options say what a file does not.
type Options struct {
	// FPS is the frame rate of H.264 Annex B, which carries none; 30 when 0.
	FPS float64
	// Layers takes several pictures as the encodings of one.
	Layers bool
}

// OpenFiles returns a clip of one or two files: a picture, a sound, or both; with layers of up to three
// pictures.
func OpenFiles(o Options, paths ...string) (*Clip, error) {
	c := &Clip{layers: o.Layers}
	for _, path := range paths {
		if err := c.open(o, path); err != nil {
			c.Close()
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	}
	if err := c.arrange(); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Clip) open(o Options, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	c.files = append(c.files, f)
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return c.add(o, f, info.Size())
}

// Close closes the files. A clip that plays must be stopped first.
func (c *Clip) Close() error {
	var errs []error
	for _, f := range c.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Length is how long the clip plays before it starts again.
func (c *Clip) Length() time.Duration {
	var d time.Duration
	for _, s := range []*Stream{c.Video, c.Audio} {
		if s != nil {
			d = max(d, s.Length)
		}
	}
	return d
}

// add recognises a file by its first bytes and takes it as the clip's picture or sound.
func (c *Clip) add(o Options, data io.ReaderAt, size int64) error {
	var head [4]byte
	if _, err := data.ReadAt(head[:], 0); err != nil {
		return ErrFormat
	}
	r := io.NewSectionReader(data, 0, size)
	switch {
	case string(head[:]) == "DKIF":
		return c.set(readIVF(r))
	case string(head[:]) == "OggS":
		return c.set(readOgg(r))
	case head[0] == 0 && head[1] == 0 && (head[2] == 1 || head[2] == 0 && head[3] == 1):
		return c.set(readAnnexB(r, o.FPS))
	}
	return ErrFormat
}

func (c *Clip) set(s *Stream, err error) error {
	if err != nil {
		return err
	}
	if len(s.frames) == 0 {
		return fmt.Errorf("%w: no frames", ErrDamaged)
	}
	at := &c.Video
	if s.Codec.Kind() == media.Audio {
		at = &c.Audio
	}
	if c.layers && *at != nil && *at == c.Video {
		c.Lower = append(c.Lower, s)
		return nil
	}
	if *at != nil {
		return errors.New("clip: one picture and one sound at most")
	}
	*at = s
	return nil
}

// cut drops what lies after d.
func (s *Stream) cut(d time.Duration) {
	for len(s.frames) > 0 && s.frames[len(s.frames)-1].at >= d {
		s.frames = s.frames[:len(s.frames)-1]
	}
	s.Length = min(s.Length, d)
}

// repeat plays s again and again until it is at least as long as d.
func (s *Stream) repeat(d time.Duration) {
	once, length := s.frames, s.Length
	for s.Length < d {
		for _, f := range once {
			f.at += s.Length
			s.frames = append(s.frames, f)
		}
		s.Length += length
	}
	if level := s.level; level != nil {
		s.level = func(at time.Duration) (uint8, bool) { return level(at % length) }
	}
}

// nearestKey returns the index of the keyframe that is nearest in time to frame i, -1 without any.
func (s *Stream) nearestKey(i int) int {
	best, distance := -1, time.Duration(math.MaxInt64)
	for step := range len(s.frames) {
		for _, k := range [2]int{i + step, i - step} {
			if k < 0 || k >= len(s.frames) || !s.frames[k].key {
				continue
			}
			if d := (s.frames[k].at - s.frames[i].at).Abs(); d < distance {
				best, distance = k, d
			}
		}
		if best >= 0 {
			break
		}
	}
	return best
}

// read returns the bytes of frame i in buf, which it grows as needed.
func (s *Stream) read(i int, buf []byte) ([]byte, error) {
	f := s.frames[i]
	if cap(buf) < int(f.size) {
		buf = make([]byte, f.size, int(f.size)*3/2)
	}
	buf = buf[:f.size]
	if n, err := s.data.ReadAt(buf, f.offset); n < len(buf) {
		return nil, fmt.Errorf("clip: read: %w", err)
	}
	return buf, nil
}

// memory is a file that is held in memory.
type memory []byte

// ReadAt implements io.ReaderAt.
func (m memory) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= int64(len(m)) {
		return 0, io.EOF
	}
	n := copy(b, m[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

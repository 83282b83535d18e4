package clip

import (
	"bufio"
	"io"
	"math"
	"time"

	"switchyard/media"
)

// NAL unit types (ITU-T H.264 table 7-1).
const (
	nalSlice, nalIDR = 1, 5
	nalSEI           = 6
	nalDelimiter     = 9
)

// readAnnexB indexes the access units of an H.264 byte stream (ITU-T H.264 annex B).
func readAnnexB(r *io.SectionReader, fps float64) (*Stream, error) {
	if fps <= 0 {
		fps = 30
	}
	a := annexB{s: &Stream{Codec: media.H264, data: r}, interval: float64(time.Second) / fps, unit: -1}
	in := bufio.NewReaderSize(r, 64<<10)
	zeros, pos := 0, int64(0)
	for {
		b, err := in.ReadByte()
		if err != nil {
			break
		}
		pos++
		switch {
		case b == 0:
			zeros++
			continue
		case b == 1 && zeros >= 2:
			head, _ := in.Peek(2)
			if err := a.nal(pos-1-int64(min(zeros, 3)), head); err != nil {
				return nil, err
			}
		}
		zeros = 0
	}
	if err := a.flush(pos); err != nil {
		return nil, err
	}
	a.s.close(time.Duration(math.Round(a.interval)))
	return a.s, nil
}

// annexB groups NAL units to access units (ITU-T H.264 §7.4.1.2.3).
type annexB struct {
	s        *Stream
	interval float64 // between pictures, in nanoseconds
	unit     int64   // offset of the access unit that is open, -1 without one
	slices   bool    // it holds a coded slice
	key      bool
}

// nal takes the first two bytes of the NAL unit whose start code is at offset.
func (a *annexB) nal(offset int64, head []byte) error {
	if len(head) < 2 {
		return nil
	}
	kind := head[0] & 31
	slice := kind >= nalSlice && kind <= nalIDR
	first := slice && head[1]&0x80 != 0 // first_mb_in_slice is 0
	header := kind >= nalSEI && kind <= nalDelimiter || kind > 13 && kind <= 18
	if a.slices && (first || header) {
		if err := a.flush(offset); err != nil {
			return err
		}
	}
	if a.unit < 0 {
		a.unit = offset
	}
	a.slices = a.slices || slice
	a.key = a.key || kind == nalIDR
	return nil
}

// flush ends the open access unit at offset end.
func (a *annexB) flush(end int64) error {
	if a.unit >= 0 && a.slices {
		if end-a.unit > maxFrame {
			return ErrTooLarge
		}
		at := time.Duration(math.Round(float64(len(a.s.frames)) * a.interval))
		a.s.frames = append(a.s.frames, frame{offset: a.unit, size: int32(end - a.unit), key: a.key, at: at})
	}
	a.unit, a.slices, a.key = -1, false, false
	return nil
}

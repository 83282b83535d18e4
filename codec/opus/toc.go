package opus

import "time"

// TOC is the table-of-contents byte that every Opus packet begins with (RFC 6716 §3.1).
type TOC struct {
	Config uint8 // 0 to 31: mode, bandwidth and frame size
	Stereo bool
	Frames int           // in the packet, 1 to 48
	Frame  time.Duration // of one frame: 2.5 to 60 ms
}

// ParseTOC reads the start of an Opus packet; false when it is empty or cut off.
func ParseTOC(b []byte) (TOC, bool) {
	if len(b) == 0 {
		return TOC{}, false
	}
	t := TOC{Config: b[0] >> 3, Stereo: b[0]&4 != 0}
	switch b[0] & 3 {
	case 0:
		t.Frames = 1
	case 1, 2:
		t.Frames = 2
	case 3:
		if len(b) < 2 {
			return TOC{}, false
		}
		t.Frames = int(b[1] & 0x3f)
	}
	t.Frame = frameSize(t.Config)
	if t.Frames == 0 || t.Duration() > 120*time.Millisecond {
		return TOC{}, false
	}
	return t, true
}

// Duration is the length of the packet's audio.
func (t TOC) Duration() time.Duration { return time.Duration(t.Frames) * t.Frame }

func frameSize(config uint8) time.Duration {
	const ms = time.Millisecond
	switch {
	case config < 12: // SILK
		return [...]time.Duration{10 * ms, 20 * ms, 40 * ms, 60 * ms}[config&3]
	case config < 16: // hybrid
		return [...]time.Duration{10 * ms, 20 * ms}[config&1]
	}
	return [...]time.Duration{ms * 5 / 2, 5 * ms, 10 * ms, 20 * ms}[config&3] // CELT
}

// IsDTX reports whether the Opus packet b stands for silence: no more than a table of contents
// and at most one byte (RFC 7587 §3.1.3).
func IsDTX(b []byte) bool { return len(b) <= 2 }

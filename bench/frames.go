package bench

import (
	"fmt"
	"time"
)

// Codecs of the load.
const (
	CodecVP8  = "vp8"
	CodecH264 = "h264"
	CodecOpus = "opus"
)

// Shape is what the media looks like.
type Shape struct {
	Codec   string // CodecVP8, CodecH264 or CodecOpus
	Bitrate int    // bits per second of RTP packets; with layers, of the highest
	FPS     int    // frames a second; Opus has 50 packets
	Packet  int    // bytes of an RTP packet with header, without SRTP
	// Browser makes frames as a browser's encoder and packetizer do: their sizes vary, a keyframe is three
	// times as large, and a frame is split into equal parts that differ by one byte at most.
	Browser bool
	// Layers is how many simulcast layers a publisher sends, 1 to 3 (VP8 only); 1 when 0. Each has half the
	// width and height and about a third of the rate of the one above.
	Layers int
}

// plan is a Shape, or one layer of it, in packets.
type plan struct {
	codec         string
	interval      time.Duration
	bytes         int    // of the payloads of a frame, on average
	packets       int    // per frame; 0 where that varies
	size          int    // of a payload, or the largest
	ticks         uint32 // of the RTP clock per frame
	width, height int
	layer         uint8 // 0 is the lowest
}

// layerNames are the RIDs of layers, the lowest first.
var layerNames = [3]string{"q", "h", "f"}

const (
	rtpHeader  = 12 + 8 // RTP, and extensions
	minPayload = 100    // room for what heads a payload, and the stamp
)

// plans are those of the layers, the lowest first.
func (s Shape) plans() ([]plan, error) {
	n := max(s.Layers, 1)
	if n > len(layerNames) || n > 1 && s.Codec != CodecVP8 {
		return nil, fmt.Errorf("bench: %d layers of %s: 1 to 3 of VP8 are possible", n, s.Codec)
	}
	list := make([]plan, n)
	width, height := 640, 360
	if n > 1 {
		width, height = 1280, 720
	}
	for i := n - 1; i >= 0; i-- {
		p, err := s.plan()
		if err != nil {
			return nil, err
		}
		p.width, p.height, p.layer = width, height, uint8(i)
		list[i] = p
		s.Bitrate, width, height = s.Bitrate*3/10, width/2, height/2
	}
	return list, nil
}

func (s Shape) plan() (plan, error) {
	p := plan{codec: s.Codec}
	switch s.Codec {
	case CodecOpus:
		p.interval, p.ticks, p.packets = 20*time.Millisecond, 960, 1
		p.size = max(s.Bitrate/8/50-rtpHeader, stampLen+1)
		p.bytes = p.size
	case CodecVP8, CodecH264:
		if s.FPS < 1 || s.FPS > 1000 || s.Packet < rtpHeader+minPayload || s.Packet > 1400 {
			return p, fmt.Errorf("bench: %d frames a second of packets of %d bytes: 1 to 1000 and %d to 1400 are possible", s.FPS, s.Packet, rtpHeader+minPayload)
		}
		p.interval, p.ticks = time.Second/time.Duration(s.FPS), uint32(90000/s.FPS)
		p.video(s)
	default:
		return p, fmt.Errorf("bench: no codec %q: vp8, h264 and opus are there", s.Codec)
	}
	if p.size > 1380 {
		return p, fmt.Errorf("bench: packets of %d bytes do not fit a datagram", p.size)
	}
	return p, nil
}

// video divides a frame into packets of the size that is wanted, or into one that holds it.
func (p *plan) video(s Shape) {
	frame := s.Bitrate / 8 / s.FPS
	n := max(1, int(float64(frame)/float64(s.Packet)+0.5))
	p.size = s.Packet - rtpHeader
	if s.Browser {
		p.bytes = max(minPayload, frame-n*rtpHeader)
		return
	}
	if n == 1 {
		p.size = min(p.size, max(minPayload, frame-rtpHeader))
	}
	p.packets, p.bytes = n, n*p.size
}

// frame appends the sizes of the payloads of a frame to dst.
func (p *plan) frame(number int, key bool, dst []int) []int {
	if p.packets > 0 {
		for range p.packets {
			dst = append(dst, p.size)
		}
		return dst
	}
	bytes := p.bytes
	if key {
		bytes *= 3
	}
	// Up to a quarter more or less, the same in each run.
	bytes += bytes * (int(uint32(number)*2654435761>>16)%51 - 25) / 100
	return split(max(bytes, minPayload), p.size, dst)
}

// split divides a frame into as few parts as there must be, equal but for one byte, the smaller first.
func split(bytes, largest int, dst []int) []int {
	n := (bytes + largest - 1) / largest
	for i := range n {
		size := bytes / n
		if i >= n-bytes%n {
			size++
		}
		dst = append(dst, size)
	}
	return dst
}

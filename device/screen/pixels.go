package screen

import (
	"encoding/binary"
	"errors"
	"image"
	"math/bits"
)

// layout is how an X server lays out the pixels of a picture in ZPixmap format (X11 protocol §8, "Encoding").
type layout struct {
	bitsPerPixel     int // 16, 24 or 32
	pad              int // bits that the length of a line is a multiple of: 8, 16 or 32
	order            binary.ByteOrder
	red, green, blue uint32 // masks within a pixel
}

var (
	errLayout = errors.New("screen: this display has a palette or an unusual pixel format; set it to 24 or 32 bits per pixel")
	errShort  = errors.New("screen: the X server sent less than the picture")
)

// stride is the length of a line of width pixels in bytes.
func (l layout) stride(width int) int {
	return (width*l.bitsPerPixel + l.pad - 1) / l.pad * l.pad / 8
}

// check refuses what decode does not read.
func (l layout) check() error {
	switch {
	case l.bitsPerPixel != 16 && l.bitsPerPixel != 24 && l.bitsPerPixel != 32,
		l.pad != 8 && l.pad != 16 && l.pad != 32,
		l.red == 0 || l.green == 0 || l.blue == 0:
		return errLayout
	}
	return nil
}

// decode makes an opaque picture out of what the server sent.
func (l layout) decode(width, height int, data []byte) (image.Image, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	if width <= 0 || height <= 0 || width > 1<<16 {
		return nil, errShort
	}
	stride := l.stride(width)
	if len(data)/stride < height {
		return nil, errShort
	}
	if r, g, b := newChannel(l.red), newChannel(l.green), newChannel(l.blue); r.bits > 8 || g.bits > 8 || b.bits > 8 {
		return l.decodeDeep(width, height, stride, data, r, g, b), nil
	}
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		line, out := data[y*stride:(y+1)*stride], img.Pix[y*img.Stride:(y+1)*img.Stride]
		if l == usual(l.pad) {
			decodeUsual(out, line)
		} else {
			l.decodeLine(out, line)
		}
	}
	return img, nil
}

// usual is the layout of nearly every screen: blue, green, red and a byte that means nothing.
func usual(pad int) layout {
	return layout{bitsPerPixel: 32, pad: pad, order: binary.LittleEndian, red: 0xff0000, green: 0xff00, blue: 0xff}
}

func decodeUsual(out, line []byte) {
	for i := 0; i+3 < len(out) && i+3 < len(line); i += 4 {
		out[i], out[i+1], out[i+2], out[i+3] = line[i+2], line[i+1], line[i], 0xff
	}
}

func (l layout) decodeLine(out, line []byte) {
	r, g, b := newChannel(l.red), newChannel(l.green), newChannel(l.blue)
	size := l.bitsPerPixel / 8
	for i := 0; i < len(out)/4; i++ {
		p := l.pixel(line[i*size:])
		out[4*i], out[4*i+1], out[4*i+2], out[4*i+3] = uint8(r.of(p)>>8), uint8(g.of(p)>>8), uint8(b.of(p)>>8), 0xff
	}
}

// decodeDeep keeps what 30 bits per pixel say beyond 24.
func (l layout) decodeDeep(width, height, stride int, data []byte, r, g, b channel) image.Image {
	img := image.NewNRGBA64(image.Rect(0, 0, width, height))
	size := l.bitsPerPixel / 8
	for y := range height {
		line, out := data[y*stride:], img.Pix[y*img.Stride:]
		for x := range width {
			p, o := l.pixel(line[x*size:]), out[8*x:8*x+8]
			binary.BigEndian.PutUint16(o, r.of(p))
			binary.BigEndian.PutUint16(o[2:], g.of(p))
			binary.BigEndian.PutUint16(o[4:], b.of(p))
			binary.BigEndian.PutUint16(o[6:], 0xffff)
		}
	}
	return img
}

func (l layout) pixel(b []byte) uint32 {
	switch {
	case l.bitsPerPixel == 32:
		return l.order.Uint32(b)
	case l.bitsPerPixel == 16:
		return uint32(l.order.Uint16(b))
	case l.order == binary.ByteOrder(binary.BigEndian):
		return uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
	}
	return uint32(b[2])<<16 | uint32(b[1])<<8 | uint32(b[0])
}

// channel is one colour's place in a pixel.
type channel struct {
	mask  uint32
	shift int
	bits  int
}

func newChannel(mask uint32) channel {
	return channel{mask: mask, shift: bits.TrailingZeros32(mask), bits: bits.OnesCount32(mask)}
}

// of is the colour's part of a pixel, widened to 16 bits so that the most is 0xffff: 8 bits come back as they were.
func (c channel) of(pixel uint32) uint16 {
	most := uint64(1)<<c.bits - 1
	return uint16(uint64(pixel&c.mask) >> c.shift * 0xffff / most)
}

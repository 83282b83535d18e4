package transfer

import (
	"bytes"
	"io"
	"time"

	"github.com/klauspost/compress/flate"

	"switchyard/engine/piece"
)

const (
	sample    = 16 << 10 // bytes that are tried before a piece is compressed
	leastPack = 512      // a smaller piece is not worth it
	maxPack   = 4 << 20  // a larger piece is not held in memory
	packCost  = 12       // ns that compressing and decompressing a byte take, about
)

// packer compresses pieces for one worker (RFC 1951). The zero value works.
type packer struct {
	deflate *flate.Writer
	plain   []byte // the piece
	packed  bytes.Buffer
}

// ratio is how small a part of a piece becomes, 1 for not smaller.
func (p *packer) ratio(b []byte) float64 {
	p.compress(b)
	return float64(p.packed.Len()) / float64(len(b))
}

func (p *packer) compress(b []byte) {
	p.packed.Reset()
	if p.deflate == nil {
		p.deflate, _ = flate.NewWriter(&p.packed, flate.BestSpeed) // the level is valid
	}
	p.deflate.Reset(&p.packed)
	_, _ = p.deflate.Write(b) // a buffer takes everything
	_ = p.deflate.Close()
}

// pays says whether it pays to make of each byte so much: whether the way, which takes wire ns for one, is the slower part.
func pays(ratio, wire float64) bool { return ratio < 0.9 && wire*(1-ratio) > packCost }

// tryPack sends a piece compressed where that pays; false where it was not sent. It hashes where that is wanted and it sent.
func (w *worker) tryPack(entry, i int, hash bool) (sent bool, err error) {
	from, to := w.m.Span(entry, i)
	n := int(to - from)
	if w.accept.Pack == "" || w.src.noPack || n < leastPack || n > maxPack || !pays(0, w.wireCost()) {
		return false, nil
	}
	if err := w.load(entry); err != nil {
		return false, err
	}
	if w.sparse(from, to) {
		return false, nil
	}
	part := w.buf[:min(sample, n)]
	if err := w.readFull(w.file, part, from, entry); err != nil {
		return false, err
	}
	if !pays(w.packer.ratio(part), w.wireCost()) {
		return false, nil
	}
	if cap(w.packer.plain) < n {
		w.packer.plain = make([]byte, n)
	}
	plain := w.packer.plain[:n]
	if err := w.readFull(w.file, plain, from, entry); err != nil {
		return false, err
	}
	if w.packer.compress(plain); w.packer.packed.Len() > n*9/10 {
		return false, nil
	}
	if hash {
		w.hasher.Write(plain)
	}
	return true, w.packed(entry, i, w.packer.packed.Bytes())
}

// packed sends a compressed piece.
func (w *worker) packed(entry, i int, b []byte) error {
	p := piece.Packed{Entry: uint32(entry), Piece: uint32(i), Size: uint32(len(b))}
	for int(p.Offset) < len(b) {
		n := copy(w.buf[piece.PackedHeader:][:piece.MaxData], b[p.Offset:])
		piece.PutPacked(w.buf[:], p)
		if err := w.ship(w.buf[:piece.PackedHeader+n], n); err != nil {
			return err
		}
		p.Offset += uint32(n)
	}
	return nil
}

// ship sends a message with n bytes of data, when there is room for them, and notes how long that takes.
func (w *worker) ship(m []byte, n int) error {
	begin := time.Now()
	if err := w.credit(n); err != nil {
		return err
	}
	if err := w.push(m); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	cost := float64(time.Since(begin)) / float64(n) / float64(w.lanes)
	w.wire += (cost - w.wire) / 16
	return nil
}

func (w *worker) wireCost() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.wire
}

// onPacked is a part of a compressed piece.
func (l *inLane) onPacked(m []byte) error {
	p, err := piece.ParsePacked(m)
	if err != nil {
		return errProtocol(err.Error())
	}
	if l.idle() {
		if p.Piece >= piece.MaxPieces {
			return errProtocol("data of what it did not offer")
		}
		if err := l.begin(int(p.Entry), int(p.Piece)); err != nil {
			return err
		}
		if !l.packs { // begin has seen that the offer is accepted: it will not change any more
			return errProtocol("a compressed piece that was not asked for")
		}
		if p.Size == 0 || int64(p.Size) > l.to-l.next {
			return errProtocol("a compressed piece that is larger than the piece")
		}
		l.packed, l.size = l.packed[:0], int(p.Size)
	}
	if int(p.Entry) != l.entry || int(p.Piece) != l.piece || int(p.Size) != l.size || int(p.Offset) != len(l.packed) {
		return errProtocol("compressed data in the wrong place")
	}
	l.packed = append(l.packed, p.Bytes...)
	l.took(len(p.Bytes))
	if len(l.packed) < l.size {
		return nil
	}
	return l.unpack()
}

// unpack writes a compressed piece that is whole.
func (l *inLane) unpack() error {
	src := bytes.NewReader(l.packed)
	if l.inflate == nil {
		l.inflate = flate.NewReader(src)
		l.plain = make([]byte, piece.MaxData)
	} else if err := l.inflate.(flate.Resetter).Reset(src, nil); err != nil {
		return err
	}
	l.size = 0
	for l.next < l.to {
		n, err := io.ReadFull(l.inflate, l.plain[:min(l.to-l.next, int64(len(l.plain)))])
		if n == 0 || err != nil {
			return errProtocol("a compressed piece that does not unpack")
		}
		if err := l.write(l.plain[:n]); err != nil {
			return err
		}
	}
	if n, _ := l.inflate.Read(l.plain[:1]); n > 0 {
		return errProtocol("a compressed piece that unpacks to more than the piece")
	}
	return l.filled()
}

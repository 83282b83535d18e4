package piece

import (
	"encoding/binary"
	"errors"
)

// ErrMessage is a message that breaks docs/transfer.md.
var ErrMessage = errors.New("piece: message is malformed")

// The first byte of a message.
const (
	KindControl byte = iota
	KindData
	KindPiece
	KindSame
	KindHave
	KindEnd
	KindGot
	KindAgain
	KindProgress
	KindPacked
	KindHole
)

// Sizes of what stands before the bytes of a message, and of the parts of lists.
const (
	DataHeader   = 1 + 4 + 8
	PackedHeader = 1 + 4 + 4 + 4 + 4
	pieceLength  = 1 + 4 + 4 + 32
	sameLength   = 1 + 4 + 4 + 4
	haveHeader   = 1 + 4 + 4
	endLength    = 4 + 8 + 32
	gotLength    = 4 + 32
	againLength  = 1 + 4 + 4
	holeLength   = 1 + 4 + 8 + 4
)

// MaxEnds and MaxGots are how many fit in one message.
const (
	MaxEnds = (MaxMessage - 1) / endLength
	MaxGots = (MaxMessage - 1) / gotLength
)

// Data is a part of one piece.
type Data struct {
	Entry  uint32
	Offset uint64 // in the file
	Bytes  []byte // of the message that was parsed
}

// PutData writes the header of a data message, whose bytes follow it, to the first DataHeader bytes of b.
func PutData(b []byte, entry uint32, offset uint64) {
	b[0] = KindData
	binary.BigEndian.PutUint32(b[1:], entry)
	binary.BigEndian.PutUint64(b[5:], offset)
}

// ParseData reads a data message.
func ParseData(m []byte) (Data, error) {
	if len(m) <= DataHeader || len(m) > MaxMessage || m[0] != KindData {
		return Data{}, ErrMessage
	}
	return Data{binary.BigEndian.Uint32(m[1:]), binary.BigEndian.Uint64(m[5:]), m[DataHeader:]}, nil
}

// Hole is a part of one piece that holds zeros only.
type Hole struct {
	Entry  uint32
	Offset uint64 // in the file
	Length uint32 // bytes, 1 to MaxPiece
}

// Append adds the message to b.
func (h Hole) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint32(append(b, KindHole), h.Entry)
	b = binary.BigEndian.AppendUint64(b, h.Offset)
	return binary.BigEndian.AppendUint32(b, h.Length)
}

// ParseHole reads a hole message.
func ParseHole(m []byte) (Hole, error) {
	if len(m) != holeLength || m[0] != KindHole {
		return Hole{}, ErrMessage
	}
	h := Hole{binary.BigEndian.Uint32(m[1:]), binary.BigEndian.Uint64(m[5:]), binary.BigEndian.Uint32(m[13:])}
	if h.Length == 0 || h.Length > MaxPiece {
		return Hole{}, ErrMessage
	}
	return h, nil
}

// Packed is a part of a piece that travels compressed.
type Packed struct {
	Entry, Piece uint32
	Size         uint32 // of the whole piece, compressed
	Offset       uint32 // in the compressed piece
	Bytes        []byte // of the message that was parsed
}

// PutPacked writes the header of a packed message to the first PackedHeader bytes of b.
func PutPacked(b []byte, p Packed) {
	b[0] = KindPacked
	binary.BigEndian.PutUint32(b[1:], p.Entry)
	binary.BigEndian.PutUint32(b[5:], p.Piece)
	binary.BigEndian.PutUint32(b[9:], p.Size)
	binary.BigEndian.PutUint32(b[13:], p.Offset)
}

// ParsePacked reads a packed message. Its bytes are within its size.
func ParsePacked(m []byte) (Packed, error) {
	if len(m) <= PackedHeader || len(m) > MaxMessage || m[0] != KindPacked {
		return Packed{}, ErrMessage
	}
	p := Packed{
		Entry: binary.BigEndian.Uint32(m[1:]), Piece: binary.BigEndian.Uint32(m[5:]),
		Size: binary.BigEndian.Uint32(m[9:]), Offset: binary.BigEndian.Uint32(m[13:]), Bytes: m[PackedHeader:],
	}
	if uint64(p.Offset)+uint64(len(p.Bytes)) > uint64(p.Size) {
		return Packed{}, ErrMessage
	}
	return p, nil
}

// Piece says that a piece was sent, and its hash.
type Piece struct {
	Entry, Piece uint32
	Hash         Hash
}

// Append adds the message to b.
func (p Piece) Append(b []byte) []byte {
	b = numbers(append(b, KindPiece), p.Entry, p.Piece)
	return append(b, p.Hash[:]...)
}

// ParsePiece reads a piece message.
func ParsePiece(m []byte) (p Piece, err error) {
	if len(m) != pieceLength || m[0] != KindPiece {
		return p, ErrMessage
	}
	p.Entry, p.Piece = binary.BigEndian.Uint32(m[1:]), binary.BigEndian.Uint32(m[5:])
	copy(p.Hash[:], m[9:])
	return p, nil
}

// Same says that pieces which the receiver has are as in the file.
type Same struct {
	Entry, First, Count uint32
}

// Append adds the message to b.
func (s Same) Append(b []byte) []byte {
	return numbers(append(b, KindSame), s.Entry, s.First, s.Count)
}

// ParseSame reads a same message.
func ParseSame(m []byte) (Same, error) {
	if len(m) != sameLength || m[0] != KindSame {
		return Same{}, ErrMessage
	}
	s := Same{binary.BigEndian.Uint32(m[1:]), binary.BigEndian.Uint32(m[5:]), binary.BigEndian.Uint32(m[9:])}
	if s.Count == 0 || s.Count > MaxPieces || s.First >= MaxPieces {
		return Same{}, ErrMessage
	}
	return s, nil
}

// Have lists the hashes of pieces that the receiver has, from First on.
type Have struct {
	Entry, First uint32
	hashes       []byte // of the message that was parsed
}

// Len is how many hashes there are.
func (h Have) Len() int { return len(h.hashes) / 32 }

// At is the hash of piece First+i.
func (h Have) At(i int) Hash { return Hash(h.hashes[32*i:]) }

// AppendHave adds the head of a have message to b; hashes, at most MaxHave, are appended behind it.
func AppendHave(b []byte, entry, first uint32) []byte {
	return numbers(append(b, KindHave), entry, first)
}

// ParseHave reads a have message.
func ParseHave(m []byte) (Have, error) {
	n := len(m) - haveHeader
	if n <= 0 || n%32 != 0 || n/32 > MaxHave || m[0] != KindHave {
		return Have{}, ErrMessage
	}
	return Have{binary.BigEndian.Uint32(m[1:]), binary.BigEndian.Uint32(m[5:]), m[haveHeader:]}, nil
}

// End says that a file was sent whole.
type End struct {
	Entry uint32
	Size  uint64
	Root  Hash
}

// Ends is a list of them, of a message that was parsed.
type Ends []byte

// Len is how many there are.
func (e Ends) Len() int { return len(e) / endLength }

// At is the one of number i.
func (e Ends) At(i int) End {
	b := e[i*endLength:]
	return End{binary.BigEndian.Uint32(b), binary.BigEndian.Uint64(b[4:]), Hash(b[12:44])}
}

// Append adds one to the message b, which begins with KindEnd.
func (e End) Append(b []byte) []byte {
	b = numbers(b, e.Entry)
	b = binary.BigEndian.AppendUint64(b, e.Size)
	return append(b, e.Root[:]...)
}

// ParseEnds reads an end message.
func ParseEnds(m []byte) (Ends, error) {
	if !isList(m, KindEnd, endLength) {
		return nil, ErrMessage
	}
	return Ends(m[1:]), nil
}

// Got says that a file is verified, on disk and has its name.
type Got struct {
	Entry uint32
	Root  Hash
}

// Gots is a list of them, of a message that was parsed.
type Gots []byte

// Len is how many there are.
func (g Gots) Len() int { return len(g) / gotLength }

// At is the one of number i.
func (g Gots) At(i int) Got {
	b := g[i*gotLength:]
	return Got{binary.BigEndian.Uint32(b), Hash(b[4:36])}
}

// Append adds one to the message b, which begins with KindGot.
func (g Got) Append(b []byte) []byte {
	return append(numbers(b, g.Entry), g.Root[:]...)
}

// ParseGots reads a got message.
func ParseGots(m []byte) (Gots, error) {
	if !isList(m, KindGot, gotLength) {
		return nil, ErrMessage
	}
	return Gots(m[1:]), nil
}

func isList(m []byte, kind byte, length int) bool {
	return len(m) > 1 && len(m) <= MaxMessage && m[0] == kind && (len(m)-1)%length == 0
}

// Again asks for a piece once more, which was wrong.
type Again struct {
	Entry, Piece uint32
}

// Append adds the message to b.
func (a Again) Append(b []byte) []byte { return numbers(append(b, KindAgain), a.Entry, a.Piece) }

// ParseAgain reads an again message.
func ParseAgain(m []byte) (Again, error) {
	if len(m) != againLength || m[0] != KindAgain {
		return Again{}, ErrMessage
	}
	return Again{binary.BigEndian.Uint32(m[1:]), binary.BigEndian.Uint32(m[5:])}, nil
}

// Progress is how far the receiver is.
type Progress struct {
	Taken    uint64 // bytes of data and packed messages taken off this connection
	Verified uint64 // bytes of the whole transfer
}

// Append adds the message to b.
func (p Progress) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(append(b, KindProgress), p.Taken)
	return binary.BigEndian.AppendUint64(b, p.Verified)
}

// ParseProgress reads a progress message.
func ParseProgress(m []byte) (Progress, error) {
	if len(m) != 17 || m[0] != KindProgress {
		return Progress{}, ErrMessage
	}
	return Progress{binary.BigEndian.Uint64(m[1:]), binary.BigEndian.Uint64(m[9:])}, nil
}

func numbers(b []byte, values ...uint32) []byte {
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}

// Package piece holds what two ends of a file transfer must agree on: the BLAKE3 tree of a file and its pieces, the
// messages between them, the list of what is sent and the names in it, and the arithmetic of the window.
//
// It is sans-IO: it reads no file and no network, and each of its values has one owner. The protocol is in
// docs/transfer.md; the hash follows the BLAKE3 paper (O'Connor, Aumasson, Neves, Wilcox-O'Hearn, 2020), §2.
package piece

// Limits of the protocol (docs/transfer.md).
const (
	MaxMessage = 65536    // bytes of one message on a lane
	MaxData    = 62 << 10 // bytes of a file in one data message: a piece of 1 MiB takes 17 of about the same size
	MinPiece   = 1 << 16
	MaxPiece   = 1 << 24
	MaxPieces  = 1 << 22 // of one file
	MaxHave    = 2000    // hashes in one have message
	MinWindow  = 1 << 18
	MaxEntries = 1_000_000
	MaxList    = 48 << 20 // bytes of memory that the list of entries may take
	MaxDepth   = 64
)

// Size is a number of bytes that every piece of a file has but the last, which may be shorter. It is a power of two.
type Size int64

// Valid says whether a sender may use this size of piece.
func (s Size) Valid() bool { return s >= MinPiece && s <= MaxPiece && s&(s-1) == 0 }

// Count is how many pieces a file of so many bytes has. A file without bytes has none.
func (s Size) Count(bytes int64) int {
	return int((bytes + int64(s) - 1) / int64(s))
}

// Span is where piece i of a file of so many bytes begins and ends.
func (s Size) Span(i int, bytes int64) (from, to int64) {
	from = int64(i) * int64(s)
	return from, min(from+int64(s), bytes)
}

// SizeFor is the size of piece for a transfer whose largest file has so many bytes: 1 MiB unless that makes too many.
func SizeFor(largest int64) Size {
	s := Size(1 << 20)
	for s < MaxPiece && s.Count(largest) > MaxPieces/4 {
		s *= 2
	}
	return s
}

package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/flate"

	"switchyard/engine/piece"
)

// hostile is an end that says what a test tells it to.
type hostile struct {
	t *testing.T
	*network
	lane Lane
}

func (h *hostile) send(messages ...[]byte) {
	for _, m := range messages {
		_ = h.lane.Send(h.t.Context(), m) // the other end may have had enough
	}
}

// hear waits for a control message of a type; what else comes is left.
func hear[T piece.Control](h *hostile) (c T, ok bool) {
	ctx, stop := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer stop()
	for {
		m, err := h.lane.Receive(ctx)
		if err != nil {
			return c, false
		}
		if got, err := piece.ParseControl(m); err == nil {
			if c, ok = got.(T); ok {
				return c, true
			}
		}
	}
}

// Pieces and the hash of the file that hostile senders offer: three pieces, the last one short.
var (
	wholeFile = bytes.Repeat([]byte("0123456789abcdef"), (2*piece.MinPiece+160)/16)
	wholeSize = int64(len(wholeFile))
)

func offerOf(entries ...piece.Entry) [][]byte {
	o := piece.Offer{ID: "x", Name: "x", Kind: piece.KindFiles, Entries: len(entries), Piece: piece.MinPiece, Packs: []string{piece.Deflate}}
	for _, e := range entries {
		if e.IsFile() {
			o.Files, o.Bytes = o.Files+1, o.Bytes+e.Size
		}
	}
	return [][]byte{piece.AppendControl(nil, o), piece.AppendControl(nil, piece.Entries{Entries: entries}), piece.AppendControl(nil, piece.Offered{})}
}

func dataOf(entry, i int, b []byte) (messages [][]byte) {
	offset := i * piece.MinPiece
	for len(b) > 0 {
		n := min(len(b), piece.MaxData)
		m := make([]byte, piece.DataHeader+n)
		piece.PutData(m, uint32(entry), uint64(offset))
		copy(m[piece.DataHeader:], b[:n])
		messages = append(messages, m)
		b, offset = b[n:], offset+n
	}
	return messages
}

func bytesOf(i int) []byte {
	return wholeFile[i*piece.MinPiece : min((i+1)*piece.MinPiece, len(wholeFile))]
}

func hashOf(i int) piece.Hash { return piece.Sum(bytesOf(i), int64(i)*piece.MinPiece, false) }

// pieceOf is a right piece with its hash.
func pieceOf(i int) [][]byte {
	return append(dataOf(0, i, bytesOf(i)), piece.Piece{Piece: uint32(i), Hash: hashOf(i)}.Append(nil))
}

func endOf(entry int, size int64, root piece.Hash) []byte {
	return piece.End{Entry: uint32(entry), Size: uint64(size), Root: root}.Append([]byte{piece.KindEnd})
}

func packedOf(i int, plain []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, flate.BestCompression)
	_, _ = w.Write(plain)
	_ = w.Close()
	m := make([]byte, piece.PackedHeader+b.Len())
	piece.PutPacked(m, piece.Packed{Piece: uint32(i), Size: uint32(b.Len())})
	copy(m[piece.PackedHeader:], b.Bytes())
	return m
}

func flat(lists ...[][]byte) (all [][]byte) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func one(m []byte) [][]byte { return [][]byte{m} }

func TestHostileSenders(t *testing.T) {
	root := piece.Sum(wholeFile, 0, true)
	file, small, folder := piece.Entry{Path: "file", Size: wholeSize}, piece.Entry{Path: "small", Size: 5}, piece.Entry{Path: "folder", Kind: piece.Folder}
	wrong := append(dataOf(0, 0, make([]byte, piece.MinPiece)), piece.Piece{Hash: hashOf(0)}.Append(nil))
	hollow := [][]byte{piece.Hole{Length: piece.MinPiece}.Append(nil), piece.Piece{Hash: hashOf(0)}.Append(nil)}
	noise := make([]byte, piece.PackedHeader+100)
	piece.PutPacked(noise, piece.Packed{Size: 100})
	var many []piece.Entry
	var begun [][]byte
	for i := range 70 {
		many = append(many, piece.Entry{Path: fmt.Sprint(i), Size: wholeSize})
		m := dataOf(i, 0, bytesOf(0))
		begun = append(append(begun, m...), piece.Piece{Entry: uint32(i), Hash: hashOf(0)}.Append(nil))
	}
	cases := map[string]struct {
		offer [][]byte
		after [][]byte // once the receiver has accepted
	}{
		"nothing":                    {[][]byte{{}}, nil},
		"unknown kind":               {[][]byte{{0x7f, 1, 2}}, nil},
		"no offer":                   {one(piece.AppendControl(nil, piece.Offered{})), nil},
		"data instead of an offer":   {dataOf(0, 0, bytesOf(0)), nil},
		"second offer":               {flat(offerOf(file), offerOf(file)), nil},
		"entries after offered":      {flat(offerOf(file), offerOf(file)[1:2]), nil},
		"entries that leave some":    {flat(offerOf(file)[:1], one(piece.AppendControl(nil, piece.Entries{From: 1, Entries: []piece.Entry{file}}))), nil},
		"leads out":                  {offerOf(piece.Entry{Path: "../file", Size: 1}), nil},
		"receiver's words":           {flat(offerOf(file), one(piece.AppendControl(nil, piece.Accept{}))), nil},
		"done at once":               {offerOf(file), one(piece.AppendControl(nil, piece.Done{}))},
		"data beyond the file":       {offerOf(file), flat(pieceOf(0), pieceOf(1), dataOf(0, 2, make([]byte, 161)))},
		"data behind the file":       {offerOf(file), dataOf(0, 3, bytesOf(0))},
		"data far behind":            {offerOf(file), dataOf(0, 1<<30, bytesOf(0))},
		"data of no entry":           {offerOf(file), dataOf(9, 0, bytesOf(0))},
		"data of a folder":           {offerOf(folder, file), dataOf(0, 0, bytesOf(0))},
		"data within a piece":        {offerOf(file), dataOf(0, 0, bytesOf(0))[1:]},
		"data with a gap":            {offerOf(file), flat(dataOf(0, 0, bytesOf(0))[:1], dataOf(0, 1, bytesOf(1)))},
		"data over a border":         {offerOf(file), dataOf(0, 0, wholeFile)},
		"piece twice":                {offerOf(file), flat(pieceOf(0), pieceOf(0))},
		"hash of nothing":            {offerOf(file), pieceOf(0)[2:]},
		"hash of another":            {offerOf(file), flat(dataOf(0, 0, bytesOf(0)), pieceOf(1)[2:])},
		"always wrong":               {offerOf(file), flat(wrong, wrong, wrong, wrong)},
		"small and always wrong":     {offerOf(small), flat(dataOf(0, 0, []byte("12345")), one(endOf(0, 5, root)), dataOf(0, 0, []byte("12345")), dataOf(0, 0, []byte("12345")), dataOf(0, 0, []byte("12345")))},
		"same without have":          {offerOf(file), one(piece.Same{Count: 3}.Append(nil))},
		"same behind the file":       {offerOf(file), one(piece.Same{First: 4000000, Count: 4000000}.Append(nil))},
		"end of another size":        {offerOf(file), one(endOf(0, 7, root))},
		"end of no entry":            {offerOf(file), one(endOf(1, wholeSize, root))},
		"end of a folder":            {offerOf(folder, file), one(endOf(0, 0, piece.Empty))},
		"two ends":                   {offerOf(file), flat(one(endOf(0, wholeSize, root)), one(endOf(0, wholeSize, piece.Empty)))},
		"another whole":              {offerOf(file), flat(pieceOf(0), pieceOf(1), pieceOf(2), one(endOf(0, wholeSize, piece.Empty)))},
		"hole beyond the piece":      {offerOf(file), one(piece.Hole{Length: piece.MinPiece + 1}.Append(nil))},
		"hole within a piece":        {offerOf(file), one(piece.Hole{Offset: 5, Length: 5}.Append(nil))},
		"hole behind the file":       {offerOf(file), one(piece.Hole{Offset: 3 * piece.MinPiece, Length: 5}.Append(nil))},
		"hole of no entry":           {offerOf(file), one(piece.Hole{Entry: 9, Length: 5}.Append(nil))},
		"hole of a folder":           {offerOf(folder, file), one(piece.Hole{Length: 5}.Append(nil))},
		"hole that is sent twice":    {offerOf(file), flat(dataOf(0, 0, bytesOf(0))[:1], one(piece.Hole{Length: 5}.Append(nil)))},
		"always holes":               {offerOf(file), flat(hollow, hollow, hollow, hollow)},
		"packed noise":               {offerOf(file), one(noise)},
		"packed too little":          {offerOf(file), one(packedOf(0, bytesOf(0)[:9]))},
		"packed bomb":                {offerOf(file), one(packedOf(0, make([]byte, 10<<20)))},
		"packed and plain":           {offerOf(file), flat(dataOf(0, 0, bytesOf(0))[:1], one(packedOf(0, bytesOf(0))))},
		"too many files at once":     {offerOf(many...), begun},
		"file that is whole, anew":   {offerOf(small, file), flat(dataOf(0, 0, []byte("12345")), one(endOf(0, 5, piece.Sum([]byte("12345"), 0, true))), dataOf(0, 0, []byte("12345")))},
		"empty file with data":       {offerOf(piece.Entry{Path: "empty"}), dataOf(0, 0, []byte("12345"))},
		"empty file of another hash": {offerOf(piece.Entry{Path: "empty"}), one(endOf(0, 0, root))},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			n, to := newNetwork(1), t.TempDir()
			result := make(chan error, 1)
			sink := newSink(t, to, SinkOptions{})
			go func() { result <- sink.Run(t.Context(), n.receiver()) }()
			lane, err := n.sender().Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			h := &hostile{t, n, lane}
			h.send(c.offer...)
			if c.after != nil {
				if _, ok := hear[piece.Accept](h); !ok {
					t.Fatalf("the offer was not accepted: %v", <-result)
				}
				h.send(c.after...)
			}
			if e, ok := hear[piece.Error](h); !ok || e.Text == "" || strings.Contains(e.Text, to) {
				t.Errorf("the sender was told %q (%v)", e.Text, ok)
			}
			n.break_()
			select {
			case err := <-result:
				if err == nil || errors.Is(err, ErrWayLost) {
					t.Errorf("the receiver says %v", err)
				}
			case <-time.After(10 * time.Second):
				t.Fatal("the receiver goes on")
			}
			for path, node := range readTree(t, to) {
				if node.mode.IsRegular() && !strings.HasSuffix(path, ".part") && path != "small" {
					t.Errorf("%s has its name", path)
				}
			}
		})
	}
}

func TestHostileReceivers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, wholeFile, 0o644); err != nil {
		t.Fatal(err)
	}
	accept := piece.AppendControl(nil, piece.Accept{Window: piece.MinWindow})
	got := func(root piece.Hash) []byte { return piece.Got{Root: root}.Append([]byte{piece.KindGot}) }
	again := piece.Again{}.Append(nil)
	cases := map[string][][]byte{
		"nothing":              {{}},
		"unknown kind":         {{0x7f}},
		"sender's words":       {piece.AppendControl(nil, piece.Done{})},
		"bye before done":      {accept, piece.AppendControl(nil, piece.Bye{})},
		"window of nothing":    {piece.AppendControl(nil, piece.Accept{})},
		"unknown compression":  {piece.AppendControl(nil, piece.Accept{Window: piece.MinWindow, Pack: "zip"})},
		"skips below 0":        {piece.AppendControl(nil, piece.Accept{Window: piece.MinWindow, Skip: [][2]int{{-1, 5}}})},
		"skips all and more":   {piece.AppendControl(nil, piece.Accept{Window: piece.MinWindow, Skip: [][2]int{{0, 1 << 62}}})},
		"accepts twice":        {accept, accept},
		"has no entry":         {append(piece.AppendHave(nil, 9, 0), make([]byte, 32)...)},
		"has too many pieces":  {append(piece.AppendHave(nil, 0, 2), make([]byte, 64)...)},
		"has far too many":     {append(piece.AppendHave(nil, 0, 1<<32-1), make([]byte, 64)...)},
		"has after accept":     {accept, append(piece.AppendHave(nil, 0, 0), make([]byte, 32)...)},
		"got before it came":   {got(piece.Empty)},
		"took what never came": {accept, piece.Progress{Taken: 1 << 40}.Append(nil)},
		"again before it came": {again},
		"again behind the end": {accept, piece.Again{Piece: 3}.Append(nil)},
		"again of no entry":    {accept, piece.Again{Entry: 9}.Append(nil)},
		"data":                 append(one(accept), dataOf(0, 0, bytesOf(0))...),
	}
	for name, messages := range cases {
		t.Run(name, func(t *testing.T) {
			told, err := attack(t, path, func(h *hostile) { h.send(messages...) })
			if err == nil || errors.Is(err, ErrWayLost) || told == "" {
				t.Errorf("the sender says %v and told %q", err, told)
			}
		})
	}
	t.Run("got of another hash", func(t *testing.T) {
		told, err := attack(t, path, func(h *hostile) {
			h.send(accept)
			for { // until the end of the file
				m, err := h.lane.Receive(h.t.Context())
				if err != nil || m[0] == piece.KindEnd {
					break
				}
			}
			h.send(got(piece.Empty))
		})
		if err == nil || !strings.Contains(err.Error(), "otherwise than it was sent") || told == "" {
			t.Errorf("the sender says %v and told %q", err, told)
		}
	})
	t.Run("flood of again", func(t *testing.T) {
		_, err := attack(t, path, func(h *hostile) {
			h.send(accept)
			for range 2 * piece.MinPiece / piece.MaxData {
				if _, err := h.lane.Receive(h.t.Context()); err != nil {
					return
				}
			}
			for range 3 * maxAgain {
				h.send(again)
			}
		})
		if err == nil || !strings.Contains(err.Error(), "again") {
			t.Errorf("the sender says %v", err)
		}
	})
	t.Run("window is kept", func(t *testing.T) {
		large := filepath.Join(t.TempDir(), "large")
		writeLarge(t, large, 4*piece.MinWindow)
		_, _ = attack(t, large, func(h *hostile) {
			h.send(accept)
			var data int
			for {
				ctx, stop := context.WithTimeout(h.t.Context(), 300*time.Millisecond)
				m, err := h.lane.Receive(ctx)
				stop()
				if err != nil {
					break
				}
				if m[0] == piece.KindData {
					data += len(m) - piece.DataHeader
				}
			}
			if data > piece.MinWindow || data < piece.MinWindow/2 {
				t.Errorf("%d bytes came into a window of %d", data, piece.MinWindow)
			}
			h.send(piece.AppendControl(nil, piece.Cancel{Reason: "\x1b[31mred\n" + strings.Repeat("x", 9000)}))
		})
	})
}

// attack serves a file to a hostile receiver, and gives the sender's error and what it told.
func attack(t *testing.T, path string, f func(h *hostile)) (told string, err error) {
	t.Helper()
	n := newNetwork(1)
	source := newSource(t, SourceOptions{Piece: piece.MinPiece, NoPack: true}, path)
	result := make(chan error, 1)
	go func() { result <- source.Serve(t.Context(), n.sender(), nil) }()
	lane, err := n.receiver().Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{t, n, lane}
	if _, ok := hear[piece.Offered](h); !ok {
		t.Fatal("nothing was offered")
	}
	f(h)
	if e, ok := hear[piece.Error](h); ok {
		told = e.Text
	}
	n.break_()
	select {
	case err = <-result:
	case <-time.After(10 * time.Second):
		t.Fatal("the sender goes on")
	}
	if err != nil && (strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 2000) {
		t.Errorf("the other end's words are shown as they are: %.100q", err)
	}
	return told, err
}

// More than the disk has room for is no fault of the sender's, who may wait until there is.
func TestMoreThanThereIsRoom(t *testing.T) {
	n, to := newNetwork(1), t.TempDir()
	result := make(chan error, 1)
	sink := newSink(t, to, SinkOptions{})
	go func() { result <- sink.Run(t.Context(), n.receiver()) }()
	lane, err := n.sender().Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{t, n, lane}
	h.send(offerOf(piece.Entry{Path: "file", Size: piece.MinPiece * piece.MaxPieces}, piece.Entry{Path: "file 2", Size: piece.MinPiece * piece.MaxPieces})...)
	if c, ok := hear[piece.Cancel](h); !ok || !c.Later || !strings.Contains(c.Reason, "no room") {
		t.Errorf("the sender was told %+v (%v)", c, ok)
	}
	n.break_()
	if err := <-result; err == nil || errors.Is(err, ErrWayLost) || !strings.Contains(err.Error(), "no room") {
		t.Errorf("the receiver says %v", err)
	}
}

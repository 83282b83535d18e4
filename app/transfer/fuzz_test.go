package transfer

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"switchyard/engine/piece"
)

// script is an end of a way that says what a test tells it to, on one lane, and then closes.
type script struct {
	say      chan []byte
	accepted atomic.Bool
}

func (s *script) Open(context.Context) (Lane, error) { return s, nil }

func (s *script) Accept(ctx context.Context) (Lane, error) {
	if !s.accepted.Swap(true) {
		return s, nil
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (s *script) Lanes() int   { return 1 }
func (s *script) Kind() string { return "script" }
func (s *script) Direct() bool { return true }
func (s *script) Close() error { return nil }

// Send drops what the end under test says.
func (s *script) Send(context.Context, []byte) error { return nil }

func (s *script) Receive(ctx context.Context) ([]byte, error) {
	select {
	case m, ok := <-s.say:
		if !ok {
			return nil, io.EOF
		}
		return m, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// messagesOf cuts a fuzzer's bytes into messages: each behind its length in two bytes.
func messagesOf(b []byte) (messages [][]byte) {
	for len(b) > 2 && len(messages) < 100 {
		n := min(int(b[0])<<8|int(b[1]), len(b)-2)
		messages = append(messages, b[2:2+n])
		b = b[2+n:]
	}
	return messages
}

func seedOf(messages ...[]byte) (b []byte) {
	for _, m := range messages {
		if len(m) < 1<<16 {
			b = append(append(b, byte(len(m)>>8), byte(len(m))), m...)
		}
	}
	return b
}

// A sender that says anything at all, before or after a right offer: nothing wrong gets the name of a file.
func FuzzSink(f *testing.F) {
	offer := offerOf(piece.Entry{Path: "d", Kind: piece.Folder}, piece.Entry{Path: "d/small", Size: 5}, piece.Entry{Path: "file", Size: wholeSize})
	f.Add(seedOf(offer...), false)
	f.Add(seedOf(flat(dataOf(1, 0, []byte("12345")), one(endOf(1, 5, piece.Sum([]byte("12345"), 0, true))))...), true)
	f.Add(seedOf(packedOf(0, bytesOf(0)), endOf(2, wholeSize, piece.Empty), piece.Same{Entry: 2, Count: 3}.Append(nil)), true)
	f.Add(seedOf(dataOf(2, 2, bytesOf(2))[0], piece.Piece{Entry: 2, Piece: 2, Hash: hashOf(2)}.Append(nil)), true)
	f.Add(seedOf(piece.Hole{Entry: 2, Length: 1000}.Append(nil), piece.Hole{Entry: 2, Offset: 1000, Length: piece.MinPiece - 1000}.Append(nil), endOf(2, wholeSize, piece.Empty)), true)
	f.Fuzz(func(t *testing.T, b []byte, offered bool) {
		messages := messagesOf(b)
		s := &script{say: make(chan []byte, 1)}
		done := make(chan struct{})
		stop := make(chan struct{})
		go func() {
			defer close(done)
			defer close(s.say)
			if offered {
				messages = append(append([][]byte{}, offer...), messages...)
			}
			for _, m := range messages {
				select {
				case s.say <- m:
				case <-stop:
					return
				}
			}
		}()
		to := t.TempDir()
		sink, err := NewSink(to, SinkOptions{Text: func(string) {}})
		if err != nil {
			t.Fatal(err)
		}
		err = sink.Run(t.Context(), s)
		close(stop)
		<-done
		_ = sink.Close()
		if err == nil {
			return
		}
		for path, n := range readTree(t, to) {
			if n.mode.IsRegular() && path == "file" {
				t.Fatal("the file has its name")
			}
		}
	})
}

// A receiver that says anything at all: the sender ends, and says done only when everything was got.
func FuzzSource(f *testing.F) {
	accept := piece.AppendControl(nil, piece.Accept{Window: piece.MinWindow})
	f.Add(seedOf(accept, piece.Progress{Taken: 5}.Append(nil), piece.Got{}.Append([]byte{piece.KindGot})))
	f.Add(seedOf(append(piece.AppendHave(nil, 0, 1), make([]byte, 64)...), accept, piece.Again{}.Append(nil)))
	f.Add(seedOf(piece.AppendControl(nil, piece.Accept{Window: 1 << 40, Pack: piece.Deflate, Skip: [][2]int{{0, 1}}}), piece.AppendControl(nil, piece.Bye{})))
	f.Add(seedOf(piece.AppendControl(nil, piece.Skip{Skip: [][2]int{{0, 1}}}), piece.AppendControl(nil, piece.Accept{Window: 1 << 40, Holes: true, Wanted: &piece.Wanted{}})))
	path := filepath.Join(f.TempDir(), "file")
	if err := os.WriteFile(path, wholeFile, 0o644); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		source, err := NewSource([]string{path}, SourceOptions{Piece: piece.MinPiece})
		if err != nil {
			t.Fatal(err)
		}
		s := &script{say: make(chan []byte, 100)}
		for _, m := range messagesOf(b) {
			s.say <- append([]byte{}, m...)
		}
		close(s.say)
		skipped := bytes.Contains(b, []byte("skip"))
		if err := source.Serve(t.Context(), s, nil); err == nil && !skipped {
			root := piece.Sum(wholeFile, 0, true)
			if !bytes.Contains(b, root[:]) {
				t.Fatal("everything was got, though nobody said the hash")
			}
		}
	})
}

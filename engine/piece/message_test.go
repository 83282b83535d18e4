package piece

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
)

var someHash = Hash(bytes.Repeat([]byte{0xab}, 32))

// messages is one message of each kind, as docs/transfer.md writes them.
func messages() map[byte][]byte {
	data := append(make([]byte, DataHeader), "hello"...)
	PutData(data, 7, 1<<33)
	packed := append(make([]byte, PackedHeader), "hello"...)
	PutPacked(packed, Packed{Entry: 7, Piece: 2, Size: 9, Offset: 4})
	return map[byte][]byte{
		KindControl:  AppendControl(nil, Accept{Window: 1 << 25, Pack: Deflate, Skip: [][2]int{{0, 4}, {9, 1}}}),
		KindData:     data,
		KindPiece:    Piece{7, 2, someHash}.Append(nil),
		KindSame:     Same{7, 2, 3}.Append(nil),
		KindHave:     append(append(AppendHave(nil, 7, 2), someHash[:]...), Empty[:]...),
		KindEnd:      End{8, 0, Empty}.Append(End{7, 1 << 33, someHash}.Append([]byte{KindEnd})),
		KindGot:      Got{8, Empty}.Append(Got{7, someHash}.Append([]byte{KindGot})),
		KindAgain:    Again{7, 2}.Append(nil),
		KindProgress: Progress{1 << 33, 5}.Append(nil),
		KindPacked:   packed,
		KindHole:     Hole{7, 1 << 33, 1 << 20}.Append(nil),
	}
}

// The bytes of the document, field by field.
func TestMessagesAreAsTheDocumentSays(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	for kind, want := range map[byte]string{
		KindData:     "01 00000007 0000000200000000 68656c6c6f",
		KindPiece:    "02 00000007 00000002 " + hash,
		KindSame:     "03 00000007 00000002 00000003",
		KindHave:     "04 00000007 00000002 " + hash + Empty.String(),
		KindEnd:      "05 00000007 0000000200000000 " + hash + " 00000008 0000000000000000 " + Empty.String(),
		KindGot:      "06 00000007 " + hash + " 00000008 " + Empty.String(),
		KindAgain:    "07 00000007 00000002",
		KindProgress: "08 0000000200000000 0000000000000005",
		KindPacked:   "09 00000007 00000002 00000009 00000004 68656c6c6f",
		KindHole:     "0a 00000007 0000000200000000 00100000",
	} {
		if got := fmt.Sprintf("%x", messages()[kind]); got != strings.ReplaceAll(want, " ", "") {
			t.Errorf("kind %d:\n%s\nwant\n%s", kind, got, want)
		}
	}
	want := "\x00" + `{"type":"accept","window":33554432,"pack":"deflate-raw","skip":[[0,4],[9,1]]}`
	if got := string(messages()[KindControl]); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// parsed is what a message says, by the parser of its kind.
func parsed(m []byte) (any, error) {
	switch m[0] {
	case KindControl:
		return ParseControl(m)
	case KindData:
		return ParseData(m)
	case KindPiece:
		return ParsePiece(m)
	case KindSame:
		return ParseSame(m)
	case KindHave:
		return ParseHave(m)
	case KindEnd:
		return ParseEnds(m)
	case KindGot:
		return ParseGots(m)
	case KindAgain:
		return ParseAgain(m)
	case KindProgress:
		return ParseProgress(m)
	case KindPacked:
		return ParsePacked(m)
	case KindHole:
		return ParseHole(m)
	}
	return nil, ErrMessage
}

func TestMessagesAreReadAsTheyWereWritten(t *testing.T) {
	m := messages()
	for kind, want := range map[byte]any{
		KindControl:  Accept{Window: 1 << 25, Pack: Deflate, Skip: [][2]int{{0, 4}, {9, 1}}},
		KindData:     Data{7, 1 << 33, []byte("hello")},
		KindPiece:    Piece{7, 2, someHash},
		KindSame:     Same{7, 2, 3},
		KindAgain:    Again{7, 2},
		KindProgress: Progress{1 << 33, 5},
		KindPacked:   Packed{7, 2, 9, 4, []byte("hello")},
		KindHole:     Hole{7, 1 << 33, 1 << 20},
	} {
		if got, err := parsed(m[kind]); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("kind %d: %+v %v, want %+v", kind, got, err, want)
		}
	}
	have, err := ParseHave(m[KindHave])
	if err != nil || have.Entry != 7 || have.First != 2 || have.Len() != 2 || have.At(0) != someHash || have.At(1) != Empty {
		t.Errorf("have: %+v %v", have, err)
	}
	ends, err := ParseEnds(m[KindEnd])
	if err != nil || ends.Len() != 2 || ends.At(0) != (End{7, 1 << 33, someHash}) || ends.At(1) != (End{8, 0, Empty}) {
		t.Errorf("end: %v %v", ends, err)
	}
	gots, err := ParseGots(m[KindGot])
	if err != nil || gots.Len() != 2 || gots.At(0) != (Got{7, someHash}) || gots.At(1) != (Got{8, Empty}) {
		t.Errorf("got: %v %v", gots, err)
	}
}

func TestCutAndLongMessagesAreRefused(t *testing.T) {
	for kind, m := range messages() {
		if kind == KindData || kind == KindPacked {
			m = m[:len(m)-4] // one byte of data is the least
		}
		for n := 1; n < len(m); n++ {
			if kind == KindEnd && n == 1+endLength || kind == KindGot && n == 1+gotLength || kind == KindHave && n == haveHeader+32 {
				continue // a list of one
			}
			if _, err := parsed(m[:n]); !errors.Is(err, ErrMessage) {
				t.Errorf("kind %d cut to %d of %d bytes: %v", kind, n, len(m), err)
			}
		}
		if _, err := parsed(append(m, make([]byte, MaxMessage)...)); !errors.Is(err, ErrMessage) {
			t.Errorf("kind %d of more than a message: %v", kind, err)
		}
	}
	for _, length := range []uint32{0, MaxPiece + 1} {
		if _, err := ParseHole(Hole{1, 0, length}.Append(nil)); !errors.Is(err, ErrMessage) {
			t.Errorf("a hole of %d bytes was taken", length)
		}
	}
	over := messages()[KindPacked]
	PutPacked(over, Packed{Size: 5, Offset: 1})
	if _, err := ParsePacked(over); !errors.Is(err, ErrMessage) {
		t.Error("packed bytes beyond their size were taken")
	}
}

func TestControlMessages(t *testing.T) {
	three := 3
	for _, c := range []Control{
		Offer{ID: "x", Name: `"<>&` + "\u2028", Kind: KindFiles, Entries: 3, Files: 2, Bytes: 1 << 50, Piece: 1 << 20, Packs: []string{Deflate}},
		Entries{5, []Entry{{Path: "d", Kind: Folder, Mode: 0o755, Time: 1763800000123}, {Path: "d/l", Kind: Symlink, To: "x"}, {Path: "f", Size: 9}}},
		Offered{}, Accept{Window: MinWindow}, Done{}, Bye{}, Cancel{Reason: "no"}, Cancel{Reason: "I only look", Later: true},
		Skip{[][2]int{{0, 4}, {9, 1}}}, Accept{Window: MinWindow, Holes: true, Wanted: &Wanted{2, 1 << 40}}, Error{"disk full", &three}, Error{Text: "x"},
	} {
		m := AppendControl(nil, c)
		if got, err := ParseControl(m); err != nil || !reflect.DeepEqual(got, c) {
			t.Errorf("%s: %+v %v, want %+v", m[1:], got, err, c)
		}
	}
	for _, bad := range []string{"", "{", "[]", `{"type":"nuke"}`, `{}`, `{"type":"accept","window":"x"}`, `{"type":"accept","window":1e99}`,
		`{"type":"entries","entries":[{"s":1.5}]}`, `{"type":"offer","name":"` + "\xff" + `"}`, `{"type":"done"} x`} {
		if _, err := ParseControl(append([]byte{KindControl}, bad...)); !errors.Is(err, ErrMessage) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestListOfManyEntriesFitsIntoMessages(t *testing.T) {
	o := Offer{Kind: KindFiles, Piece: MinPiece, Entries: 3000, Files: 3000}
	m, err := NewManifest(o, false)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		// Each byte of these names takes six in JSON.
		if err := m.Add(Entry{Path: fmt.Sprint(strings.Repeat("<&>", 80), i)}); err != nil {
			t.Fatal(err)
		}
	}
	var copied *Manifest
	offered := false
	for message := range m.Messages {
		if len(message) > MaxMessage {
			t.Fatalf("a message of %d bytes", len(message))
		}
		c, err := ParseControl(message)
		if err != nil {
			t.Fatal(err)
		}
		switch c := c.(type) {
		case Offer:
			if copied, err = NewManifest(c, false); err != nil {
				t.Fatal(err)
			}
		case Entries:
			if c.From != copied.Len() {
				t.Fatalf("entries from %d after %d", c.From, copied.Len())
			}
			for _, e := range c.Entries {
				if err := copied.Add(e); err != nil {
					t.Fatal(err)
				}
			}
		case Offered:
			offered = true
		}
	}
	if err := copied.Finish(); err != nil || !offered || !reflect.DeepEqual(maps.Collect(copied.All()), maps.Collect(m.All())) {
		t.Errorf("finish: %v, offered %v", err, offered)
	}
}

func TestWindow(t *testing.T) {
	w := Window{Limit: 100}
	if !w.Room(1000) {
		t.Error("nothing may be sent though nothing is on the way")
	}
	w.Send(60)
	if w.Room(41) || !w.Room(40) {
		t.Error("the limit is not kept")
	}
	if err := w.Take(61); !errors.Is(err, ErrTaken) {
		t.Error("more was taken than was sent")
	}
	if err := w.Take(50); err != nil || !w.Room(90) || w.Room(91) {
		t.Error("what was taken makes no room")
	}
	if err := w.Take(49); !errors.Is(err, ErrTaken) {
		t.Error("what was taken became less")
	}
	if !Due(25, 0, 100) || Due(24, 0, 100) {
		t.Error("a quarter of the window is when to tell")
	}
}

func TestParsingBinaryMessagesAllocatesNothing(t *testing.T) {
	all := messages()
	var sink int
	if n := testing.AllocsPerRun(100, func() {
		d, _ := ParseData(all[KindData])
		p, _ := ParsePacked(all[KindPacked])
		h, _ := ParseHave(all[KindHave])
		e, _ := ParseEnds(all[KindEnd])
		g, _ := ParseGots(all[KindGot])
		sink += len(d.Bytes) + len(p.Bytes) + h.Len() + int(e.At(0).Size) + int(g.At(1).Entry)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Every parser takes any bytes, and what it takes is written the same again.
func FuzzMessage(f *testing.F) {
	for _, m := range messages() {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, m []byte) {
		if len(m) == 0 {
			return
		}
		v, err := parsed(m)
		if err != nil {
			return
		}
		var again []byte
		switch v := v.(type) {
		case Data:
			again = append(make([]byte, DataHeader), v.Bytes...)
			PutData(again, v.Entry, v.Offset)
		case Packed:
			again = append(make([]byte, PackedHeader), v.Bytes...)
			PutPacked(again, v)
		case Piece:
			again = v.Append(nil)
		case Same:
			again = v.Append(nil)
		case Again:
			again = v.Append(nil)
		case Progress:
			again = v.Append(nil)
		case Hole:
			again = v.Append(nil)
		case Have:
			again = AppendHave(nil, v.Entry, v.First)
			for i := range v.Len() {
				h := v.At(i)
				again = append(again, h[:]...)
			}
		case Ends:
			again = []byte{KindEnd}
			for i := range v.Len() {
				again = v.At(i).Append(again)
			}
		case Gots:
			again = []byte{KindGot}
			for i := range v.Len() {
				again = v.At(i).Append(again)
			}
		}
		if again != nil && !bytes.Equal(again, m) {
			t.Fatalf("%x was read as %+v and written as %x", m, v, again)
		}
	})
}

// A control message that is taken is read the same again, and a list made of it breaks no rule.
func FuzzControl(f *testing.F) {
	f.Add(`{"type":"offer","id":"x","name":"holiday","kind":"files","entries":2,"files":1,"bytes":5,"piece":1048576,"packs":["deflate-raw"]}`)
	f.Add(`{"type":"entries","from":0,"entries":[{"p":"holiday","k":"d","m":493,"t":1763800000123},{"p":"holiday/a","s":5},{"p":"holiday/l","k":"l","to":"a"}]}`)
	f.Add(`{"type":"accept","window":33554432,"skip":[[0,4],[9,1]]}`)
	f.Add(`{"type":"error","text":"x","entry":3}`)
	f.Add(`{"type":"cancel","reason":"x","later":true}`)
	f.Add(`{"type":"skip","skip":[[0,4],[9,1]]}`)
	f.Add(`{"type":"accept","window":33554432,"holes":true,"wanted":{"files":2,"bytes":7}}`)
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseControl(append([]byte{KindControl}, text...))
		if err != nil {
			return
		}
		again, err := ParseControl(AppendControl(nil, c))
		if err != nil && len(text) < MaxMessage/8 { // in JSON a text may grow sixfold
			t.Fatalf("%+v is not read again: %v", c, err)
		}
		if err == nil && !reflect.DeepEqual(AppendControl(nil, c), AppendControl(nil, again)) {
			t.Fatalf("%+v became %+v", c, again)
		}
		if e, ok := c.(Entries); ok {
			m, err := NewManifest(Offer{Kind: KindFiles, Entries: len(e.Entries), Piece: MinPiece}, true)
			if err != nil {
				return
			}
			for _, entry := range e.Entries {
				_ = m.Add(entry)
			}
			for i, entry := range m.All() {
				if m.Find(entry.Path) != i || CheckPath(entry.Path) != nil {
					t.Fatalf("%q was taken", entry.Path)
				}
			}
		}
	})
}

func TestMostSkipsFitIntoAMessage(t *testing.T) {
	ranges := make([][2]int, MaxSkips)
	for i := range ranges {
		ranges[i] = [2]int{MaxEntries, MaxEntries}
	}
	if m := AppendControl(nil, Accept{Window: 1 << 40, Pack: Deflate, Skip: ranges}); len(m) > MaxMessage {
		t.Errorf("%d bytes", len(m))
	}
}

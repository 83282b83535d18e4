package clipboard

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestPick(t *testing.T) {
	for _, one := range []struct {
		offered, types, want string
	}{
		{"TARGETS STRING UTF8_STRING", "image/png text/plain", "UTF8_STRING text/plain"},
		{"text/html image/png UTF8_STRING", "image/png text/plain", "image/png image/png"},
		{"text/html image/png UTF8_STRING", "text/plain image/png", "UTF8_STRING text/plain"},
		{"Text/Plain;charset=utf-16", "text/plain", "Text/Plain;charset=utf-16 text/plain"},
		{"STRING", "text/plain", "STRING text/plain"},
		{"text/html", "text/plain", " "},
		{"", "text/plain", " "},
	} {
		target, mime := pick(strings.Fields(one.offered), strings.Fields(one.types))
		if got := target + " " + mime; got != one.want {
			t.Errorf("%q of %q: %q", one.types, one.offered, got)
		}
	}
}

// Whatever a program puts on the clipboard, text of it is UTF-8.
func FuzzDecode(f *testing.F) {
	f.Add("STRING", []byte("\xc4rger"))
	f.Add("UTF8_STRING", []byte("Ärger"))
	f.Add("text/plain;charset=utf-16", []byte{0xff, 0xfe, 0x41, 0})
	f.Fuzz(func(t *testing.T, kind string, data []byte) {
		text := decode(Text, kind, data)
		if !utf8.Valid(text) {
			t.Fatalf("%q as %s is %q", data, kind, text)
		}
		if back := latin1(text); kind == "STRING" && string(back) != string(data) {
			t.Fatalf("%q became %q", data, back)
		}
		if got := decode("image/png", kind, data); string(got) != string(data) {
			t.Fatal("an image was changed")
		}
	})
}

func FuzzAtoms(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 2, 0, 0, 0})
	f.Add([]byte{1, 2, 3})
	f.Fuzz(func(t *testing.T, data []byte) {
		all := atoms(data)
		if len(all) > mostTargets || len(all) > len(data)/4 {
			t.Fatalf("%d atoms of %d bytes", len(all), len(data))
		}
		if back := words(all); string(back) != string(data[:len(back)]) {
			t.Fatal("not as it was")
		}
	})
}

func FuzzPick(f *testing.F) {
	f.Add("TARGETS UTF8_STRING image/png", "image/png text/plain")
	f.Fuzz(func(t *testing.T, offered, types string) {
		pick(strings.Split(offered, " "), strings.Split(types, " "))
		_ = saidByPaste(offered)
	})
}

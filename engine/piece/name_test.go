package piece

import (
	"errors"
	"path"
	"strings"
	"testing"
)

func TestHostileNamesAreRefused(t *testing.T) {
	for _, name := range []string{
		"", "/", "/etc/passwd", "//x", ".", "..", "../x", "a/../../x", "a/..", "a/./b", "a//b", "a/", "./a",
		`a\b`, `..\x`, `C:\x`, "C:x", "c:", "a:stream", `\\server\share`,
		"a\x00b", "a\nb", "a\x1b[2J", "a\x7f", "a\u0085b", "a\u2028b",
		"\u202egpj.exe", "a\u2066b", "a\xffb", "\xc0\xae\xc0\xae/x",
		"CON", "con", "Con.txt", "nul", "NUL .txt", "aux.tar.gz", "PRN", "COM1", "com9.x", "LPT1", "COM¹", "CONIN$", "dir/nul/x",
		"trailing.", "trailing ", "a /b", "a./b", "...", " ",
		strings.Repeat("a", 256), strings.Repeat("ä", 128), strings.Repeat("a/", 64) + "a", strings.Repeat("abcdefgh/", 500) + "a",
	} {
		if err := CheckPath(name); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestOrdinaryNamesAreTaken(t *testing.T) {
	for _, name := range []string{
		"a", "photo.jpg", "a/b/c", ".hidden", "..a", "a..b", "a...b", "con fig", "console", "COM", "COM10", "nulls", "communication",
		"naïve/名前.txt", "emoji 🎉", "a*b?", `"quoted"`, "a<b>c|d", " leading", strings.Repeat("a", 255), strings.Repeat("a/", 63) + "a", "clock$2",
	} {
		if err := CheckPath(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestNamesThatAreOneElsewhere(t *testing.T) {
	for _, c := range []struct {
		a, b string
		one  bool
	}{
		{"README", "readme", true}, {"a/B", "A/b", true}, {"\u00e9", "e\u0301", true}, {"\u00c9", "e\u0301", true},
		{"ς", "Σ", true}, {"K", "\u212a", true}, {"a", "b", false}, {"a", "a ", false},
	} {
		if got := Fold(c.a) == Fold(c.b); got != c.one {
			t.Errorf("%q and %q: %v", c.a, c.b, got)
		}
	}
}

// manifest builds a list, as a receiver does.
func manifest(links bool, entries ...Entry) error {
	o := Offer{Kind: KindFiles, Entries: len(entries), Piece: MinPiece}
	for _, e := range entries {
		if e.IsFile() {
			o.Files++
			o.Bytes += e.Size
		}
	}
	m, err := NewManifest(o, links)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := m.Add(e); err != nil {
			return err
		}
	}
	return m.Finish()
}

func TestListsThatAreRefused(t *testing.T) {
	file := func(p string) Entry { return Entry{Path: p, Size: 1} }
	dir := func(p string) Entry { return Entry{Path: p, Kind: Folder} }
	link := func(p, to string) Entry { return Entry{Path: p, Kind: Symlink, To: to} }
	cases := map[string][]Entry{
		"twice":                         {file("a"), file("a")},
		"case":                          {file("a"), file("A")},
		"case of a folder":              {dir("d"), dir("D")},
		"normal form":                   {file("\u00e9"), file("e\u0301")},
		"file over folder":              {dir("d"), file("d")},
		"folder missing":                {file("d/a")},
		"folder in another case":        {dir("d"), file("D/a")},
		"folder comes later":            {file("d/a"), dir("d")},
		"file as folder":                {file("d"), file("d/a")},
		"link as folder":                {dir("d"), link("d/l", "x"), file("d/l/a")},
		"negative size":                 {{Path: "a", Size: -1}},
		"too many pieces":               {{Path: "a", Size: MinPiece*MaxPieces + 1}},
		"folder with a size":            {{Path: "a", Kind: Folder, Size: 1}},
		"unknown kind":                  {{Path: "a", Kind: "device"}},
		"time":                          {{Path: "a", Time: 1 << 62}},
		"link that is absolute":         {dir("d"), link("d/l", "/etc")},
		"link out":                      {dir("d"), link("d/l", "../../x")},
		"link to the receiver's folder": {dir("d"), link("d/l", "../x")},
		"link behind a name":            {dir("d"), dir("d/e"), link("d/e/l", "x/../../../y")},
		"link with drive":               {dir("d"), link("d/l", "c:x")},
		"link to nothing":               {dir("d"), link("d/l", "")},
		"link with backslash":           {dir("d"), link("d/l", `..\..\x`)},
	}
	for name, entries := range cases {
		t.Run(name, func(t *testing.T) {
			if err := manifest(true, entries...); err == nil {
				t.Error("it was taken")
			}
		})
	}
	if err := manifest(true, dir("d"), dir("d/e"), link("d/l", "e/x"), link("d/e/m", "../l"), link("d/n", "./e")); err != nil {
		t.Errorf("links among what is sent: %v", err)
	}
	if err := manifest(false, dir("d"), link("d/l", "x")); !errors.Is(err, ErrName) {
		t.Errorf("a link where none are taken: %v", err)
	}
}

func TestOffersThatAreRefused(t *testing.T) {
	good := Offer{Kind: KindFiles, Entries: 1, Files: 1, Piece: MinPiece}
	for name, change := range map[string]func(o *Offer){
		"piece":   func(o *Offer) { o.Piece = 100_000 },
		"piece 0": func(o *Offer) { o.Piece = 0 },
		"entries": func(o *Offer) { o.Entries = MaxEntries + 1 },
		"below 0": func(o *Offer) { o.Entries = -1 },
		"kind":    func(o *Offer) { o.Kind = "virus" },
		"text":    func(o *Offer) { o.Kind, o.Entries = KindText, 2 },
		"name":    func(o *Offer) { o.Name = strings.Repeat("x", 5000) },
	} {
		o := good
		change(&o)
		if _, err := NewManifest(o, false); !errors.Is(err, ErrOffer) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m, err := NewManifest(good, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Finish(); !errors.Is(err, ErrOffer) {
		t.Errorf("too few entries: %v", err)
	}
	if err := m.Add(Entry{Path: "a", Size: 1}); err != nil {
		t.Fatal(err)
	}
	if err := m.Finish(); !errors.Is(err, ErrOffer) {
		t.Errorf("another sum: %v", err)
	}
	if err := m.Add(Entry{Path: "b"}); !errors.Is(err, ErrOffer) {
		t.Errorf("one too many: %v", err)
	}
}

// A path that is taken stays below the folder, read as Unix and as Windows read it.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"a/b", "../x", `..\x`, "C:x", "NUL.txt", "a/../../b", "a ", "com1", "\u202e", "é"} {
		f.Add(seed, "../x")
	}
	f.Fuzz(func(t *testing.T, name, to string) {
		if CheckPath(name) == nil {
			for _, p := range []string{name, strings.ReplaceAll(name, `\`, "/"), strings.ToLower(name)} {
				clean := path.Clean("/root/" + p)
				if !strings.HasPrefix(clean, "/root/") || path.Clean(p) != p || strings.ContainsAny(p, ":\x00") {
					t.Fatalf("%q leads to %q", p, clean)
				}
			}
			if Fold(Fold(name)) != Fold(name) {
				t.Fatalf("%q folds to %q, and that to %q", name, Fold(name), Fold(Fold(name)))
			}
		}
		link := "d/e/l"
		if checkTarget(link, to) == nil {
			if clean := path.Clean("/root/d/e/" + to); !strings.HasPrefix(clean, "/root/d") || strings.Contains(to, `\`) {
				t.Fatalf("a link to %q leads to %q", to, clean)
			}
		}
	})
}

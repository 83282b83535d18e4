package transfer

import (
	"encoding/json"
	"strings"
	"testing"

	"switchyard/engine/pake"
)

func TestPairIsChecked(t *testing.T) {
	good := Pair{Secret: strings.Repeat("A", 43)}
	if good.secret() == nil || len(good.ID()) != 26 {
		t.Error("a good pair has no id")
	}
	for _, bad := range []string{"", "A", strings.Repeat("A", 42), strings.Repeat("!", 43)} {
		if p := (Pair{Secret: bad}); p.secret() != nil || p.ID() != "" {
			t.Errorf("%q is a secret", bad)
		}
	}
	for in, want := range map[string]string{"": "a device", " \n ": "a device", " Ann's\x1b[2J phone ": "Ann's [2J phone", strings.Repeat("ö", 80): strings.Repeat("ö", 64)} {
		if got := nameOf(in); got != want {
			t.Errorf("%q is called %q, want %q", in, got, want)
		}
	}
}

func TestOfferOf(t *testing.T) {
	const link = "https://example.org/files/t/ABCDEFGHIJKLMNOPQRSTUVWXYZ#AAAAAAAAAAAAAAAAAAAAAA.p"
	o, err := OfferOf(link, "notes", 5)
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseOffer(b)
	if err != nil || got != o || got.Link("https://example.org/files") != link {
		t.Fatalf("%+v %v", got, err)
	}
	if _, err := OfferOf("nothing", "", 0); err == nil {
		t.Error("no link is offered")
	}
}

func FuzzOffer(f *testing.F) {
	f.Add([]byte(`{"id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ","key":"AAAAAAAAAAAAAAAAAAAAAA","name":"holiday.zip","bytes":5}`))
	f.Add([]byte(`{"id":"../../x","key":"short","bytes":-1}`))
	f.Add([]byte(`{"id":5}`))
	f.Add([]byte(`{"pair":{"name":"Ann","was":["x"]}}`))
	f.Add([]byte(`{"pair":7}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := parseOffer(b); err == nil {
			link, err := ParseLink(o.Link("https://example.org"))
			if err != nil || link.ID != o.ID || strings.ContainsAny(o.Name, "\x1b\n\r") {
				t.Errorf("%+v: %v", o, err)
			}
		}
		if w, err := parseSecret(b); err == nil && w.Pair != nil {
			p := (&PairOptions{}).paired(new(pake.Keys), w.Pair)
			if p.Name == "" || len([]rune(p.Name)) > 64 || strings.ContainsAny(p.Name, "\x1b\n\r") || p.Before != "" {
				t.Errorf("%+v", p)
			}
		}
	})
}

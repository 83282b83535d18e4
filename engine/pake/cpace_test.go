package pake

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The vectors are those of draft-irtf-cfrg-cpace, appendix B.1.
const (
	draftSID       = "7e4b4791d6a8ef019b936c79fb7f2c57"
	draftGenerator = "4e6098733061c0e8486611a904fe5edb049804d26130a44131a6229e55c5c321"
	draftYa        = "45acf93116ae5d3dae995a7c627df2924321a8e857d9a200807131e38839b0c2"
	draftShareA    = "6f7fd31863b18b0cc9830fc842c60dea80120ccf2fd375498225e45a52065361"
	draftYb        = "a145e914b347002d298ce2051394f0ed68cf3623dfe5db082c78ffa5a667acdc"
	draftShareB    = "e1b730a4956c0f853d96c5d125cebeeea46952c07c6f66da65bd9ffd2f71a462"
	draftK         = "2a905bc5f0b93ee72ac4b6ea8723520941adfc892935bf6f86d9e199befa6024"
)

func draftSides(t *testing.T) (a, b *Exchange) {
	t.Helper()
	prs, ci, sid := []byte("Password"), []byte("\nAinitiator\nBresponder"), unhex(t, draftSID)
	a, err := begin(Initiator, prs, ci, sid, [32]byte(unhex(t, draftYa)))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = begin(Responder, prs, ci, sid, [32]byte(unhex(t, draftYb))); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestGeneratorOfTheDraft(t *testing.T) {
	prs, ci, sid := []byte("Password"), []byte("\nAinitiator\nBresponder"), unhex(t, draftSID)
	want := unhex(t, "0843506163653235350850617373776f72646d"+strings.Repeat("00", 109)+
		"160a41696e69746961746f720a42726573706f6e646572107e4b4791d6a8ef019b936c79fb7f2c57")
	if got := generatorString(prs, ci, sid); !bytes.Equal(got, want) {
		t.Errorf("generator string %x, want %x", got, want)
	}
	if got := generator(prs, ci, sid); !bytes.Equal(got, unhex(t, draftGenerator)) {
		t.Errorf("generator %x, want %s", got, draftGenerator)
	}
}

func TestSharesOfTheDraft(t *testing.T) {
	a, b := draftSides(t)
	if got := a.Share(); !bytes.Equal(got, unhex(t, draftShareA)) {
		t.Errorf("Ya %x", got)
	}
	if got := b.Share(); !bytes.Equal(got, unhex(t, draftShareB)) {
		t.Errorf("Yb %x", got)
	}
	for _, c := range []struct {
		e    *Exchange
		peer string
	}{{a, draftShareB}, {b, draftShareA}} {
		if k, err := multiply(c.e.secret, unhex(t, c.peer)); err != nil || !bytes.Equal(k, unhex(t, draftK)) {
			t.Errorf("K %x, %v", k, err)
		}
	}
}

// The draft's ISK has associated data, which ours leaves empty: the hashed text is built here from the draft's parts.
func TestTranscriptOfTheDraft(t *testing.T) {
	got := lv([]byte("CPace255_ISK"), unhex(t, draftSID), unhex(t, draftK))
	got = append(got, lv(unhex(t, draftShareA), []byte("ADa"))...)
	got = append(got, lv(unhex(t, draftShareB), []byte("ADb"))...)
	want := unhex(t, `0c43506163653235355f49534b107e4b4791d6a8ef019b936c79fb7f
		2c57202a905bc5f0b93ee72ac4b6ea8723520941adfc892935bf6f86
		d9e199befa6024206f7fd31863b18b0cc9830fc842c60dea80120ccf
		2fd375498225e45a5206536103414461 20e1b730a4956c0f853d96c5
		d125cebeeea46952c07c6f66da65bd9ffd2f71a46203414462`)
	if !bytes.Equal(got, want) {
		t.Errorf("transcript\n%x, want\n%x", got, want)
	}
	e, _ := draftSides(t)
	isk, err := e.finish(unhex(t, draftShareB), []byte("ADa"), []byte("ADb"))
	if err != nil {
		t.Fatal(err)
	}
	if wantISK := unhex(t, `99a9e0ff35acb94ad8af1cd6b32ac409dc7d00557ccd9a7d19d3b462
		9e5f1f084f9332096162438c7ecc78331b4eda17e1a229a47182eccc9ea58cd9cdcd8e9a`); !bytes.Equal(isk[:], wantISK) {
		t.Errorf("ISK %x", isk)
	}
}

func TestLowOrderPointsOfTheDraft(t *testing.T) {
	e, err := begin(Initiator, nil, nil, nil, [32]byte(unhex(t, "af46e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449aff")))
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range []string{
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
		"5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
		"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	} {
		if _, err := e.Finish(unhex(t, u)); !errors.Is(err, ErrShare) {
			t.Errorf("%s: %v, want ErrShare", u, err)
		}
	}
	for u, want := range map[string]string{
		"daffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "d8e2c776bbacd510d09fd9278b7edcd25fc5ae9adfba3b6e040e8d3b71b21806",
		"dbffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "c85c655ebe8be44ba9c0ffde69f2fe10194458d137f09bbff725ce58803cdb38",
		"d9ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff": "db64dafa9b8fdd136914e61461935fe92aa372cb056314e1231bc4ec12417456",
		"cdeb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880": "e062dcd5376d58297be2618c7498f55baa07d7e03184e8aada20bca28888bf7a",
		"4c9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f11d7": "993c6ad11c4c29da9a56f7691fd0ff8d732e49de6250b6c2e80003ff4629a175",
	} {
		if k, err := multiply(e.secret, unhex(t, u)); err != nil || !bytes.Equal(k, unhex(t, want)) {
			t.Errorf("%s: %x, %v", u, k, err)
		}
	}
	for _, share := range [][]byte{nil, make([]byte, 31), make([]byte, 33)} {
		if _, err := e.Finish(share); !errors.Is(err, ErrShare) {
			t.Errorf("%d bytes: %v", len(share), err)
		}
	}
}

// Both sides agree where all inputs are the same, and nowhere else.
func TestAgreement(t *testing.T) {
	run := func(prsA, prsB, ciB, sidB string) bool {
		a, err := New(Initiator, []byte(prsA), []byte("ci"), []byte("sid"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := New(Responder, []byte(prsB), []byte(ciB), []byte(sidB))
		if err != nil {
			t.Fatal(err)
		}
		iskA, err := a.Finish(b.Share())
		if err != nil {
			t.Fatal(err)
		}
		iskB, err := b.Finish(a.Share())
		if err != nil {
			t.Fatal(err)
		}
		ka, kb := Derive(iskA), Derive(iskB)
		agreed := iskA == iskB
		for _, s := range []Side{Receiver, Sender} {
			if ka.Confirmed(s, kb.Confirm(s)) != agreed || kb.Confirmed(s, kb.Confirm(s.Other())) {
				t.Errorf("confirmation of the %v does not say whether they agreed", s)
			}
			box := ka.Seal(s, []byte("hello"), "data")
			if got, err := kb.Open(s, box, "data"); (err == nil && string(got) == "hello") != agreed {
				t.Errorf("box of the %v: %q, %v, agreed %v", s, got, err, agreed)
			}
			if _, err := kb.Open(s, box, "signal t"); err == nil {
				t.Error("a box opened for another purpose")
			}
			if _, err := kb.Open(s.Other(), box, "data"); err == nil {
				t.Error("a box opened as the other side's")
			}
		}
		return agreed
	}
	if !run("a", "a", "ci", "sid") {
		t.Error("equal inputs: no agreement")
	}
	if run("a", "b", "ci", "sid") || run("a", "a", "cj", "sid") || run("a", "a", "ci", "sie") {
		t.Error("agreement with different inputs")
	}
}

func FuzzFinish(f *testing.F) {
	f.Add([]byte{})
	f.Add(make([]byte, 32))
	f.Add(bytes.Repeat([]byte{0xff}, 32))
	e, err := New(Responder, []byte("prs"), []byte("ci"), []byte("sid"))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, share []byte) {
		if _, err := e.Finish(share); err != nil && !errors.Is(err, ErrShare) {
			t.Error(err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	k := Derive([64]byte{1})
	f.Add(k.Seal(Sender, []byte("{}"), "data"), "data")
	f.Add("", "data")
	f.Add("AAAAAAAAAAAAAAAA", "signal t")
	f.Fuzz(func(t *testing.T, box, aad string) {
		if _, err := k.Open(Receiver, box, aad); !errors.Is(err, ErrBox) {
			t.Errorf("%q opened", box)
		}
	})
}

func FuzzElligator(f *testing.F) {
	f.Add(make([]byte, 32))
	f.Add(bytes.Repeat([]byte{0xff}, 32))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 32 {
			return
		}
		u := elligator2(b)
		e, _ := New(Initiator, nil, nil, nil)
		if len(u) != 32 || u[31]&0x80 != 0 {
			t.Errorf("%x is no field element", u)
		}
		_, _ = multiply(e.secret, u)
	})
}

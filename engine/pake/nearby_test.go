package pake

import (
	"bytes"
	"errors"
	"regexp"
	"testing"
)

var nearbyEnds = NearbyEnds{Room: "nearby-x", Sender: "n-a", Receiver: "n-b"}

func TestNearbyOffer(t *testing.T) {
	to, other := NewNearbyKey(), NewNearbyKey()
	pair, another := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)
	for _, secret := range [][]byte{nil, pair} {
		key, box, err := SealNearby(nearbyEnds, to.Share(), secret, []byte("hello"))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := to.Open(nearbyEnds, key, secret, box); err != nil || string(got) != "hello" {
			t.Fatal(string(got), err)
		}
		elsewhere, renamed := nearbyEnds, nearbyEnds
		elsewhere.Room, renamed.Sender = "nearby-y", "n-c"
		for what, open := range map[string]func() ([]byte, error){
			"another device":       func() ([]byte, error) { return other.Open(nearbyEnds, key, secret, box) },
			"another room":         func() ([]byte, error) { return to.Open(elsewhere, key, secret, box) },
			"another sender":       func() ([]byte, error) { return to.Open(renamed, key, secret, box) },
			"another pair":         func() ([]byte, error) { return to.Open(nearbyEnds, key, another, box) },
			"another key":          func() ([]byte, error) { return to.Open(nearbyEnds, other.Share(), secret, box) },
			"a box that is cut":    func() ([]byte, error) { return to.Open(nearbyEnds, key, secret, box[:len(box)-2]) },
			"no box":               func() ([]byte, error) { return to.Open(nearbyEnds, key, secret, "") },
			"what is not base64":   func() ([]byte, error) { return to.Open(nearbyEnds, key, secret, "!") },
			"who has no secret":    func() ([]byte, error) { return to.Open(nearbyEnds, key, append(secret, 1), box) },
			"a nonce and no bytes": func() ([]byte, error) { return to.Open(nearbyEnds, key, secret, box[:16]) },
		} {
			if got, err := open(); !errors.Is(err, ErrBox) {
				t.Errorf("%s: %q %v", what, got, err)
			}
		}
	}
	for _, low := range [][]byte{nil, make([]byte, 31), make([]byte, 32)} {
		if _, _, err := SealNearby(nearbyEnds, low, nil, nil); !errors.Is(err, ErrShare) {
			t.Errorf("%x: %v", low, err)
		}
		if _, err := to.Open(nearbyEnds, low, nil, "AAAA"); !errors.Is(err, ErrShare) {
			t.Errorf("%x: %v", low, err)
		}
	}
}

func TestPairID(t *testing.T) {
	one, two := PairID([32]byte{1}), PairID([32]byte{2})
	if shape := regexp.MustCompile(`^[a-z2-7]{26}$`); !shape.MatchString(one) || one == two {
		t.Fatal(one, two)
	}
}

func FuzzNearbyOffer(f *testing.F) {
	to := NewNearbyKey()
	key, box, err := SealNearby(nearbyEnds, to.Share(), nil, []byte(`{"id":"x"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(key, box)
	f.Add(make([]byte, 32), "")
	f.Add([]byte{1}, "AAAA")
	f.Fuzz(func(t *testing.T, theirs []byte, sealed string) {
		if got, err := to.Open(nearbyEnds, theirs, nil, sealed); err == nil && (!bytes.Equal(theirs, key) || string(got) != `{"id":"x"}`) {
			t.Errorf("%q opens, and nobody sealed it", got)
		}
	})
}

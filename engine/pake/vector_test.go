package pake

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/transfer.json anew")

// vectors is testdata/transfer.json: what any client must come to. All strings of bytes are hex, boxes base64url.
type vectors struct {
	Exchanges []vector            `json:"exchanges"`
	Nearby    []nearbyVector      `json:"nearby"`
	Words     map[string][]string `json:"words"`
}

type vector struct {
	Name       string            `json:"name"`
	Key        string            `json:"key,omitempty"`        // of the link
	Passphrase string            `json:"passphrase,omitempty"` // as typed
	Code       string            `json:"code,omitempty"`       // as shown
	Room       string            `json:"room"`
	Receiver   string            `json:"receiver"`
	Sender     string            `json:"sender"`
	PRS        string            `json:"prs"`
	CI         string            `json:"ci"`
	SID        string            `json:"sid"`
	Generator  string            `json:"generator"`
	Scalars    map[string]string `json:"scalars"` // by side
	Shares     map[string]string `json:"shares"`
	ISK        string            `json:"isk"`
	Keys       map[string]string `json:"keys"`     // by use and side
	Confirms   map[string]string `json:"confirms"` // by side
	Boxes      []box             `json:"boxes"`
}

type box struct {
	By        string `json:"by"`
	Nonce     string `json:"nonce"`
	AAD       string `json:"aad"`
	Plaintext string `json:"plaintext"` // text
	Box       string `json:"box"`
}

// nearbyVector is an offer to a device nearby, or to the other of a pair.
type nearbyVector struct {
	Pair      string            `json:"pair"`   // its secret; empty in the network's room
	PairID    string            `json:"pairId"` // empty there
	Was       string            `json:"was"`    // of the id itself; empty there
	Room      string            `json:"room"`
	Sender    string            `json:"sender"`
	Receiver  string            `json:"receiver"`
	Scalars   map[string]string `json:"scalars"` // by side
	Key       string            `json:"key"`     // the sender's, beside the box
	Plaintext string            `json:"plaintext"`
	Box       string            `json:"box"`
}

func makeNearby(t *testing.T, name string, pair []byte) nearbyVector {
	t.Helper()
	h := hex.EncodeToString
	from, to, nonce := seeded(name+" sender"), seeded(name+" receiver"), seeded(name+" nonce")
	v := nearbyVector{Room: "nearby-abcdefghijklmnopqrst", Sender: "n-7k2m", Receiver: "n-3x4y", Pair: h(pair),
		Scalars:   map[string]string{"sender": h(from[:]), "receiver": h(to[:])},
		Plaintext: `{"id":"ABCDEFGHIJKLMNOPQRSTUVWXYZ","key":"AAAAAAAAAAAAAAAAAAAAAA","name":"holiday.zip","bytes":5}`}
	if len(pair) > 0 {
		v.PairID = PairID([32]byte(pair))
		v.Was = PairWas([32]byte(pair), v.PairID)
	}
	key, box, err := sealNearby(nearbyKey(from), [12]byte(nonce[:12]), NearbyEnds{v.Room, v.Sender, v.Receiver}, nearbyKey(to).Share(), pair, []byte(v.Plaintext))
	if err != nil {
		t.Fatal(err)
	}
	v.Key, v.Box = h(key), box
	return v
}

// seeded makes bytes that look random and are always the same.
func seeded(of string) [32]byte { return sha256.Sum256([]byte("switchyard vector " + of)) }

func makeVector(t *testing.T, v vector, prs []byte) vector {
	t.Helper()
	sid := seeded(v.Name + " sid")
	ci := Channel(v.Room, v.Receiver, v.Sender)
	h := hex.EncodeToString
	v.PRS, v.CI, v.SID, v.Generator = h(prs), h(ci), h(sid[:NonceSize]), h(generator(prs, ci, sid[:NonceSize]))
	v.Scalars, v.Shares, v.Keys, v.Confirms = map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
	sides := map[Side]*Exchange{}
	for side, role := range map[Side]Role{Receiver: Initiator, Sender: Responder} {
		scalar := seeded(v.Name + " scalar " + side.String())
		e, err := begin(role, prs, ci, sid[:NonceSize], scalar)
		if err != nil {
			t.Fatal(err)
		}
		sides[side] = e
		v.Scalars[side.String()], v.Shares[side.String()] = h(scalar[:]), h(e.Share())
	}
	isk, err := sides[Receiver].Finish(sides[Sender].Share())
	if err != nil {
		t.Fatal(err)
	}
	if other, err := sides[Sender].Finish(sides[Receiver].Share()); err != nil || other != isk {
		t.Fatal("the sides do not agree", err)
	}
	v.ISK = h(isk[:])
	k := Derive(isk)
	v.Keys["pair"] = h(k.pair[:])
	for _, s := range []Side{Receiver, Sender} {
		v.Keys["confirm "+s.String()], v.Keys["seal "+s.String()], v.Keys["relay "+s.String()] = h(k.confirm[s][:]), h(k.seal[s][:]), h(k.relay[s][:])
		v.Confirms[s.String()] = h(k.Confirm(s))
		for _, b := range []box{{AAD: "data", Plaintext: `{"relay":true}`}, {AAD: "signal t", Plaintext: `{"close":true}`}, {AAD: "data"}} {
			nonce := seeded(v.Name + " nonce " + s.String() + b.AAD + b.Plaintext)
			b.By, b.Nonce = s.String(), h(nonce[:12])
			b.Box = k.sealWith(s, [12]byte(nonce[:12]), []byte(b.Plaintext), b.AAD)
			v.Boxes = append(v.Boxes, b)
		}
	}
	return v
}

// Another implementation can be held against this file; so are we, lest a change of ours breaks links between versions.
func TestVectors(t *testing.T) {
	seed := seeded("key")
	key := [KeySize]byte(seed[:])
	room := "t-abcdefghijklmnopqrstuvwxyz"
	in := func(name string) vector { return vector{Name: name, Room: room, Receiver: "r-7k2m", Sender: "sender"} }
	link, pass, code := in("link"), in("link with passphrase"), in("code")
	link.Key, pass.Key, pass.Passphrase = hex.EncodeToString(key[:]), hex.EncodeToString(key[:]), "Gru\u0308n 42" // not in NFC
	c := Code{"7", firstWords[41], secondWords[142]}
	code.Code, code.Receiver = c.String(), "c-7k2m"
	pair := seeded("pair")
	got := vectors{
		Nearby: []nearbyVector{makeNearby(t, "network", nil), makeNearby(t, "pair", pair[:])},
		Exchanges: []vector{
			makeVector(t, link, LinkSecret(key, "")),
			makeVector(t, pass, LinkSecret(key, "Gr\u00fcn 42")),
			makeVector(t, code, CodeSecret(c)),
		},
		Words: map[string][]string{"first": firstWords, "second": secondWords},
	}
	if !bytes.Equal(LinkSecret(key, pass.Passphrase), LinkSecret(key, "Gr\u00fcn 42")) {
		t.Error("a passphrase depends on how its letters are composed")
	}
	b, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	if *update {
		if err := os.WriteFile("testdata/transfer.json", b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/transfer.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, want) {
		t.Error("what we compute is not what testdata/transfer.json says: links of other versions would not open")
	}
	for _, x := range got.Exchanges {
		k := Derive([64]byte(unhex(t, x.ISK)))
		for _, b := range x.Boxes {
			side := Receiver
			if b.By == "sender" {
				side = Sender
			}
			if text, err := k.Open(side, b.Box, b.AAD); err != nil || string(text) != b.Plaintext {
				t.Errorf("%s: %q, %v", x.Name, text, err)
			}
			if raw, err := base64.RawURLEncoding.DecodeString(b.Box); err != nil || hex.EncodeToString(raw[:12]) != b.Nonce {
				t.Errorf("%s: the box does not begin with its nonce", x.Name)
			}
		}
	}
}

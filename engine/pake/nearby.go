package pake

import (
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
)

// The labels of what devices have with each other (docs/transfer.md, Nearby).
const (
	nearbyInfo = "switchyard nearby v1"
	nearbyAAD  = "nearby"
	pairIDInfo = "switchyard pair id v1"
	wasInfo    = "switchyard pair was v1 "
)

// PairID is where the two devices of a pair find each other: all that a server sees of their secret.
func PairID(secret [32]byte) string {
	b, err := hkdf.Key(sha256.New, secret[:], nil, pairIDInfo, 32)
	if err != nil {
		panic(err) // 32 bytes are never too many
	}
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").EncodeToString(b)[:26]
}

// PairWas proves, under the secret of a new pair, that one was the other end of an earlier one with that id; it tells
// nobody an id who does not know it.
func PairWas(secret [32]byte, id string) string {
	b, err := hkdf.Key(sha256.New, secret[:], nil, wasInfo+id, 32)
	if err != nil {
		panic(err) // 32 bytes are never too many
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// NearbyKey is a device's for its time in one room of devices.
type NearbyKey struct{ secret *ecdh.PrivateKey }

// NewNearbyKey makes one.
func NewNearbyKey() NearbyKey {
	var scalar [32]byte
	_, _ = rand.Read(scalar[:]) // never fails
	return nearbyKey(scalar)
}

func nearbyKey(scalar [32]byte) NearbyKey {
	secret, err := ecdh.X25519().NewPrivateKey(scalar[:])
	if err != nil {
		panic(err) // any 32 bytes are a scalar
	}
	return NearbyKey{secret}
}

// Share is what the others get.
func (k NearbyKey) Share() []byte { return k.secret.PublicKey().Bytes() }

// NearbyEnds are between whom an offer is, as the room has them.
type NearbyEnds struct{ Room, Sender, Receiver string }

// SealNearby seals for who has told the share theirs; between the two of a pair also with its secret, else that is
// empty. Key is what opens the box there. Error: ErrShare.
func SealNearby(e NearbyEnds, theirs, pair, plaintext []byte) (key []byte, box string, err error) {
	var nonce [12]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return sealNearby(NewNearbyKey(), nonce, e, theirs, pair, plaintext)
}

func sealNearby(mine NearbyKey, nonce [12]byte, e NearbyEnds, theirs, pair, plaintext []byte) ([]byte, string, error) {
	k, err := mine.boxKey(e, theirs, pair, mine.Share(), theirs)
	if err != nil {
		return nil, "", err
	}
	return mine.Share(), base64.RawURLEncoding.EncodeToString(gcm(k).Seal(nonce[:], nonce[:], plaintext, []byte(nearbyAAD))), nil
}

// Open opens what was sealed for our share with that key. Errors: ErrShare, ErrBox.
func (k NearbyKey) Open(e NearbyEnds, theirs, pair []byte, box string) ([]byte, error) {
	key, err := k.boxKey(e, theirs, pair, theirs, k.Share())
	if err != nil {
		return nil, err
	}
	b, err := base64.RawURLEncoding.DecodeString(box)
	if err != nil || len(b) < 12 {
		return nil, ErrBox
	}
	plaintext, err := gcm(key).Open(nil, b[:12], b[12:], []byte(nearbyAAD))
	if err != nil {
		return nil, ErrBox
	}
	return plaintext, nil
}

func (k NearbyKey) boxKey(e NearbyEnds, theirs, pair, senders, receivers []byte) ([32]byte, error) {
	shared, err := multiply(k.secret, theirs)
	if err != nil {
		return [32]byte{}, err
	}
	about := lv([]byte(e.Room), []byte(e.Sender), []byte(e.Receiver), senders, receivers)
	b, err := hkdf.Key(sha256.New, shared, pair, nearbyInfo+string(about), 32)
	if err != nil {
		panic(err) // 32 bytes are never too many
	}
	return [32]byte(b), nil
}

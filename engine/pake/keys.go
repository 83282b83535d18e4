package pake

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"errors"

	"golang.org/x/text/unicode/norm"
)

// Sizes in bytes.
const (
	KeySize   = 16 // of the key in a link
	NonceSize = 16 // of an exchange's sid
)

// ErrBox is a box that was sealed with another key or for another purpose, or is none.
var ErrBox = errors.New("pake: the box does not open")

// context is part of all that is derived, so that keys of one use are no other's.
const context = "switchyard transfer v1"

// LinkSecret is the PRS of who has the link: its key and the passphrase, "" where there is none.
func LinkSecret(key [KeySize]byte, passphrase string) []byte {
	return lv([]byte("link"), key[:], norm.NFC.Bytes([]byte(passphrase)))
}

// CodeSecret is the PRS of who has a code, as Code.String writes it.
func CodeSecret(c Code) []byte { return lv([]byte("code"), []byte(c.String())) }

// Channel is the CI: which room, and who in it talk.
func Channel(room, receiver, sender string) []byte {
	return lv([]byte(context), []byte(room), []byte(receiver), []byte(sender))
}

// Side is one of the two ends. The receiver of files is the initiator.
type Side uint8

// The two ends of a transfer.
const (
	Receiver Side = iota + 1
	Sender
)

// Other is the end that a side talks to.
func (s Side) Other() Side { return Receiver + Sender - s }

func (s Side) String() string {
	if s == Sender {
		return "sender"
	}
	return "receiver"
}

// Keys are what both ends have after an exchange, by side where the side matters that used them.
type Keys struct {
	confirm, seal, relay [3][32]byte // by Side
	pair                 [32]byte
}

// Derive makes the keys of an intermediate session key: HKDF-SHA256 without salt (RFC 5869).
func Derive(isk [sha512.Size]byte) *Keys {
	k := &Keys{}
	for _, s := range []Side{Receiver, Sender} {
		k.confirm[s] = expand(isk[:], "confirm "+s.String())
		k.seal[s] = expand(isk[:], "seal "+s.String())
		k.relay[s] = expand(isk[:], "relay "+s.String())
	}
	k.pair = expand(isk[:], "pair")
	return k
}

func expand(isk []byte, use string) [32]byte {
	b, err := hkdf.Key(sha256.New, isk, nil, context+" "+use, 32)
	if err != nil {
		panic(err) // 32 bytes are never too many
	}
	return [32]byte(b)
}

// Confirm proves that side s has the keys.
func (k *Keys) Confirm(s Side) []byte {
	m := hmac.New(sha256.New, k.confirm[s][:])
	m.Write([]byte("confirm"))
	return m.Sum(nil)
}

// Confirmed tells whether proof is the Confirm of side s.
func (k *Keys) Confirmed(s Side, proof []byte) bool { return hmac.Equal(proof, k.Confirm(s)) }

// Relay is the key under which side s seals what goes through the relay.
func (k *Keys) Relay(s Side) [32]byte { return k.relay[s] }

// Pair is the secret that two devices keep which want to know each other again; nobody else has it, not even who
// knows the link or the code.
func (k *Keys) Pair() [32]byte { return k.pair }

// Seal encrypts a message of side s: base64url of a random nonce of 12 bytes and AES-256-GCM. Aad says what it is
// for, and is needed to open it.
func (k *Keys) Seal(s Side, plaintext []byte, aad string) string {
	var nonce [12]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return k.sealWith(s, nonce, plaintext, aad)
}

func (k *Keys) sealWith(s Side, nonce [12]byte, plaintext []byte, aad string) string {
	box := gcm(k.seal[s]).Seal(nonce[:], nonce[:], plaintext, []byte(aad))
	return base64.RawURLEncoding.EncodeToString(box)
}

// Open decrypts a message of side s, or fails with ErrBox.
func (k *Keys) Open(s Side, box, aad string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(box)
	if err != nil || len(b) < 12 {
		return nil, ErrBox
	}
	plaintext, err := gcm(k.seal[s]).Open(nil, b[:12], b[12:], []byte(aad))
	if err != nil {
		return nil, ErrBox
	}
	return plaintext, nil
}

func gcm(key [32]byte) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCM(block); err == nil {
			return aead
		}
	}
	panic(err) // 32 bytes are a key
}

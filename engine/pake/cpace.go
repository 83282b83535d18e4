// Package pake lets two ends that share a short secret agree on strong keys, so that whoever carries their messages learns
// nothing of the secret and has one guess per try: CPace (draft-irtf-cfrg-cpace, G_X25519 with SHA-512,
// initiator-responder). On top of it stand the keys, boxes and spoken codes of file transfers (docs/transfer.md).
package pake

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/sha512"
	"errors"

	"filippo.io/edwards25519/field"
)

// ShareSize is the length of what each side sends, in bytes.
const ShareSize = 32

// ErrShare is a share of the other side with which no secret comes about: it is broken or hostile, and nothing is to
// be sent on it.
var ErrShare = errors.New("pake: the other side's share is not valid")

// Role is the side of an exchange.
type Role uint8

// The initiator speaks first.
const (
	Initiator Role = iota + 1
	Responder
)

// Exchange is one side of one run of CPace, good for one share of the other side.
type Exchange struct {
	role   Role
	sid    []byte
	secret *ecdh.PrivateKey
	share  [ShareSize]byte
}

// New begins an exchange. Prs is the shared secret, ci names the channel and both parties, sid is fresh for each run;
// all are arbitrary bytes and the same on both sides.
func New(role Role, prs, ci, sid []byte) (*Exchange, error) {
	var scalar [32]byte
	_, _ = rand.Read(scalar[:]) // never fails
	return begin(role, prs, ci, sid, scalar)
}

// begin is New with a known scalar.
func begin(role Role, prs, ci, sid []byte, scalar [32]byte) (*Exchange, error) {
	secret, err := ecdh.X25519().NewPrivateKey(scalar[:])
	if err != nil {
		return nil, err
	}
	e := &Exchange{role: role, sid: bytes.Clone(sid), secret: secret}
	share, err := multiply(secret, generator(prs, ci, sid))
	if err != nil {
		return nil, err
	}
	e.share = [ShareSize]byte(share)
	return e, nil
}

// Share is what the other side must get.
func (e *Exchange) Share() []byte { return bytes.Clone(e.share[:]) }

// Finish takes the other side's share and returns the intermediate session key (ISK), which is the same on both sides
// if prs, ci and sid were. It says nothing about whether they were: that takes a confirmation (see Keys).
func (e *Exchange) Finish(share []byte) (isk [sha512.Size]byte, err error) {
	return e.finish(share, nil, nil)
}

// finish is Finish with associated data of the initiator and the responder; ours are empty.
func (e *Exchange) finish(share, ada, adb []byte) (isk [sha512.Size]byte, err error) {
	k, err := multiply(e.secret, share)
	if err != nil {
		return isk, err
	}
	first, second := e.share[:], share
	if e.role == Responder {
		first, second = second, first
	}
	// lv_cat(DSI, sid, K) ‖ lv_cat(Ya, ADa) ‖ lv_cat(Yb, ADb)
	text := lv([]byte("CPace255_ISK"), e.sid, k)
	text = append(text, lv(first, ada)...)
	text = append(text, lv(second, adb)...)
	return sha512.Sum512(text), nil
}

// multiply is G.scalar_mult_vfy: X25519 (RFC 7748 §5), refusing the neutral element.
func multiply(secret *ecdh.PrivateKey, u []byte) ([]byte, error) {
	point, err := ecdh.X25519().NewPublicKey(u)
	if err != nil {
		return nil, ErrShare
	}
	k, err := secret.ECDH(point)
	if err != nil {
		return nil, ErrShare
	}
	return k, nil
}

// generator is G.calculate_generator: a point of the curve that depends on the secret.
func generator(prs, ci, sid []byte) []byte {
	h := sha512.Sum512(generatorString(prs, ci, sid))
	return elligator2(h[:32])
}

// generatorString fills the first block of the hash with the secret and zeros, so that hashing it takes the same time
// whatever the rest is (generator_string).
func generatorString(prs, ci, sid []byte) []byte {
	dsi := []byte("CPace255")
	pad := max(0, sha512.BlockSize-1-len(lv(prs))-len(lv(dsi)))
	return lv(dsi, prs, make([]byte, pad), ci, sid)
}

// elligator2 maps 32 bytes, whose highest bit is ignored, to the u coordinate of a point on Curve25519 (RFC 9380
// §6.7.1, with Z = 2), in constant time.
func elligator2(b []byte) []byte {
	r, err := new(field.Element).SetBytes(b)
	if err != nil {
		panic(err) // not 32 bytes: our own mistake, never the network's
	}
	one := new(field.Element).One()
	a := new(field.Element).Mult32(one, 486662)
	// v = -A / (1 + 2 r²), whose denominator is never 0 because -1/2 is no square.
	v := new(field.Element).Square(r)
	v.Mult32(v, 2)
	v.Add(v, one)
	v.Invert(v)
	v.Multiply(v, a)
	v.Negate(v)
	// v is on the curve if v³ + A v² + v = v (v² + A v + 1) is a square; else -v - A is.
	w := new(field.Element).Add(v, a)
	w.Multiply(w, v)
	w.Add(w, one)
	w.Multiply(w, v)
	_, square := new(field.Element).SqrtRatio(w, one)
	other := new(field.Element).Add(v, a)
	other.Negate(other)
	return new(field.Element).Select(v, other, square).Bytes()
}

// lv joins parts, each behind its length as a LEB128 number (lv_cat).
func lv(parts ...[]byte) []byte {
	var out []byte
	for _, p := range parts {
		n := len(p)
		for ; n >= 0x80; n >>= 7 {
			out = append(out, byte(n)|0x80)
		}
		out = append(append(out, byte(n)), p...)
	}
	return out
}

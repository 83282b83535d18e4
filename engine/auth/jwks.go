package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
)

// ErrKeySet is returned for what is no JSON Web Key Set, or one without a key that can check a token.
var ErrKeySet = errors.New("auth: no JSON Web Key Set with an RS256 or ES256 key")

// KeySet are public keys of somebody else who signs tokens (RFC 7517). It implements Keys.
type KeySet struct {
	keys []publicKey
}

type publicKey struct {
	id, algorithm string
	key           any
}

// jwk is a key as it stands in a set (RFC 7517 §4, RFC 7518 §6).
type jwk struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Curve     string `json:"crv"`
	N         string `json:"n"`
	E         string `json:"e"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

// ParseKeySet reads a JSON Web Key Set. Keys that are not for RS256 or ES256 signatures are left out, as
// RFC 7517 §5 asks; the error is ErrKeySet.
func ParseKeySet(data []byte) (KeySet, error) {
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return KeySet{}, ErrKeySet
	}
	var out KeySet
	for _, k := range set.Keys {
		algorithm, key := k.public()
		if key == nil || k.Use != "" && k.Use != "sig" || k.Algorithm != "" && k.Algorithm != algorithm || !fits(algorithm, key) {
			continue
		}
		out.keys = append(out.keys, publicKey{id: k.ID, algorithm: algorithm, key: key})
	}
	if len(out.keys) == 0 {
		return KeySet{}, ErrKeySet
	}
	return out, nil
}

// public returns the key and what it is for; nil for other kinds of keys.
func (k *jwk) public() (algorithm string, key any) {
	switch {
	case k.Type == "RSA":
		n, e := number(k.N), number(k.E)
		if n == nil || e == nil || e.BitLen() > 31 || e.Int64() < 3 || e.Bit(0) == 0 || n.BitLen() > 8192 {
			return "", nil
		}
		return "RS256", &rsa.PublicKey{N: n, E: int(e.Int64())}
	case k.Type == "EC" && k.Curve == "P-256":
		x, errX := base64.RawURLEncoding.DecodeString(k.X)
		y, errY := base64.RawURLEncoding.DecodeString(k.Y)
		if errX != nil || errY != nil || len(x) != 32 || len(y) != 32 { // RFC 7518 §6.2.1.2
			return "", nil
		}
		point := append(append([]byte{4}, x...), y...) // SEC 1 §2.3.3
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			return "", nil // not on the curve
		}
		return "ES256", pub
	}
	return "", nil
}

// number reads a Base64urlUInt (RFC 7518 §2); nil where it is none.
func number(s string) *big.Int {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) == 0 || len(b) > 1024 {
		return nil
	}
	return new(big.Int).SetBytes(b)
}

// Key implements Keys. A token without an id is checked with the only key for its algorithm.
func (s KeySet) Key(algorithm, id string) (any, error) {
	var found any
	for _, k := range s.keys {
		switch {
		case k.algorithm != algorithm:
		case id != "" && k.id == id:
			return k.key, nil
		case id == "" && found != nil:
			return nil, &Error{Reason: UnknownKey} // which of them?
		case id == "":
			found = k.key
		}
	}
	if found == nil {
		return nil, &Error{Reason: UnknownKey}
	}
	return found, nil
}

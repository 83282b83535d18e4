package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"

	"github.com/golang-jwt/jwt/v5"
)

// MinKeyBytes is the shortest HS256 key (RFC 7518 §3.2).
const MinKeyBytes = 32

// Keys finds the key that checks a token's signature: []byte for HS256, *rsa.PublicKey for RS256,
// *ecdsa.PublicKey on P-256 for ES256. id is the token's "kid", empty when it names none. A key of
// another type than the algorithm wants is refused, so that a public key is never taken for a secret.
type Keys interface {
	Key(algorithm, id string) (any, error)
}

// ServerKey is the server's own key: HS256 only.
type ServerKey []byte

// Key returns the key for HS256.
func (k ServerKey) Key(algorithm, _ string) (any, error) {
	if algorithm != "HS256" {
		return nil, &Error{Reason: UnknownKey}
	}
	return []byte(k), nil
}

func keyFunc(keys Keys) jwt.Keyfunc {
	return func(t *jwt.Token) (any, error) {
		if _, has := t.Header["crit"]; has { // we know no extension: RFC 7515 §4.1.11 has us refuse
			return nil, &Error{Reason: Malformed}
		}
		id, _ := t.Header["kid"].(string)
		key, err := keys.Key(t.Method.Alg(), id)
		if err != nil {
			return nil, err
		}
		if !fits(t.Method.Alg(), key) {
			return nil, &Error{Reason: BadSignature}
		}
		return key, nil
	}
}

// fits refuses key confusion (RFC 8725 §2.1, §3.1) and weak keys.
func fits(algorithm string, key any) bool {
	switch k := key.(type) {
	case []byte:
		return algorithm == "HS256" && len(k) >= MinKeyBytes
	case *rsa.PublicKey:
		return algorithm == "RS256" && k.N != nil && k.N.BitLen() >= 2048
	case *ecdsa.PublicKey:
		return algorithm == "ES256" && k.Curve == elliptic.P256()
	}
	return false
}

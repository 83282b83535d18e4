package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func b64(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func rsaJWK(id string, k *rsa.PublicKey) map[string]string {
	return map[string]string{"kty": "RSA", "kid": id, "use": "sig", "n": b64(k.N.Bytes()), "e": b64(big.NewInt(int64(k.E)).Bytes())}
}

func ecJWK(id string, k *ecdsa.PublicKey) map[string]string {
	point, err := k.Bytes()
	if err != nil {
		panic(err)
	}
	return map[string]string{"kty": "EC", "crv": "P-256", "kid": id, "alg": "ES256", "x": b64(point[1:33]), "y": b64(point[33:])}
}

func keySet(keys ...map[string]string) []byte {
	b, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		panic(err)
	}
	return b
}

func TestKeySetChecksTokens(t *testing.T) {
	now := time.Now()
	rk, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ek, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	set, err := ParseKeySet(keySet(
		map[string]string{"kty": "oct", "kid": "secret", "k": "AAAA"},
		map[string]string{"kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": "AAAA"},
		rsaJWK("r", &rk.PublicKey), ecJWK("e", &ek.PublicKey),
	))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(method jwt.SigningMethod, kid string, key any) string {
		token := jwt.NewWithClaims(method, jwt.MapClaims{
			"room": "demo", "sub": "ann", "exp": now.Add(time.Hour).Unix(), "grants": map[string]any{"subscribe": true},
		})
		if kid != "" {
			token.Header["kid"] = kid
		}
		s, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	cases := []struct {
		what, token string
		want        error
	}{
		{"RS256", sign(jwt.SigningMethodRS256, "r", rk), nil},
		{"ES256", sign(jwt.SigningMethodES256, "e", ek), nil},
		{"ES256 without an id", sign(jwt.SigningMethodES256, "", ek), nil},
		{"another key of the same id", sign(jwt.SigningMethodES256, "e", other), ErrBadSignature},
		{"unknown id", sign(jwt.SigningMethodES256, "x", ek), &Error{UnknownKey}},
		{"the id of a key for something else", sign(jwt.SigningMethodES256, "r", ek), &Error{UnknownKey}},
		{"HS256 with a public key", sign(jwt.SigningMethodHS256, "r", rk.N.Bytes()), &Error{UnknownKey}},
	}
	for _, c := range cases {
		claims, err := VerifyWith(set, c.token, now)
		if !errors.Is(err, c.want) || err == nil && claims.Identity != "ann" {
			t.Errorf("%s: %v %v", c.what, claims, err)
		}
	}
}

func TestKeySetsThatAreNone(t *testing.T) {
	small, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	off := ecJWK("e", &small.PublicKey)
	off["y"] = off["x"] // not on the curve
	enc := ecJWK("e", &small.PublicKey)
	enc["use"] = "enc"
	wrong := ecJWK("e", &small.PublicKey)
	wrong["alg"] = "ES512"
	weak := rsaJWK("r", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 1023), E: 65537})
	even := rsaJWK("r", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 4})
	for what, data := range map[string][]byte{
		"nothing": nil, "a page": []byte("<html>"), "no keys": []byte(`{}`), "none usable": keySet(off), "for encryption": keySet(enc),
		"for another algorithm": keySet(wrong), "too short": keySet(weak), "an even exponent": keySet(even),
	} {
		if _, err := ParseKeySet(data); !errors.Is(err, ErrKeySet) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func FuzzKeySet(f *testing.F) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(keySet(ecJWK("e", &k.PublicKey)))
	f.Add(keySet(rsaJWK("r", &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 2047), E: 65537})))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"","e":"AQAB"},{"kty":"EC","crv":"P-256","x":"_","y":""}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := ParseKeySet(data)
		if err != nil {
			return
		}
		for _, k := range set.keys {
			if !fits(k.algorithm, k.key) {
				t.Errorf("%s key of type %T", k.algorithm, k.key)
			}
		}
		set.Key("RS256", "")
	})
}

// A token with an extension that must be understood (RFC 7515 §4.1.11) is refused, whoever signed it.
func TestCriticalExtensionIsRefused(t *testing.T) {
	key := make([]byte, MinKeyBytes)
	sign := func(header map[string]any) string {
		token := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"room": "r", "sub": "a", "exp": time.Now().Add(time.Hour).Unix()})
		for k, v := range header {
			token.Header[k] = v
		}
		s, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if _, err := Verify(key, sign(nil), time.Now()); err != nil {
		t.Fatal(err)
	}
	var e *Error
	if _, err := Verify(key, sign(map[string]any{"crit": []string{"x"}, "x": true}), time.Now()); !errors.As(err, &e) || e.Reason != Malformed {
		t.Errorf("%v", err)
	}
}

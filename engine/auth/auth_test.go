package auth

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"switchyard/protocol"
)

var (
	key = []byte("0123456789abcdef0123456789abcdef")
	now = time.Unix(1_700_000_000, 0)
)

func claims() Claims {
	return Claims{Room: "demo", Identity: "ann", Name: "Ann", Role: "host",
		Grants: protocol.Grants{Publish: []string{"camera"}, Subscribe: true}}
}

func mint(t *testing.T, c Claims) string {
	t.Helper()
	token, err := Mint(key, c, now)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestClaimsTravel(t *testing.T) {
	c := claims()
	got, err := Verify(key, mint(t, c), now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if got.ID == "" || !got.Expires.Equal(now.Add(DefaultLifetime)) || !got.Issued.Equal(now) {
		t.Errorf("%+v", got)
	}
	c.ID, c.Expires, c.Issued = got.ID, got.Expires, got.Issued
	if !reflect.DeepEqual(got, c) {
		t.Errorf("%+v, want %+v", got, c)
	}
	if err := got.Opens("demo"); err != nil {
		t.Error(err)
	}
	if err := got.Opens("other"); !errors.Is(err, ErrWrongRoom) {
		t.Error(err)
	}
	if first, second := mint(t, claims()), mint(t, claims()); first == second {
		t.Error("two tokens are the same: they need an id each")
	}
}

func TestTimes(t *testing.T) {
	c := claims()
	c.Expires, c.NotBefore = now.Add(time.Hour), now.Add(10*time.Minute)
	token := mint(t, c)
	for at, want := range map[time.Duration]error{
		-2 * time.Minute: ErrNotYetValid, 0: ErrNotYetValid, 9*time.Minute + 30*time.Second: nil, // a minute's leeway
		59 * time.Minute: nil, time.Hour: ErrExpired, 2 * time.Hour: ErrExpired,
	} {
		got, err := Verify(key, token, now.Add(at))
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("at %v: %v, want %v", at, err, want)
		}
		if errors.Is(err, ErrExpired) && got.Identity != "ann" {
			t.Error("an expired token's claims are gone")
		}
	}
}

func TestWhatIsNotMinted(t *testing.T) {
	for _, change := range []func(*Claims){
		func(c *Claims) { c.Room = "" },
		func(c *Claims) { c.Room = "a/b" },
		func(c *Claims) { c.Room = strings.Repeat("x", 65) },
		func(c *Claims) { c.Identity = "" },
		func(c *Claims) { c.Identity = " ann" },
		func(c *Claims) { c.Identity = "a\x00" },
	} {
		c := claims()
		change(&c)
		if _, err := Mint(key, c, now); err == nil {
			t.Errorf("%+v was minted", c)
		}
	}
	if _, err := Mint(key[:31], claims(), now); !errors.Is(err, ErrWeakKey) {
		t.Error(err)
	}
	if _, err := Verify(nil, "x", now); !errors.Is(err, ErrWeakKey) {
		t.Error(err)
	}
	if _, err := Mint(key, Claims{Grants: protocol.Grants{Admin: true}}, now); err != nil {
		t.Error("an admin token names no room:", err)
	}
}

// forge makes a token of any header, signed by sign.
func forge(t *testing.T, header map[string]any, body any, method jwt.SigningMethod, k any) string {
	t.Helper()
	enc := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := enc(header) + "." + enc(body)
	if method == nil {
		return text + "."
	}
	sig, err := method.Sign(text, k)
	if err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

func body(change ...string) map[string]any {
	b := map[string]any{"room": "demo", "sub": "ann", "exp": now.Add(time.Hour).Unix(), "grants": map[string]any{"publish": []string{"*"}}}
	for _, k := range change {
		delete(b, k)
	}
	return b
}

func TestForgeriesAreRefused(t *testing.T) {
	hs := func(alg string) map[string]any { return map[string]any{"alg": alg, "typ": "JWT"} }
	good := mint(t, claims())
	part := strings.Split(good, ".")
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"empty":             {"", ErrMissing},
		"junk":              {"junk", ErrMalformed},
		"dots":              {"..", ErrMalformed},
		"huge":              {strings.Repeat("x", MaxTokenBytes+1), ErrMalformed},
		"alg none":          {forge(t, hs("none"), body(), nil, nil), ErrBadSignature},
		"alg None":          {forge(t, hs("None"), body(), nil, nil), ErrBadSignature},
		"no alg":            {forge(t, map[string]any{}, body(), nil, nil), ErrBadSignature},
		"HS512, right key":  {forge(t, hs("HS512"), body(), jwt.SigningMethodHS512, key), ErrBadSignature},
		"wrong key":         {forge(t, hs("HS256"), body(), jwt.SigningMethodHS256, []byte("another key of enough bytes, yes")), ErrBadSignature},
		"no signature":      {part[0] + "." + part[1] + ".", ErrBadSignature},
		"body exchanged":    {part[0] + "." + strings.Split(forge(t, hs("HS256"), body(), nil, nil), ".")[1] + "." + part[2], ErrBadSignature},
		"no expiry":         {forge(t, hs("HS256"), body("exp"), jwt.SigningMethodHS256, key), &Error{NoExpiry}},
		"no room":           {forge(t, hs("HS256"), body("room"), jwt.SigningMethodHS256, key), &Error{BadRoom}},
		"no identity":       {forge(t, hs("HS256"), body("sub"), jwt.SigningMethodHS256, key), &Error{BadIdentity}},
		"claims of no sort": {forge(t, hs("HS256"), "x", jwt.SigningMethodHS256, key), ErrMalformed},
	} {
		_, err := Verify(key, c.token, now)
		if !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if s := Sentence(err); !strings.HasSuffix(s, ".") {
			t.Errorf("%s: %q is no sentence", name, s)
		}
	}
	if _, err := Verify(key, forge(t, hs("HS256"), body(), jwt.SigningMethodHS256, key), now); err != nil {
		t.Error("the forge does not work:", err)
	}
}

// fixedKeys gives one key for everything, as a careless set of keys would.
type fixedKeys struct{ key any }

func (k fixedKeys) Key(string, string) (any, error) { return k.key, nil }

func TestForeignKeysAndConfusion(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ec384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	h := func(alg string) map[string]any { return map[string]any{"alg": alg, "kid": "k1"} }
	es256 := forge(t, h("ES256"), body(), jwt.SigningMethodES256, ec)
	rs256 := forge(t, h("RS256"), body(), jwt.SigningMethodRS256, rs)
	for name, c := range map[string]struct {
		key   any
		token string
		ok    bool
	}{
		"ES256":            {&ec.PublicKey, es256, true},
		"RS256":            {&rs.PublicKey, rs256, true},
		"ES256, wrong key": {&ec384.PublicKey, es256, false},
		"RS256, EC key":    {&ec.PublicKey, rs256, false},
		"ES256, a secret":  {key, es256, false},
		"no key":           {nil, es256, false},
	} {
		if _, err := VerifyWith(fixedKeys{c.key}, c.token, now); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The public key taken for a secret (RFC 8725 §2.1).
	der, err := x509.MarshalPKIXPublicKey(&rs.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	confused := forge(t, h("HS256"), body(), jwt.SigningMethodHS256, public)
	if _, err := VerifyWith(fixedKeys{&rs.PublicKey}, confused, now); !errors.Is(err, ErrBadSignature) {
		t.Error("a public key was taken for a secret:", err)
	}
	// The server's own key signs HS256 only.
	if _, err := Verify(key, es256, now); !errors.Is(err, &Error{UnknownKey}) {
		t.Error(err)
	}
}

func TestGrants(t *testing.T) {
	for text, want := range map[string]protocol.Grants{
		"":                               {},
		"publish,subscribe, data":        {Publish: []string{"*"}, Subscribe: true, Data: true},
		"publish:camera+microphone":      {Publish: []string{"camera", "microphone"}},
		"publish:camera,publish:screen":  {Publish: []string{"camera", "screen"}},
		"publish:camera,publish":         {Publish: []string{"*"}},
		"publish,publish:camera":         {Publish: []string{"*"}},
		"moderate,record,admin,moderate": {Moderate: true, Record: true, Admin: true},
	} {
		g, err := ParseGrants(text)
		if err != nil || !reflect.DeepEqual(g, want) {
			t.Errorf("%q: %+v %v", text, g, err)
		}
	}
	for _, text := range []string{"sing", "publish:piano", "publish:", "Publish", "publish:camera+"} {
		if _, err := ParseGrants(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}

func FuzzVerify(f *testing.F) {
	token, err := Mint(key, claims(), now)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(token)
	f.Add("")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("eyJhbGciOiJIUzI1NiJ9.e30.AAAA")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := Verify(key, s, now)
		if err != nil {
			if Sentence(err) == "" {
				t.Fatal("no sentence for", err)
			}
			return
		}
		// Nobody but us has the key: whatever verifies is the seed, or the seed in other letters.
		if c.Room != "demo" || c.Identity != "ann" {
			t.Fatalf("%q gives %+v", s, c)
		}
	})
}

func FuzzParseGrants(f *testing.F) {
	f.Add("publish,subscribe,data,moderate,record,admin")
	f.Add("publish:camera+microphone")
	f.Fuzz(func(t *testing.T, s string) {
		g, err := ParseGrants(s)
		if err != nil {
			return
		}
		again, err := ParseGrants(FormatGrants(g))
		if err != nil || !reflect.DeepEqual(g, again) {
			t.Fatalf("%q: %+v became %+v: %v", s, g, again, err)
		}
	})
}

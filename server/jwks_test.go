package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// issuer signs tokens elsewhere and serves its keys.
type issuer struct {
	t    *testing.T
	url  string
	asks atomic.Int32

	mu   sync.Mutex
	keys map[string]*ecdsa.PrivateKey // guarded by mu
	down bool                         // guarded by mu
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{t: t, keys: map[string]*ecdsa.PrivateKey{}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.asks.Add(1)
		i.mu.Lock()
		down := i.down
		i.mu.Unlock()
		if down {
			http.Error(w, "down", http.StatusBadGateway)
			return
		}
		w.Write(i.set())
	}))
	t.Cleanup(web.Close)
	i.url = web.URL + "/jwks.json?secret=hush"
	return i
}

func (i *issuer) newKey(id string) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		i.t.Fatal(err)
	}
	i.mu.Lock()
	i.keys[id] = k
	i.mu.Unlock()
}

func (i *issuer) setDown(down bool) {
	i.mu.Lock()
	i.down = down
	i.mu.Unlock()
}

func (i *issuer) set() []byte {
	i.mu.Lock()
	defer i.mu.Unlock()
	keys := []map[string]string{}
	for id, k := range i.keys {
		point, err := k.PublicKey.Bytes()
		if err != nil {
			i.t.Error(err)
		}
		b64 := base64.RawURLEncoding.EncodeToString
		keys = append(keys, map[string]string{"kty": "EC", "crv": "P-256", "kid": id, "x": b64(point[1:33]), "y": b64(point[33:])})
	}
	b, err := json.Marshal(map[string]any{"keys": keys})
	if err != nil {
		i.t.Error(err)
	}
	return b
}

// admin returns the header of an admin token signed with that key.
func (i *issuer) admin(id string) string {
	i.mu.Lock()
	defer i.mu.Unlock()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"exp": time.Now().Add(time.Hour).Unix(), "grants": map[string]any{"admin": true},
	})
	token.Header["kid"] = id
	s, err := token.SignedString(i.keys[id])
	if err != nil {
		i.t.Fatal(err)
	}
	return "Authorization: Bearer " + s
}

func TestTokensOfAnIssuer(t *testing.T) {
	i := newIssuer(t)
	i.newKey("one")
	s := run(t, Config{JWKS: i.url})
	ask := func(header string) (int, string) {
		status, _, body := s.call("GET", "/v1/admin/rooms", "", header)
		return status, body
	}
	for range 3 {
		if status, body := ask(i.admin("one")); status != http.StatusOK {
			t.Fatalf("%d %s", status, body)
		}
	}
	if n := i.asks.Load(); n != 1 {
		t.Errorf("the issuer was asked %d times", n)
	}
	if status, body := ask(s.bearer("", "admin")); status != http.StatusOK {
		t.Errorf("the server's own tokens: %d %s", status, body)
	}
	// A new key is looked for, but not more often than once in keysPause, whoever asks.
	i.newKey("two")
	s.keys.ageBy(-time.Hour) // the pause is not over, however long this took
	status, body := ask(i.admin("two"))
	if status != http.StatusUnauthorized || !strings.Contains(body, "does not know the key") {
		t.Errorf("%d %s", status, body)
	}
	s.keys.ageBy(time.Hour + keysPause + time.Second)
	if status, body := ask(i.admin("two")); status != http.StatusOK || i.asks.Load() != 2 {
		t.Errorf("%d %s, asked %d times", status, body, i.asks.Load())
	}
	// A set that cannot be had any more leaves the old one in use.
	i.setDown(true)
	s.keys.ageBy(keysFresh + time.Second)
	if status, body := ask(i.admin("one")); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	eventually(t, "a word about the issuer", func() bool {
		return strings.Contains(s.log.String(), "check --jwks") && strings.Contains(s.log.String(), "502")
	})
	if strings.Contains(s.log.String(), "hush") {
		t.Error("the log holds the address's query")
	}
	// A key that the issuer has withdrawn is good no longer than it takes to see that.
	i.setDown(false)
	withdrawn := i.admin("one")
	i.mu.Lock()
	delete(i.keys, "one")
	i.mu.Unlock()
	s.keys.ageBy(keysFresh + time.Second)
	eventually(t, "the withdrawn key to be refused", func() bool {
		status, _ := ask(withdrawn)
		return status == http.StatusUnauthorized
	})
}

// ageBy makes the set older.
func (k *keyring) ageBy(d time.Duration) {
	k.mu.Lock()
	k.tried = k.tried.Add(-d)
	k.mu.Unlock()
}

func TestIssuerThatComesLater(t *testing.T) {
	i := newIssuer(t)
	i.newKey("one")
	i.setDown(true)
	s := run(t, Config{JWKS: i.url})
	status, _, body := s.call("GET", "/v1/admin/rooms", "", i.admin("one"))
	if status != http.StatusUnauthorized || !strings.Contains(body, "cannot get the keys") {
		t.Errorf("%d %s", status, body)
	}
	i.setDown(false)
	s.keys.ageBy(time.Minute)
	if status, _, body := s.call("GET", "/v1/admin/rooms", "", i.admin("one")); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}

// Many tokens with unknown keys at once make one request.
func TestUnknownKeysAskOnce(t *testing.T) {
	i := newIssuer(t)
	i.newKey("one")
	k, err := newKeyring(make([]byte, 32), i.url, discard)
	if err != nil {
		t.Fatal(err)
	}
	k.ageBy(time.Minute)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() { k.Key("ES256", "nobody's") })
	}
	wg.Wait()
	if n := i.asks.Load(); n != 2 {
		t.Errorf("the issuer was asked %d times", n)
	}
}

func TestKeySetInAFile(t *testing.T) {
	i := newIssuer(t)
	i.newKey("one")
	file := filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(file, i.set(), 0o600); err != nil {
		t.Fatal(err)
	}
	s := run(t, Config{JWKS: file})
	if status, _, body := s.call("GET", "/v1/admin/rooms", "", i.admin("one")); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
	for source, want := range map[string]string{
		file + ".not":                  "no such file",
		"http://keys.example.org/jwks": "must begin with https://",
	} {
		_, err := New(Config{HTTP: "127.0.0.1:0", Media: "127.0.0.1:0", Data: t.TempDir(), JWKS: source})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--jwks") {
			t.Errorf("%s: %v", source, err)
		}
	}
}

// A key that was withdrawn while nobody came is not good even once, as long as the issuer can be asked.
func TestStaleKeysAreNotBelieved(t *testing.T) {
	i := newIssuer(t)
	i.newKey("one")
	i.newKey("two")
	s := run(t, Config{JWKS: i.url})
	withdrawn := i.admin("one")
	i.mu.Lock()
	delete(i.keys, "one")
	i.mu.Unlock()
	s.keys.ageBy(keysStale + time.Second)
	if status, _, body := s.call("GET", "/v1/admin/rooms", "", withdrawn); status != http.StatusUnauthorized {
		t.Errorf("%d %s", status, body)
	}
	i.setDown(true)
	s.keys.ageBy(keysStale + time.Second)
	if status, _, body := s.call("GET", "/v1/admin/rooms", "", i.admin("two")); status != http.StatusOK {
		t.Errorf("an issuer that is down locks everybody out: %d %s", status, body)
	}
}

// Keys that come by HTTPS at first and by HTTP in the end could be anybody's.
func TestKeysAreNotFollowedToHTTP(t *testing.T) {
	i := newIssuer(t)
	i.newKey("one")
	leads := func(to string) *httptest.Server {
		web := httptest.NewServer(http.RedirectHandler(to, http.StatusFound))
		t.Cleanup(web.Close)
		return web
	}
	if _, err := fetch(t.Context(), leads(i.url).URL); err != nil {
		t.Errorf("a redirect on this machine: %v", err)
	}
	if _, err := fetch(t.Context(), leads("http://keys.example.org/jwks").URL); !errors.Is(err, errKeysPlain) {
		t.Errorf("a redirect to HTTP: %v", err)
	}
	circle := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }))
	t.Cleanup(circle.Close)
	if _, err := fetch(t.Context(), circle.URL); err == nil || !strings.Contains(err.Error(), "circle") {
		t.Errorf("a circle: %v", err)
	}
}

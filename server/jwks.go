package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"switchyard/engine/auth"
)

const (
	// keysFresh is how long a key set is used without looking for a newer one.
	keysFresh = 10 * time.Minute
	// keysStale is the age at which a key is not believed before the set was looked for: its owner may have
	// taken it back. Where the set cannot be had the old one is believed on.
	keysStale = time.Hour
	// keysPause is the least time between two looks because of a token with an unknown key: so often
	// can a stranger make us ask.
	keysPause = 10 * time.Second
	// keysWait is how long a token waits for its key.
	keysWait = 5 * time.Second
	// maxKeySet bounds a key set, in bytes.
	maxKeySet = 1 << 20
)

// keyring finds the keys that tokens are checked with: the server's own for HS256, and those of a JSON Web
// Key Set elsewhere, kept and looked for anew when they are old or when a key is not among them.
type keyring struct {
	own    auth.ServerKey
	source string // URL or file; "": none
	get    func(context.Context) ([]byte, error)
	log    *slog.Logger

	mu      sync.Mutex
	set     auth.KeySet
	good    bool          // set was got
	tried   time.Time     // when it was last looked for
	looking chan struct{} // closed when the look that is under way is over; nil: none is
}

// newKeyring reads the set for the first time. A file must be there; a URL that does not answer yet is
// said in the log and tried again.
func newKeyring(own []byte, source string, log *slog.Logger) (*keyring, error) {
	k := &keyring{own: own, source: source, log: log}
	if source == "" {
		return k, nil
	}
	isURL, err := keysAt(source)
	if err != nil {
		return nil, err
	}
	k.get = func(context.Context) ([]byte, error) { return os.ReadFile(source) }
	if isURL {
		k.get = func(ctx context.Context) ([]byte, error) { return fetch(ctx, source) }
	}
	if err := k.look(); err != nil && !isURL {
		return nil, fmt.Errorf("cannot use the key set %s of --jwks: it must be a JSON Web Key Set with keys for RS256 or ES256 (%w)", source, err)
	}
	return k, nil
}

// keysAt tells a URL from a file. Keys that came by plain HTTP could be anybody's.
func keysAt(source string) (isURL bool, err error) {
	u, err := url.Parse(source)
	switch {
	case err != nil || u.Host == "":
		return false, nil
	case u.Scheme == "https", u.Scheme == "http" && loopbackHost(u.Host):
		return true, nil
	}
	return false, fmt.Errorf("--jwks %s: the address of a key set must begin with https://", source)
}

// verify checks a token; the error is as of auth.Verify.
func (k *keyring) verify(token string, now time.Time) (auth.Claims, error) {
	return auth.VerifyWith(k, token, now)
}

// Key implements auth.Keys. It can wait for keysWait.
func (k *keyring) Key(algorithm, id string) (any, error) {
	if algorithm == "HS256" || k.source == "" {
		return k.own.Key(algorithm, id)
	}
	k.mu.Lock()
	set, age := k.set, time.Since(k.tried)
	k.mu.Unlock()
	key, err := set.Key(algorithm, id)
	switch {
	case err == nil && age > keysFresh && age <= keysStale && !k.isLooking():
		go k.refresh() // ends within keysWait; the key is good until it is known to be gone
	case err == nil && age > keysStale, err != nil && age > keysPause, err != nil && k.isLooking():
		k.refresh()
		k.mu.Lock()
		set = k.set
		k.mu.Unlock()
		key, err = set.Key(algorithm, id)
	}
	if err != nil && !k.has() {
		return nil, &auth.Error{Reason: auth.NoKeys}
	}
	return key, err
}

func (k *keyring) isLooking() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.looking != nil
}

func (k *keyring) has() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.good
}

// refresh looks for the set, or waits for whoever does. Where somebody has just done that, it does nothing.
func (k *keyring) refresh() {
	k.mu.Lock()
	wait := k.looking
	if wait == nil && time.Since(k.tried) <= keysPause {
		k.mu.Unlock()
		return
	}
	if wait != nil {
		k.mu.Unlock()
		<-wait
		return
	}
	done := make(chan struct{})
	k.looking = done
	k.mu.Unlock()
	_ = k.look() // it is in the log
	k.mu.Lock()
	k.looking = nil
	k.mu.Unlock()
	close(done)
}

// look gets the set once. Where that fails the old one stays.
func (k *keyring) look() error {
	ctx, cancel := context.WithTimeout(context.Background(), keysWait)
	defer cancel()
	data, err := k.get(ctx)
	var set auth.KeySet
	if err == nil {
		set, err = auth.ParseKeySet(data)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.tried = time.Now()
	if err != nil {
		k.log.Warn("cannot get the keys that tokens are checked with: check --jwks", "jwks", withoutQuery(k.source), "error", err, "have older ones", k.good)
		return err
	}
	k.set, k.good = set, true
	return nil
}

// withoutQuery leaves out where secrets of a URL stand.
func withoutQuery(source string) string {
	if u, err := url.Parse(source); err == nil && u.Host != "" {
		return u.Scheme + "://" + u.Host + u.Path
	}
	return source
}

// errKeysPlain is why a redirect of the key set's server is not followed.
var errKeysPlain = errors.New("it leads on to an address without HTTPS: name the final address")

// keysClient follows redirects as far as keysAt would go by itself.
var keysClient = &http.Client{CheckRedirect: func(r *http.Request, via []*http.Request) error {
	if len(via) >= 5 {
		return errors.New("it leads in a circle: name the final address")
	}
	if ok, err := keysAt(r.URL.String()); !ok || err != nil {
		return errKeysPlain
	}
	return nil
}}

func fetch(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := keysClient.Do(req)
	if e, ok := errors.AsType[*url.Error](err); ok {
		return nil, e.Err // without the address
	}
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("server: the answer is %s", strings.TrimSpace(res.Status))
	}
	return io.ReadAll(io.LimitReader(res.Body, maxKeySet))
}

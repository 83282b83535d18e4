package admin

import (
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"switchyard/api"
)

// Errors of webhooks.
var (
	ErrSignature = errors.New("admin: the webhook's signature is absent, malformed, or not made with this secret")
	ErrTooOld    = errors.New("admin: the webhook was signed too long ago, or in the future: check both clocks")
	ErrEvent     = errors.New("admin: the webhook's body is no event")
)

// MaxAge is how old a webhook's signature may be where VerifyWebhook is given no age. Each retry is signed
// anew.
const MaxAge = 5 * time.Minute

// VerifyWebhook returns the event that a webhook brought, if the header api.SignatureHeader proves that
// whoever knows the secret sent just this body, no longer than maxAge ago (0: MaxAge). The same event can
// come twice: remember its ID. Errors: ErrSignature, ErrTooOld, ErrEvent.
func VerifyWebhook(secret []byte, header string, body []byte, now time.Time, maxAge time.Duration) (api.Event, error) {
	at, proofs, ok := parseSignature(header)
	if !ok || len(secret) == 0 {
		return api.Event{}, ErrSignature
	}
	want, good := api.MAC(secret, at, body), false
	for _, p := range proofs {
		good = hmac.Equal(p, want) || good
	}
	if !good {
		return api.Event{}, ErrSignature
	}
	if maxAge <= 0 {
		maxAge = MaxAge
	}
	if age := now.Sub(time.Unix(at, 0)); age > maxAge || age < -maxAge {
		return api.Event{}, ErrTooOld
	}
	var e api.Event
	if err := json.Unmarshal(body, &e); err != nil || e.ID == "" || e.Type == "" {
		return api.Event{}, ErrEvent
	}
	return e, nil
}

// parseSignature reads "t=…,v1=…,v1=…"; what else stands there is for later versions.
func parseSignature(header string) (at int64, proofs [][]byte, ok bool) {
	if len(header) > 4096 {
		return 0, nil, false
	}
	timed := false
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "t":
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil || timed || n < 0 || n > 1<<40 {
				return 0, nil, false
			}
			at, timed = n, true
		case "v1":
			p, err := hex.DecodeString(value)
			if err != nil {
				return 0, nil, false
			}
			proofs = append(proofs, p)
		}
	}
	return at, proofs, timed && len(proofs) > 0
}

// maxEvent bounds a webhook's body: a participant with everything it may say about itself is 300 kB.
const maxEvent = 1 << 20

// Webhook is a handler that verifies what comes and gives it to receive. Where that returns an error, the
// server sends the event again later.
func Webhook(secret []byte, receive func(api.Event) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", "POST")
			http.Error(w, "Webhooks come by POST.", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEvent))
		if err != nil {
			http.Error(w, "The body did not arrive whole, or is too large.", http.StatusBadRequest)
			return
		}
		e, err := VerifyWebhook(secret, r.Header.Get(api.SignatureHeader), body, time.Now(), 0)
		if err != nil {
			http.Error(w, fmt.Sprint(err), http.StatusForbidden)
			return
		}
		if err := receive(e); err != nil {
			http.Error(w, "The event could not be taken. Send it again later.", http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

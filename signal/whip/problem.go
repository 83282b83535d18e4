package whip

import (
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// problem is the body of every refusal (RFC 9457 §3).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func refuse(w http.ResponseWriter, status int, detail string) {
	if status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 6750 §3
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// An error here means that the client has gone.
	_ = json.NewEncoder(w).Encode(problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail})
}

// refuseMethod answers 405; GET and HEAD too, which RFC 9725 §4.2 keeps for later.
func refuseMethod(w http.ResponseWriter, r *http.Request, allowed string) {
	w.Header().Set("Allow", allowed)
	refuse(w, http.StatusMethodNotAllowed, r.Method+" means nothing here; use "+allowed)
}

// refuseError passes on what Rooms says.
func refuseError(w http.ResponseWriter, err error) {
	var e *Error
	if !errors.As(err, &e) || e.Status < 400 || e.Status > 599 {
		e = &Error{Status: http.StatusServiceUnavailable, Detail: "the server could not do this now; try again in a moment"}
	}
	if e.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(e.RetryAfter.Seconds()))))
	}
	refuse(w, e.Status, e.Detail)
}

// options answers OPTIONS, a browser's preflight too (RFC 9725 §4.2).
func options(w http.ResponseWriter, methods, acceptHeader, accepts string) {
	head := w.Header()
	head.Set("Allow", methods)
	head.Set(acceptHeader, accepts)
	head.Set("Access-Control-Allow-Methods", methods)
	head.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
	head.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// token returns the bearer token of a request (RFC 6750 §2.1, §2.3), "" when there is none.
func token(r *http.Request) string {
	scheme, value, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if ok && strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(value)
	}
	return r.URL.Query().Get("token")
}

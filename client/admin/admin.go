// Package admin is a Go client of the server's HTTP API: rooms, participants, tracks, invitations and
// tokens. docs/api.md describes the API; webhook.go verifies what the server's webhooks bring.
//
//	c, err := admin.New("https://meet.example.org", token)
//	rooms, err := c.Rooms(ctx, admin.Page{})
//	err = c.RemoveParticipant(ctx, "standup", "ann", "See you tomorrow.")
package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"switchyard/api"
)

// Client calls the API of one server. Make it with New; it is safe for concurrent use.
type Client struct {
	base, token string
	// HTTP makes the requests; http.DefaultClient when nil. Set it before the first call.
	HTTP *http.Client
}

// New returns a client of the server whose URLs begin with base, such as "https://meet.example.org". The
// token has the admin grant, or the moderate grant for one room; it can be empty for what everyone may do.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("admin: the server's address must begin with http:// or https://: %q does not", base)
	}
	return &Client{base: strings.TrimSuffix(base, "/"), token: token}, nil
}

// Error is what the server answered to a request that it refused. errors.Is tells it apart by status:
// ErrNotFound and its like.
type Error struct {
	api.Problem
	// Method and Path are those of the request.
	Method, Path string
}

func (e *Error) Error() string { return e.Problem.Error() }

// Is makes errors.Is compare by status.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Path == "" && t.Status == e.Status
}

func status(code int) *Error {
	return &Error{Problem: api.Problem{Title: http.StatusText(code), Status: code}}
}

// What callers branch on, with errors.Is.
var (
	ErrUnauthorized error = status(http.StatusUnauthorized)       // the token is no good
	ErrForbidden    error = status(http.StatusForbidden)          // the token does not allow this
	ErrNotFound     error = status(http.StatusNotFound)           // no such room, participant, track or invitation
	ErrExists       error = status(http.StatusConflict)           // a room of that name is there already
	ErrGone         error = status(http.StatusGone)               // the invitation has ended
	ErrChanged      error = status(http.StatusPreconditionFailed) // the room was changed since it was read
	ErrTooOften     error = status(http.StatusTooManyRequests)    // wait and try again
	ErrUnavailable  error = status(http.StatusServiceUnavailable) // try again
)

// ErrNoServer: what answered is no Switchyard server.
var ErrNoServer = errors.New("admin: the answer is not that of a Switchyard server")

// Page asks for a part of a list; the zero value for the first.
type Page struct {
	After string // Next of the page before
	Limit int    // 1 to api.MaxPage; 0: api.DefaultPage
}

func (p Page) query() url.Values {
	q := url.Values{}
	if p.After != "" {
		q.Set("after", p.After)
	}
	if p.Limit != 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	return q
}

// maxAnswer bounds what is read of an answer: a page of a thousand rooms with their metadata is 9 MB.
const maxAnswer = 16 << 20

// request is one call.
type request struct {
	method, path string
	query        url.Values
	body, answer any
	ifMatch      string
}

// path joins the segments of a path, escaped.
func path(segments ...string) string {
	var b strings.Builder
	b.WriteString("/v1")
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// do makes a request and reads its answer; the answer's header is returned for its ETag.
func (c *Client) do(ctx context.Context, q request) (http.Header, error) {
	var body io.Reader
	if q.body != nil {
		data, err := json.Marshal(q.body)
		if err != nil {
			return nil, fmt.Errorf("admin: %w", err)
		}
		body = bytes.NewReader(data)
	}
	address := c.base + q.path
	if len(q.query) > 0 {
		address += "?" + q.query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, q.method, address, body)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	for name, value := range map[string]string{"Authorization": bearer(c.token), "If-Match": q.ifMatch} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if q.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	client := c.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("admin: %w", err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("admin: the answer did not arrive whole: %w", err)
	}
	return res.Header, q.read(res, data)
}

func bearer(token string) string {
	if token == "" {
		return ""
	}
	return "Bearer " + token
}

// read takes the answer's body, or makes an error of it.
func (q *request) read(res *http.Response, data []byte) error {
	if res.StatusCode < 200 || res.StatusCode > 299 {
		e := &Error{Method: q.method, Path: q.path}
		if json.Unmarshal(data, &e.Problem) != nil || e.Status != res.StatusCode {
			return fmt.Errorf("%w: %s %s: %s", ErrNoServer, q.method, q.path, res.Status)
		}
		return e
	}
	if q.answer == nil {
		return nil
	}
	if err := json.Unmarshal(data, q.answer); err != nil {
		return fmt.Errorf("%w: %s %s: %w", ErrNoServer, q.method, q.path, err)
	}
	return nil
}

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"switchyard/api"
)

// Transfer is one that we made: a link for files (docs/transfer.md, The link).
type Transfer struct {
	ID        string    `json:"id"`
	URL       string    `json:"url"` // of the link's page, without the key
	Room      string    `json:"room"`
	Identity  string    `json:"identity"`
	Token     string    `json:"token"` // the sender's, for its room and for what else it may do to the transfer
	Expires   time.Time `json:"expires"`
	Receivers int       `json:"receivers"`
	// Nameplate is the number that begins the code; 0 when no code was asked for.
	Nameplate int `json:"nameplate"`
}

// TransferOptions are what MakeTransfer asks for; the server's own where zero.
type TransferOptions struct {
	Receivers int           // 1 to 100
	ExpiresIn time.Duration // until when it can be accepted, in whole seconds, 10 s to a week
	Code      bool          // with a nameplate
}

// TransferFacts are what everybody may know who has a link.
type TransferFacts struct {
	Valid   bool      `json:"valid"`
	Reason  string    `json:"reason"` // "expired", "revoked" or "used-up" where it is not valid
	Expires time.Time `json:"expires"`
	Left    int       `json:"left"` // how many may still accept it
}

// Transfers is the part of the server's API that links for files need. Errors are *api.Problem where the
// server refuses: Detail is a sentence for the person.
type Transfers struct {
	// Server is its URL: "https://example.org".
	Server string
	HTTP   *http.Client // http.DefaultClient when nil
}

// ErrNoServer: what answered is no Switchyard server.
var ErrNoServer = errors.New("client: what answers at this address is no Switchyard server: look at the link again")

// Make makes a link. Token is one with the data or admin grant; empty where the server is open.
func (t Transfers) Make(ctx context.Context, token string, o TransferOptions) (Transfer, error) {
	body := struct {
		Receivers int  `json:"receivers,omitempty"`
		ExpiresIn int  `json:"expiresIn,omitempty"`
		Code      bool `json:"code,omitempty"`
	}{o.Receivers, int(o.ExpiresIn / time.Second), o.Code}
	var made Transfer
	return made, t.call(ctx, http.MethodPost, "transfers", token, body, &made)
}

// Facts looks at a link, which costs it nothing.
func (t Transfers) Facts(ctx context.Context, id string) (TransferFacts, error) {
	var f TransferFacts
	return f, t.call(ctx, http.MethodGet, "transfers/"+url.PathEscape(id), "", nil, &f)
}

// Accept takes one of a link's receivers. The error's Status is 410 where there is none to take.
func (t Transfers) Accept(ctx context.Context, id, name string) (Accepted, error) {
	return t.AcceptOnce(ctx, id, name, "")
}

// AcceptOnce is Accept with a secret of the receiver's own, of 16 to 64 random letters or digits: with the same one it may be
// called again, where the answer was lost, and takes one receiver in all.
func (t Transfers) AcceptOnce(ctx context.Context, id, name, once string) (Accepted, error) {
	return t.enter(ctx, "transfers/"+url.PathEscape(id)+"/accept", name, once)
}

// Claim takes a code's nameplate, which is void then.
func (t Transfers) Claim(ctx context.Context, nameplate, name string) (Accepted, error) {
	return t.enter(ctx, "codes/"+url.PathEscape(nameplate)+"/claim", name, "")
}

func (t Transfers) enter(ctx context.Context, path, name, once string) (Accepted, error) {
	a := Accepted{Server: t.Server}
	body := struct {
		Name string `json:"name"`
		Once string `json:"once,omitempty"`
	}{name, once}
	return a, t.call(ctx, http.MethodPost, path, "", body, &a)
}

// NewCode makes a new nameplate for a transfer of ours; the old one is void then.
func (t Transfers) NewCode(ctx context.Context, made Transfer) (nameplate int, err error) {
	var answer struct {
		Nameplate int `json:"nameplate"`
	}
	err = t.call(ctx, http.MethodPost, "transfers/"+url.PathEscape(made.ID)+"/code", made.Token, nil, &answer)
	return answer.Nameplate, err
}

// Revoke makes a link of ours worthless and closes its room.
func (t Transfers) Revoke(ctx context.Context, made Transfer) error {
	return t.call(ctx, http.MethodDelete, "transfers/"+url.PathEscape(made.ID), made.Token, nil, nil)
}

// NearbyRoom is where a device meets the other of a pair.
type NearbyRoom struct {
	Pair     string `json:"pair"`
	Room     string `json:"room"`
	Identity string `json:"identity"`
	Token    string `json:"token"`
}

// Pairs asks for the rooms of pairs, by their ids (docs/transfer.md, Nearby). Device is a random text of 16 to 64 letters, by which
// the server takes us for one and the same when we come back.
func (t Transfers) Pairs(ctx context.Context, token, device string, ids []string) ([]NearbyRoom, error) {
	body := struct {
		Device string   `json:"device"`
		Pairs  []string `json:"pairs"`
	}{device, ids}
	var answer struct {
		Rooms []NearbyRoom `json:"rooms"`
	}
	err := t.call(ctx, http.MethodPost, "nearby", token, body, &answer)
	return answer.Rooms, err
}

// call makes one request. Body and answer may be nil.
func (t Transfers) call(ctx context.Context, method, path, token string, body, answer any) error {
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(t.Server, "/")+"/v1/"+path, in)
	if err != nil {
		return errors.Join(ErrAddress, err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	h := t.HTTP
	if h == nil {
		h = http.DefaultClient
	}
	resp, err := h.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	return answered(resp, b, answer)
}

// answered reads what the server said into answer.
func answered(resp *http.Response, b []byte, answer any) error {
	if resp.StatusCode >= 300 {
		p := &api.Problem{}
		if json.Unmarshal(b, p) != nil || p.Title == "" && p.Detail == "" {
			return fmt.Errorf("%w (%s)", ErrNoServer, resp.Status)
		}
		p.Status = resp.StatusCode
		return p
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(b, answer); err != nil {
		return fmt.Errorf("%w: %w", ErrNoServer, err)
	}
	return nil
}

package client

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Accepted is what an invitation gives.
type Accepted struct {
	Server   string `json:"-"` // the server's URL
	Token    string `json:"token"`
	Room     string `json:"room"`
	Identity string `json:"identity"`
	Role     string `json:"role"`
}

// IsInvitation tells whether an address is an invitation link (…/i/{id}).
func IsInvitation(address string) bool {
	u, err := url.Parse(address)
	return err == nil && strings.Contains(u.Path, "/i/")
}

// Accept accepts an invitation link under a name. It uses the invitation up once.
func Accept(ctx context.Context, link, name string, h *http.Client) (Accepted, error) {
	u, err := url.Parse(link)
	if err != nil {
		return Accepted{}, err
	}
	before, id, ok := strings.Cut(u.Path, "/i/")
	if !ok || id == "" {
		return Accepted{}, ErrNoRoom
	}
	u.Path, u.RawQuery, u.Fragment = before, "", ""
	body, err := json.Marshal(map[string]string{"name": name})
	if err != nil {
		return Accepted{}, err
	}
	address := u.JoinPath("v1", "invitations", strings.Trim(id, "/"), "accept").String()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return Accepted{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	if h == nil {
		h = http.DefaultClient
	}
	resp, err := h.Do(req)
	if err != nil {
		return Accepted{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return Accepted{}, err
	}
	if resp.StatusCode != http.StatusOK && resp.StatusCode != http.StatusCreated {
		return Accepted{}, statusError(resp, b)
	}
	a := Accepted{Server: u.String()}
	return a, json.Unmarshal(b, &a)
}

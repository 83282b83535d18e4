package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/server"
)

// InviteCmd makes an invitation through the API of a running server.
type InviteCmd struct {
	Room    string        `help:"Room to invite to." required:"" placeholder:"ROOM"`
	Role    string        `help:"What people become: host, guest or viewer." enum:"host,guest,viewer" default:"guest" placeholder:"ROLE"`
	Uses    int           `help:"How many people can accept; 0 means any number." default:"0" placeholder:"N"`
	Expires time.Duration `help:"How long it can be accepted." default:"168h" placeholder:"DURATION"`
	Data    string        `help:"Data folder of the running server: its key signs the request." default:"data" placeholder:"DIR"`
	Server  string        `help:"Address of the server, where it is not found by its data folder." placeholder:"URL"`
	Token   string        `help:"Token with the admin or moderate grant, instead of the key in the data folder." env:"SWITCHYARD_TOKEN" placeholder:"TOKEN"`
	JSON    bool          `help:"Print JSON."`
}

// Run prints the link.
func (c *InviteCmd) Run(ctx context.Context, std *Streams) error {
	switch {
	case !protocol.ValidRoom(c.Room):
		return Usagef("--room %q: a room's name has 1 to 64 letters, digits, '-', '_' or '.'", c.Room)
	case c.Uses < 0:
		return Usagef("--uses must be 0 or more")
	case c.Expires < time.Second || c.Expires > 366*24*time.Hour:
		return Usagef("--expires must be 1s to 8784h (366 days)")
	case c.Server != "" && !webAddress(c.Server):
		return Usagef("--server must begin with http:// or https://: %q does not", c.Server)
	}
	token, err := c.token()
	if err != nil {
		return err
	}
	base, err := c.address()
	if err != nil {
		return err
	}
	answer, err := c.request(ctx, base, token)
	if err != nil {
		return err
	}
	if c.JSON {
		_, err = std.Out.Write(answer)
		return err
	}
	var made struct {
		URL string `json:"url"`
	}
	if err := json.Unmarshal(answer, &made); err != nil || made.URL == "" {
		return fmt.Errorf("%s is not a Switchyard server: its answer holds no link", base)
	}
	_, err = fmt.Fprintln(std.Out, made.URL)
	return err
}

// token returns the given one, or an admin token for one minute.
func (c *InviteCmd) token() (string, error) {
	if c.Token != "" {
		return c.Token, nil
	}
	key, err := loadKey(c.Data)
	if err != nil {
		return "", err
	}
	now := time.Now()
	return auth.Mint(key, auth.Claims{Grants: protocol.Grants{Admin: true}, Expires: now.Add(time.Minute)}, now)
}

// address finds the server.
func (c *InviteCmd) address() (string, error) {
	if c.Server != "" {
		return strings.TrimSuffix(c.Server, "/"), nil
	}
	running, err := server.FindRunning(c.Data)
	if err != nil {
		return "", notRunning(c.Data)
	}
	return running.HTTP, nil
}

func notRunning(dir string) error {
	return fmt.Errorf("no server is running on the data folder %s: start it with switchyard serve --data %s, or name another with --server URL", dir, dir)
}

// request makes the invitation and returns the server's answer.
func (c *InviteCmd) request(ctx context.Context, base, token string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	body, err := json.Marshal(map[string]any{"room": c.Room, "role": c.Role, "uses": c.Uses, "expiresIn": int64(c.Expires / time.Second)})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"/v1/invitations", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		if c.Server == "" && !errors.Is(err, context.DeadlineExceeded) {
			return nil, notRunning(c.Data)
		}
		return nil, unreachable(base, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("the server %s did not answer to the end: %w", base, err)
	}
	if res.StatusCode != http.StatusCreated {
		var problem struct {
			Detail string `json:"detail"`
		}
		if json.Unmarshal(answer, &problem) != nil || problem.Detail == "" {
			return nil, fmt.Errorf("%s is not a Switchyard server: it answered %s", base, res.Status)
		}
		return nil, errors.New(problem.Detail)
	}
	return answer, nil
}

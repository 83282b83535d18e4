package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"switchyard/server"
)

// HealthCmd asks a running server how it is, for service managers and containers.
type HealthCmd struct {
	Data   string `help:"Data folder of the running server." default:"data" placeholder:"DIR"`
	Server string `help:"Address of the server, where it is not found by its data folder." placeholder:"URL"`
	Ready  bool   `help:"Ask whether new people can join; without it, whether the server answers at all."`
}

// Run prints "ok" or "ready".
func (c *HealthCmd) Run(ctx context.Context, std *Streams) error {
	base := strings.TrimSuffix(c.Server, "/")
	switch {
	case base != "" && !webAddress(base):
		return Usagef("--server must begin with http:// or https://: %q does not", c.Server)
	case base == "":
		running, err := server.FindRunning(c.Data)
		if err != nil {
			return notRunning(c.Data)
		}
		base = running.HTTP
	}
	path := "/healthz"
	if c.Ready {
		path = "/readyz"
	}
	ctx, cancel := context.WithTimeout(ctx, 4*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+path, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return unreachable(base, err)
	}
	defer res.Body.Close()
	var answer struct{ Status, Detail any }
	err = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&answer)
	switch word, _ := answer.Status.(string); {
	case err == nil && res.StatusCode == http.StatusOK && word != "":
		_, err = fmt.Fprintln(std.Out, word)
		return err
	case err == nil && answer.Detail != nil:
		return fmt.Errorf("%v", answer.Detail)
	}
	return fmt.Errorf("%s is not a Switchyard server: it answered %s", base, res.Status)
}

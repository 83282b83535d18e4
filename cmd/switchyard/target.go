package main

import (
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"time"

	"switchyard/client"
	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/server"
)

// RoomFlags say how a client verb enters a room.
type RoomFlags struct {
	Server string `help:"Server, or an invitation link of it; without it the one that runs on the data folder." placeholder:"URL"`
	Room   string `help:"Room to enter." placeholder:"ROOM"`
	Token  string `help:"Token for the room or the endpoint; without it one is made with the key in the data folder." env:"SWITCHYARD_TOKEN" placeholder:"TOKEN"`
	Name   string `help:"Name that the others see." placeholder:"NAME"`
	Data   string `help:"Data folder of a server on this machine." default:"data" placeholder:"DIR"`
}

// options finds the server and a token that allows grants.
func (f *RoomFlags) options(ctx context.Context, verb string, grants protocol.Grants) (client.Options, error) {
	o := client.Options{URL: f.Server, Room: f.Room, Token: f.Token, Name: f.Name}
	if o.Name == "" {
		o.Name = "switchyard " + verb
	}
	if client.IsInvitation(f.Server) {
		a, err := client.Accept(ctx, f.Server, o.Name, nil)
		o.URL, o.Room, o.Token = a.Server, a.Room, a.Token
		if errors.As(err, new(*url.Error)) {
			site, _, _ := strings.Cut(f.Server, "/i/")
			err = unreachable(site, err)
		}
		return o, err
	}
	if f.Server != "" && !webAddress(f.Server) {
		return o, Usagef("--server must begin with http:// or https://: %q does not", f.Server)
	}
	if f.Room == "" {
		return o, Usagef("name a room with --room, or an endpoint (see switchyard help %s)", verb)
	}
	if !protocol.ValidRoom(f.Room) {
		return o, Usagef("--room %q: a room's name has 1 to 64 letters, digits, '-', '_' or '.'", f.Room)
	}
	if o.URL == "" {
		running, err := server.FindRunning(f.Data)
		if err != nil {
			return o, notRunning(f.Data)
		}
		o.URL = running.HTTP
	}
	if o.Token == "" {
		key, err := loadKey(f.Data)
		if err != nil {
			return o, err
		}
		now := time.Now()
		identity := verb + "-" + strings.ToLower(rand.Text()[:6])
		o.Token, err = auth.Mint(key, auth.Claims{Room: f.Room, Identity: identity, Name: o.Name, Grants: grants, Expires: now.Add(24 * time.Hour)}, now)
		if err != nil {
			return o, err
		}
	}
	return o, nil
}

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/store"
)

// TokenCmd prints a token alone, so that a script can take it. It only reads the key file: the
// server may run meanwhile or not.
type TokenCmd struct {
	Data     string        `help:"Data folder of the server that will accept the token." default:"data" placeholder:"DIR"`
	Room     string        `help:"Room that the token opens." placeholder:"ROOM"`
	Identity string        `help:"Who the token is for; a second participant with the same identity replaces the first." placeholder:"ID"`
	Name     string        `help:"Name that the others see." placeholder:"NAME"`
	Role     string        `help:"Role that the others see, such as host; it grants nothing." placeholder:"ROLE"`
	Grants   string        `help:"What the token allows, by commas: publish (or publish:camera+microphone), subscribe, data, moderate, record." default:"publish,subscribe,data" placeholder:"LIST"`
	TTL      time.Duration `help:"How long it is valid." default:"6h" placeholder:"DURATION"`
	Admin    bool          `help:"Make a token for the admin API of the whole server instead."`
}

// Run prints the token.
func (c *TokenCmd) Run(std *Streams) error {
	claims, err := c.claims(time.Now())
	if err != nil {
		return err
	}
	key, err := loadKey(c.Data)
	if err != nil {
		return err
	}
	token, err := auth.Mint(key, claims, time.Now())
	if err != nil {
		return plainError(err)
	}
	_, err = fmt.Fprintln(std.Out, token)
	return err
}

// claims checks the flags.
func (c *TokenCmd) claims(now time.Time) (auth.Claims, error) {
	if c.TTL < time.Second {
		return auth.Claims{}, Usagef("--ttl must be at least 1s")
	}
	expires := now.Add(c.TTL)
	if c.Admin {
		if c.Room != "" || c.Identity != "" {
			return auth.Claims{}, Usagef("an admin token is for the whole server: leave out --room and --identity")
		}
		return auth.Claims{Grants: protocol.Grants{Admin: true}, Expires: expires}, nil
	}
	switch {
	case c.Room == "":
		return auth.Claims{}, Usagef("which room is the token for? Give --room NAME, or --admin")
	case !protocol.ValidRoom(c.Room):
		return auth.Claims{}, Usagef("--room %q: a room's name has 1 to 64 letters, digits, '-', '_' or '.'", c.Room)
	case c.Identity == "":
		return auth.Claims{}, Usagef("who is the token for? Give --identity NAME")
	case !protocol.ValidIdentity(c.Identity):
		return auth.Claims{}, Usagef("--identity %q: an identity has 1 to 128 characters that can be printed", c.Identity)
	}
	grants, err := auth.ParseGrants(c.Grants)
	if err != nil {
		return auth.Claims{}, Usagef("--grants: %s", strings.TrimPrefix(err.Error(), "auth: "))
	}
	if grants.Admin {
		return auth.Claims{}, Usagef("--grants: admin is for tokens without a room: use --admin")
	}
	return auth.Claims{Room: c.Room, Identity: c.Identity, Name: c.Name, Role: c.Role, Grants: grants, Expires: expires}, nil
}

// loadKey reads the key of a data folder; errors are sentences.
func loadKey(dir string) ([]byte, error) {
	key, err := store.LoadKey(dir)
	switch {
	case errors.Is(err, store.ErrNoKey):
		return nil, fmt.Errorf("there is no key in the folder %s: name the server's data folder with --data; a server makes its key when it is first started", dir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("not allowed to read the key in the folder %s: run this as the user who runs the server", dir)
	}
	return key, err
}

func plainError(err error) error {
	var e *auth.Error
	if errors.As(err, &e) {
		return errors.New(e.Sentence())
	}
	return err
}

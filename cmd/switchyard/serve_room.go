package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"switchyard"
	"switchyard/protocol"
	"switchyard/server"
)

// RoomSettings are what rooms allow where neither the API nor a token says something, and who is told what
// happens in them.
type RoomSettings struct {
	RoomParticipants int           `help:"How many can be in a room; 0: 500. For rooms to which neither the API nor a token gives options, as all --room flags." default:"0" placeholder:"N" group:"room"`
	RoomSources      []string      `help:"What can be published: camera, microphone, screen, screen-audio, file, bridge, mix. Without it all." placeholder:"LIST" group:"room"`
	RoomCodecs       []string      `help:"Codecs that can be published: opus, PCMU, PCMA, G722, VP8, VP9, H264, AV1. Without it all; a kind of which none is named is not limited." placeholder:"LIST" group:"room"`
	RoomBitrate      int           `help:"Bits per second that one video track may have: browsers are told so. 0: no limit." default:"0" placeholder:"N" group:"room"`
	RoomEmptyFor     time.Duration `help:"How long a room stays when nobody is in it; 0: a minute." default:"0s" placeholder:"DURATION" group:"room"`

	Webhook        string `help:"URL that is told, by POST, what happens in rooms. See docs/api.md." placeholder:"URL" group:"webhook"`
	WebhookSecret  string `help:"File with the secret that signs what the webhook gets; one per line while it is being changed. Make one with: switchyard webhook secret." placeholder:"FILE" group:"webhook"`
	WebhookPrivate bool   `help:"Let the webhook's URL lead to this machine or a private network." group:"webhook"`
}

func (c *RoomSettings) applyRooms(cfg *switchyard.Config) error {
	o := protocol.RoomOptions{Participants: c.RoomParticipants, Codecs: c.RoomCodecs, MaxBitrate: c.RoomBitrate, EmptyFor: int(c.RoomEmptyFor / time.Second)}
	for _, s := range c.RoomSources {
		o.Sources = append(o.Sources, protocol.TrackSource(s))
	}
	if c.RoomEmptyFor != 0 && c.RoomEmptyFor < time.Second {
		return Usagef("--room-empty-for must be at least 1s")
	}
	if wrong := o.Check(); wrong != "" {
		return Usagef("the --room flags: %s", wrong)
	}
	cfg.Rooms = o
	if c.Webhook == "" {
		if c.WebhookSecret != "" || c.WebhookPrivate {
			return Usagef("--webhook-secret and --webhook-private need --webhook URL")
		}
		return nil
	}
	if !webAddress(c.Webhook) {
		return Usagef("--webhook must begin with http:// or https://: %q does not", c.Webhook)
	}
	if c.WebhookSecret == "" {
		return Usagef("--webhook needs a secret that signs what it gets: switchyard webhook secret > webhook.secret, then --webhook-secret webhook.secret")
	}
	secrets, err := loadSecrets(c.WebhookSecret)
	cfg.Webhook = server.Webhook{URL: c.Webhook, Secrets: secrets, Private: c.WebhookPrivate}
	return err
}

// minSecret is the length of a secret that cannot be guessed, in bytes of text.
const minSecret = 16

// loadSecrets reads a file of secrets, one a line.
func loadSecrets(file string) ([][]byte, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s: make it with switchyard webhook secret > %s", file, file)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the webhook's secret: %w", err)
	}
	var secrets [][]byte
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
		case len(line) < minSecret:
			return nil, fmt.Errorf("a secret in %s is shorter than %d characters: make one with switchyard webhook secret", file, minSecret)
		default:
			secrets = append(secrets, line)
		}
	}
	if len(secrets) == 0 || len(secrets) > 4 {
		return nil, fmt.Errorf("%s must hold one secret, or up to four, a line each: make one with switchyard webhook secret > %s", file, file)
	}
	return secrets, nil
}

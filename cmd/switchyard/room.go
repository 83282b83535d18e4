package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"switchyard/api"
	"switchyard/client/admin"
	"switchyard/engine/auth"
	"switchyard/protocol"
	"switchyard/server"
)

// APIFlags say which server a verb manages, and by which right.
type APIFlags struct {
	Data   string `help:"Data folder of the running server: its key signs the request." default:"data" placeholder:"DIR"`
	Server string `help:"Address of the server, where it is not found by its data folder." placeholder:"URL"`
	Token  string `help:"Token with the admin grant, or the moderate grant for the room, instead of the key in the data folder." env:"SWITCHYARD_TOKEN" placeholder:"TOKEN"`
}

// client finds the server.
func (f *APIFlags) client() (*admin.Client, error) {
	base, token := f.Server, f.Token
	if base != "" && !webAddress(base) {
		return nil, Usagef("--server must begin with http:// or https://: %q does not", base)
	}
	if base == "" {
		running, err := server.FindRunning(f.Data)
		if err != nil {
			return nil, notRunning(f.Data)
		}
		base = running.HTTP
	}
	if token == "" {
		key, err := loadKey(f.Data)
		if err != nil {
			return nil, err
		}
		now := time.Now()
		token, err = auth.Mint(key, auth.Claims{Grants: protocol.Grants{Admin: true}, Expires: now.Add(10 * time.Minute)}, now)
		if err != nil {
			return nil, err
		}
	}
	return admin.New(base, token)
}

// call runs f with the client and puts its error in words.
func (f *APIFlags) call(ctx context.Context, do func(context.Context, *admin.Client) error) error {
	c, err := f.client()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	err = do(ctx, c)
	unanswered := new(url.Error)
	switch {
	case !errors.As(err, &unanswered):
		return err
	case f.Server == "" && errors.Is(err, syscall.ECONNREFUSED):
		return notRunning(f.Data)
	}
	return unreachable(f.Server, err)
}

// RoomsCmd lists rooms.
type RoomsCmd struct {
	APIFlags
	JSON bool `help:"Print JSON: one room a line."`
}

// Run prints a table, or a JSON object a line.
func (c *RoomsCmd) Run(ctx context.Context, std *Streams) error {
	return c.call(ctx, func(ctx context.Context, api *admin.Client) error {
		w := tabwriter.NewWriter(std.Out, 0, 0, 2, ' ', 0)
		rows := 0
		for page := (admin.Page{}); ; {
			list, err := api.Rooms(ctx, page)
			if err != nil {
				return err
			}
			for _, r := range list.Rooms {
				if c.JSON {
					if err := json.NewEncoder(std.Out).Encode(r); err != nil {
						return err
					}
					continue
				}
				if rows == 0 {
					fmt.Fprintln(w, "ROOM\tKIND\tSTATE\tPEOPLE\tVIEWERS\tTRACKS\tOPEN FOR")
				}
				rows++
				fmt.Fprintf(w, "%s\t%s\t%s\t%d/%s\t%d\t%d\t%s\n", r.Room, r.Options.Kind, stateOf(r), r.Participants, limitOf(r.Options.Participants), r.Viewers, r.Tracks, since(r.OpenedAt))
			}
			if page.After = list.Next; page.After == "" {
				break
			}
		}
		if rows == 0 && !c.JSON {
			fmt.Fprintln(std.Err, "No room is open, and none is kept. Make a link into one with: switchyard invite --room NAME")
		}
		return w.Flush()
	})
}

func stateOf(r api.Room) string {
	switch {
	case r.Open && r.Kept:
		return "open, kept"
	case r.Open:
		return "open"
	}
	return "kept"
}

func limitOf(n int) string {
	if n == 0 {
		return "500"
	}
	return fmt.Sprint(n)
}

// since says how long ago a time in milliseconds since 1970 was; "-" for none.
func since(ms int64) string {
	if ms == 0 {
		return "-"
	}
	return time.Since(time.UnixMilli(ms)).Round(time.Second).String()
}

// RoomCmd shows, changes or closes one room.
type RoomCmd struct {
	Name string `arg:"" help:"The room."`
	APIFlags
	Options string `help:"Change the options that are kept for it, by a JSON object: '{\"participants\":20}'; null takes one away." placeholder:"JSON"`
	Create  bool   `help:"Create it, with --options."`
	Close   bool   `help:"Close it for everyone, and forget what is kept for it."`
	Reason  string `help:"What those in it are told when it closes." placeholder:"TEXT"`
	JSON    bool   `help:"Print JSON."`
}

// Run does what the flags say, then shows the room.
func (c *RoomCmd) Run(ctx context.Context, std *Streams) error {
	if !protocol.ValidRoom(c.Name) {
		return Usagef("%q: a room's name has 1 to 64 letters, digits, '-', '_' or '.'", c.Name)
	}
	if c.Close && (c.Create || c.Options != "") {
		return Usagef("--close goes with neither --create nor --options")
	}
	return c.call(ctx, func(ctx context.Context, api *admin.Client) error {
		if c.Close {
			if err := api.CloseRoom(ctx, c.Name, c.Reason); err != nil {
				return err
			}
			fmt.Fprintf(std.Err, "The room %s is closed.\n", c.Name)
			return nil
		}
		if err := c.change(ctx, api); err != nil {
			return err
		}
		return c.show(ctx, api, std)
	})
}

func (c *RoomCmd) change(ctx context.Context, client *admin.Client) error {
	var err error
	switch {
	case c.Create:
		var o protocol.RoomOptions
		if c.Options != "" {
			d := json.NewDecoder(strings.NewReader(c.Options))
			d.DisallowUnknownFields()
			if err := d.Decode(&o); err != nil {
				return Usagef("--options: %s", strings.TrimPrefix(err.Error(), "json: "))
			}
		}
		_, err = client.CreateRoom(ctx, c.Name, o)
	case c.Options != "":
		var patch map[string]any
		if json.Unmarshal([]byte(c.Options), &patch) != nil || patch == nil {
			return Usagef("--options must be a JSON object, such as '{\"participants\":20}'")
		}
		_, _, err = client.ChangeRoom(ctx, c.Name, patch, "")
	}
	return err
}

func (c *RoomCmd) show(ctx context.Context, client *admin.Client, std *Streams) error {
	room, _, err := client.Room(ctx, c.Name)
	if errors.Is(err, admin.ErrNotFound) {
		return fmt.Errorf("there is no room %s: nobody is in it, and nothing is kept for it; create it with switchyard room %s --create", c.Name, c.Name)
	}
	if err != nil {
		return err
	}
	people := []api.Participant{}
	for page := (admin.Page{}); room.Open; {
		list, err := client.Participants(ctx, c.Name, page)
		if errors.Is(err, admin.ErrNotFound) {
			break // it closed just now
		}
		if err != nil {
			return err
		}
		people = append(people, list.Participants...)
		if page.After = list.Next; page.After == "" {
			break
		}
	}
	if c.JSON {
		return json.NewEncoder(std.Out).Encode(struct {
			api.Room
			People []api.Participant `json:"people"`
		}{room, people})
	}
	return printRoom(std.Out, room, people)
}

func printRoom(out io.Writer, room api.Room, people []api.Participant) error {
	options, err := json.Marshal(room.Options)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Room %s: %s, %d people, %d viewers, options %s\n", room.Room, stateOf(room), room.Participants, room.Viewers, options)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, p := range people {
		if i == 0 {
			fmt.Fprintln(w, "ID\tNAME\tROLE\tMAY\tCONNECTION\tIN FOR\tTRACKS")
		}
		var tracks []string
		for _, t := range p.Tracks {
			word := string(t.Source) + " " + string(t.ID)
			if t.Muted {
				word += " (muted)"
			}
			tracks = append(tracks, word)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.Name, p.Role, auth.FormatGrants(p.Grants), connection(p), since(p.JoinedAt), strings.Join(tracks, ", "))
	}
	return w.Flush()
}

func connection(p api.Participant) string {
	switch {
	case !p.Connected:
		return "lost"
	case p.Quality == "":
		return "up"
	}
	return p.Quality
}

// KickCmd removes somebody from a room.
type KickCmd struct {
	Room        string `arg:"" help:"The room."`
	Participant string `arg:"" help:"The id of who shall go: switchyard room ROOM lists them."`
	APIFlags
	Reason string `help:"What the person is told." placeholder:"TEXT"`
}

// Run removes the participant.
func (c *KickCmd) Run(ctx context.Context, std *Streams) error {
	return c.call(ctx, func(ctx context.Context, client *admin.Client) error {
		id := protocol.ParticipantID(c.Participant)
		if _, err := client.Participant(ctx, c.Room, id); err != nil {
			return err
		}
		if err := client.RemoveParticipant(ctx, c.Room, id, c.Reason); err != nil {
			return err
		}
		fmt.Fprintf(std.Err, "%s was removed from %s and cannot come back while the room lives.\n", c.Participant, c.Room)
		return nil
	})
}

// MuteCmd mutes tracks of a room.
type MuteCmd struct {
	Room        string `arg:"" help:"The room."`
	Participant string `arg:"" optional:"" help:"Whose tracks; without it everyone's."`
	APIFlags
	Track  string   `help:"Only this track." placeholder:"ID"`
	Kind   string   `help:"Only audio or only video." enum:",audio,video" default:"" placeholder:"KIND"`
	Except []string `help:"Participants whose tracks stay as they are. Can be repeated." placeholder:"ID"`
}

// Run mutes and prints the ids of the tracks.
func (c *MuteCmd) Run(ctx context.Context, std *Streams) error {
	return c.call(ctx, func(ctx context.Context, client *admin.Client) error {
		which := api.Mute{Participant: protocol.ParticipantID(c.Participant), Track: protocol.TrackID(c.Track), Kind: protocol.TrackKind(c.Kind)}
		for _, id := range c.Except {
			which.Except = append(which.Except, protocol.ParticipantID(id))
		}
		ids, err := client.Mute(ctx, c.Room, which)
		if err != nil {
			return err
		}
		for _, id := range ids {
			fmt.Fprintln(std.Out, id)
		}
		fmt.Fprintf(std.Err, "%d tracks are muted until their owners unmute them.\n", len(ids))
		return nil
	})
}

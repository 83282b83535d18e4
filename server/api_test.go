package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"switchyard/api"
	"switchyard/client"
	"switchyard/client/admin"
	"switchyard/engine/auth"
	"switchyard/protocol"
)

// apiClient calls the server's API and remembers which routes it used.
type apiClient struct {
	*admin.Client
	mux  *http.ServeMux
	mu   sync.Mutex
	used map[string]bool // guarded by mu
}

func (c *apiClient) RoundTrip(r *http.Request) (*http.Response, error) {
	_, pattern := c.mux.Handler(r)
	c.mu.Lock()
	c.used[pattern] = true
	c.mu.Unlock()
	return http.DefaultTransport.RoundTrip(r)
}

// api returns a client with a token of those grants; an empty room makes an admin's.
func (s *testServer) api(room, grants string) *apiClient {
	s.t.Helper()
	c, err := admin.New(s.base, strings.TrimPrefix(s.bearer(room, grants), "Authorization: Bearer "))
	if err != nil {
		s.t.Fatal(err)
	}
	a := &apiClient{Client: c, mux: http.NewServeMux(), used: map[string]bool{}}
	for _, r := range api.Routes {
		a.mux.HandleFunc(r.Method+" "+r.Path, func(http.ResponseWriter, *http.Request) {})
	}
	c.HTTP = &http.Client{Transport: a, Timeout: patience}
	return a
}

// person is a participant without media.
type person struct {
	t    *testing.T
	conn *websocket.Conn
}

// joins opens a WebSocket and sends join.
func (s *testServer) joins(room, identity, grants string, change ...func(*auth.Claims)) *person {
	s.t.Helper()
	g, err := auth.ParseGrants(grants)
	if err != nil {
		s.t.Fatal(err)
	}
	claims := auth.Claims{Room: room, Identity: identity, Name: identity, Grants: g}
	for _, f := range change {
		f(&claims)
	}
	token, err := auth.Mint(s.key, claims, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return s.enterWith(room, token)
}

// next waits for a message of that type; an error of the server is a message like others.
func next[T any](p *person, typ string) (v T) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		_, b, err := p.conn.Read(ctx)
		if err != nil {
			p.t.Fatalf("while waiting for %s: %v", typ, err)
		}
		e, err := protocol.Decode(b)
		if err != nil {
			p.t.Fatal(err)
		}
		if e.Type == protocol.TypeError && typ != protocol.TypeError {
			p.t.Fatalf("instead of %s: %s", typ, e.Body)
		}
		if e.Type == typ {
			if err := e.Into(&v); err != nil {
				p.t.Fatal(err)
			}
			return v
		}
	}
}

func (p *person) welcome() protocol.Welcome {
	p.t.Helper()
	return next[protocol.Welcome](p, protocol.TypeWelcome)
}

// refused waits for an error of that code.
func (p *person) refused(code string) {
	p.t.Helper()
	if e := next[protocol.Error](p, protocol.TypeError); e.Code != code || !strings.HasSuffix(e.Message, ".") {
		p.t.Fatalf("refused with %+v, want %s", e, code)
	}
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func whole(t *testing.T, data string) *Config { return &Config{Data: data, backend: newBackend} }

// until polls until f returns "".
func until(t *testing.T, f func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		wrong := f()
		if wrong == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(wrong)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A room's life by the API, and every route of it by the Go client.
func TestAPI(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	c, ctx := s.api("", "admin"), t.Context()
	room := must[api.Room](t)

	r := room(c.CreateRoom(ctx, "standup", protocol.RoomOptions{Participants: 1, Metadata: map[string]string{"team": "blue"}}))
	if !r.Kept || r.Open || r.Options.Participants != 1 || r.Options.Kind != "call" || r.KeptOptions.Metadata["team"] != "blue" {
		t.Fatalf("%+v", r)
	}
	if _, err := c.CreateRoom(ctx, "standup", protocol.RoomOptions{}); !errors.Is(err, admin.ErrExists) {
		t.Fatal(err)
	}
	if r := room(c.CreateRoom(ctx, "", protocol.RoomOptions{})); !protocol.ValidRoom(r.Room) {
		t.Fatalf("%+v", r)
	}
	ann := s.joins("standup", "ann/b c", "publish,subscribe,data")
	if w := ann.welcome(); w.Limits.Participants != 1 || w.Metadata["team"] != "blue" {
		t.Fatalf("%+v", w)
	}
	s.joins("standup", "ben", "subscribe").refused(protocol.CodeRoomFull)

	// Options change while the room is open; who read an older version is refused.
	_, version, err := c.Room(ctx, "standup")
	if err != nil {
		t.Fatal(err)
	}
	r, _, err = c.ChangeRoom(ctx, "standup", map[string]any{"participants": 3, "metadata": map[string]any{"team": nil, "floor": "2"}}, version)
	if err != nil || r.Options.Participants != 3 || r.KeptOptions.Metadata["floor"] != "2" || len(r.KeptOptions.Metadata) != 1 {
		t.Fatalf("%+v %v", r, err)
	}
	if m := next[protocol.RoomUpdate](ann, protocol.TypeRoom).Metadata; len(m) != 1 || m["floor"] != "2" {
		t.Fatalf("told metadata %v", m)
	}
	if _, _, err = c.ChangeRoom(ctx, "standup", map[string]any{"participants": 9}, version); !errors.Is(err, admin.ErrChanged) {
		t.Fatal(err)
	}
	ben := s.joins("standup", "ben", "subscribe,data")
	ben.welcome()

	// Participants.
	list := must[api.ParticipantList](t)(c.Participants(ctx, "standup", admin.Page{Limit: 1}))
	if len(list.Participants) != 1 || list.Next != "ann/b c" {
		t.Fatalf("%+v", list)
	}
	list = must[api.ParticipantList](t)(c.Participants(ctx, "standup", admin.Page{Limit: 1, After: list.Next}))
	if len(list.Participants) != 1 || list.Participants[0].ID != "ben" || list.Next != "" || !list.Participants[0].Grants.Subscribe {
		t.Fatalf("%+v", list)
	}
	if p := must[api.Participant](t)(c.Participant(ctx, "standup", "ann/b c")); p.Name != "ann/b c" {
		t.Fatalf("%+v", p)
	}
	name, grants := "Benjamin", protocol.Grants{Publish: []string{"camera"}, Subscribe: true}
	if p := must[api.Participant](t)(c.ChangeParticipant(ctx, "standup", "ben", api.ChangeParticipant{Name: &name, Grants: &grants})); p.Name != name || p.Grants.Publish[0] != "camera" {
		t.Fatalf("%+v", p)
	}
	if u := next[protocol.ParticipantUpdate](ben, protocol.TypeParticipant); u.Grants == nil || u.Grants.Publish[0] != "camera" || u.Grants.Data {
		t.Fatalf("%+v", u)
	}
	if u := next[protocol.ParticipantUpdate](ann, protocol.TypeParticipant); u.Name == nil || *u.Name != name || u.Grants != nil {
		t.Fatalf("%+v", u)
	}
	if n := must[int](t)(c.SendData(ctx, "standup", api.SendData{Topic: "notice", Payload: json.RawMessage(`{"n":1}`)})); n != 2 {
		t.Fatalf("%d receivers", n)
	}
	if d := next[protocol.Data](ann, protocol.TypeData); d.From != "" || d.Topic != "notice" || string(d.Payload) != `{"n":1}` || d.At == 0 {
		t.Fatalf("%+v", d)
	}
	if _, err := c.SendData(ctx, "standup", api.SendData{To: []protocol.ParticipantID{"nobody"}, Topic: "x", Payload: json.RawMessage(`1`)}); !errors.Is(err, admin.ErrNotFound) {
		t.Fatal(err)
	}
	for range 2 { // the second time there is nobody, which is as good
		if err := c.RemoveParticipant(ctx, "standup", "ben", "Bye."); err != nil {
			t.Fatal(err)
		}
	}
	if e := next[protocol.Error](ben, protocol.TypeError); e.Code != protocol.CodeRemoved || e.Message != "Bye." {
		t.Fatalf("%+v", e)
	}
	s.joins("standup", "ben", "subscribe").refused(protocol.CodeRemoved)

	// Tracks, of a publisher without a WebSocket.
	s.publish("standup", false)
	tracks := must[api.TrackList](t)(c.Tracks(ctx, "standup", admin.Page{}))
	if len(tracks.Tracks) != 1 || tracks.Tracks[0].Participant != "tester" {
		t.Fatalf("%+v", tracks)
	}
	if ids := must[[]protocol.TrackID](t)(c.Mute(ctx, "standup", api.Mute{Kind: protocol.KindVideo, Except: []protocol.ParticipantID{"tester"}})); len(ids) != 0 {
		t.Fatalf("%v", ids)
	}
	if ids := must[[]protocol.TrackID](t)(c.Mute(ctx, "standup", api.Mute{Participant: "tester"})); len(ids) != 1 || ids[0] != tracks.Tracks[0].ID {
		t.Fatalf("%v", ids)
	}
	if st := must[api.RoomStats](t)(c.Stats(ctx, "standup")); st.At == 0 || len(st.Links) != 1 || st.Links[0].Remote != "" ||
		len(st.Links[0].In) == 0 || st.Links[0].In[0].Track != tracks.Tracks[0].ID {
		t.Fatalf("stats: %+v", st)
	}
	if tracks = must[api.TrackList](t)(c.Tracks(ctx, "standup", admin.Page{})); !tracks.Tracks[0].Muted {
		t.Fatalf("%+v", tracks)
	}
	if _, err := c.Mute(ctx, "standup", api.Mute{Track: "nothing"}); !errors.Is(err, admin.ErrNotFound) {
		t.Fatal(err)
	}
	if err := c.EndTrack(ctx, "standup", tracks.Tracks[0].ID); err != nil {
		t.Fatal(err)
	}
	if tracks = must[api.TrackList](t)(c.Tracks(ctx, "standup", admin.Page{})); len(tracks.Tracks) != 0 {
		t.Fatalf("%+v", tracks)
	}

	rooms := must[api.RoomList](t)(c.Rooms(ctx, admin.Page{}))
	if len(rooms.Rooms) != 2 || rooms.Rooms[0].Room == "standup" && rooms.Rooms[0].Participants != 2 {
		t.Fatalf("%+v", rooms)
	}
	checkInvitations(t, c)
	checkTransfers(t, c, s.base)
	for range 2 {
		if err := c.CloseRoom(ctx, "standup", "Time is up."); err != nil {
			t.Fatal(err)
		}
	}
	if e := next[protocol.Error](ann, protocol.TypeError); e.Code != protocol.CodeRoomClosed || e.Message != "Time is up." {
		t.Fatalf("%+v", e)
	}
	if _, _, err := c.Room(ctx, "standup"); !errors.Is(err, admin.ErrNotFound) {
		t.Fatal(err)
	}
	for _, route := range api.Routes {
		ownPages := regexp.MustCompile(`^/v1/(admin|doctor|server|open-rooms|nearby)(/|$)`).MatchString(route.Path)
		if !c.used[route.Method+" "+route.Path] && !ownPages {
			t.Errorf("the Go client does not call %s %s", route.Method, route.Path)
		}
	}
}

// checkInvitations walks an invitation's life, and a minted token's.
func checkInvitations(t *testing.T, c *apiClient) {
	t.Helper()
	ctx := t.Context()
	inv := must[api.Invitation](t)(c.CreateInvitation(ctx, api.CreateInvitation{Room: "standup", Uses: 1}))
	if f := must[api.InvitationFacts](t)(c.Invitation(ctx, inv.ID)); !f.Valid || f.Room != "standup" {
		t.Fatalf("%+v", f)
	}
	if a := must[api.Accepted](t)(c.AcceptInvitation(ctx, inv.ID, "Carl")); a.Token == "" || a.Room != "standup" {
		t.Fatalf("%+v", a)
	}
	if _, err := c.AcceptInvitation(ctx, inv.ID, "Dora"); !errors.Is(err, admin.ErrGone) {
		t.Fatal(err)
	}
	if err := c.RevokeInvitation(ctx, inv.ID); err != nil {
		t.Fatal(err)
	}
	must[api.Invitation](t)(c.CreateInvitation(ctx, api.CreateInvitation{Room: "other"}))
	l := must[api.InvitationList](t)(c.Invitations(ctx, "standup", admin.Page{}))
	if len(l.Invitations) != 1 || l.Invitations[0].ID != inv.ID || l.Invitations[0].Reason != "revoked" {
		t.Fatalf("%+v", l)
	}
	if l := must[api.InvitationList](t)(c.Invitations(ctx, "", admin.Page{})); len(l.Invitations) != 2 {
		t.Fatalf("%+v", l)
	}
	tok := must[api.Token](t)(c.CreateToken(ctx, api.CreateToken{Room: "standup", Options: &protocol.RoomOptions{Participants: 7}}))
	if tok.Token == "" || tok.Identity == "" || time.Until(tok.Expires) < time.Hour {
		t.Fatalf("%+v", tok)
	}
	for _, q := range []api.CreateToken{{}, {Room: "x", Grants: &protocol.Grants{Admin: true}}, {Room: "x", ExpiresIn: -1},
		{Room: "x", Options: &protocol.RoomOptions{Kind: "nonsense"}}} {
		if _, err := c.CreateToken(ctx, q); err == nil || errors.Is(err, admin.ErrNoServer) {
			t.Fatalf("%+v: %v", q, err)
		}
	}
}

// checkTransfers walks the life of a link for files.
func checkTransfers(t *testing.T, c *apiClient, base string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	links := client.Transfers{Server: base, HTTP: c.HTTP}
	made := must[client.Transfer](t)(links.Make(ctx, "", client.TransferOptions{Receivers: 1, ExpiresIn: time.Minute, Code: true}))
	claimed := must[client.Accepted](t)(links.Claim(ctx, strconv.Itoa(made.Nameplate), "Ann"))
	if claimed.Room != made.Room || claimed.Role != "receiver" {
		t.Fatalf("%+v", claimed)
	}
	if n := must[int](t)(links.NewCode(ctx, made)); n != made.Nameplate {
		t.Fatalf("nameplate %d, the smallest free one is %d", n, made.Nameplate)
	}
	receiver := must[client.Accepted](t)(links.Accept(ctx, made.ID, "Ann"))
	if f := must[client.TransferFacts](t)(links.Facts(ctx, made.ID)); f.Valid || f.Reason != "used-up" || f.Left != 0 || !f.Expires.Equal(made.Expires) {
		t.Fatalf("%+v", f)
	}
	keys := client.RelayKeys{Seal: make([]byte, 32), Open: make([]byte, 32)}
	senders := keys
	senders.Sender = true
	other := make(chan error, 1)
	go func() {
		r, err := client.DialRelay(ctx, base, made.Room, receiver.Token, "sender", keys, nil)
		if err == nil {
			defer r.Close()
		}
		other <- err
	}()
	relay, err := client.DialRelay(ctx, base, made.Room, made.Token, protocol.ParticipantID(receiver.Identity), senders, c.HTTP)
	if err := errors.Join(err, <-other); err != nil {
		t.Fatal(err)
	}
	relay.Close()
	if err := links.Revoke(ctx, made); err != nil {
		t.Fatal(err)
	}
	var gone *api.Problem
	if _, err := links.Accept(ctx, made.ID, "Ben"); !errors.As(err, &gone) || gone.Status != 410 || gone.Code != "revoked" {
		t.Fatal(err)
	}
}

// Who moderates a room can do there what moderators do, and nothing elsewhere.
func TestModeratorsToken(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	ctx := t.Context()
	s.joins("mine", "ann", "publish,subscribe").welcome()
	s.joins("other", "ann", "publish,subscribe").welcome()
	m := s.api("mine", "moderate,subscribe")
	if _, _, err := m.Room(ctx, "mine"); err != nil {
		t.Fatal(err)
	}
	speak := protocol.Grants{Publish: []string{"microphone"}, Subscribe: true}
	if _, err := m.ChangeParticipant(ctx, "mine", "ann", api.ChangeParticipant{Grants: &speak}); err != nil {
		t.Fatal(err)
	}
	speak.Moderate = true
	for what, err := range map[string]error{
		"give the moderate grant": second(m.ChangeParticipant(ctx, "mine", "ann", api.ChangeParticipant{Grants: &speak})),
		"see another room":        second(m.Participants(ctx, "other", admin.Page{})),
		"remove from another":     m.RemoveParticipant(ctx, "other", "ann", ""),
		"list rooms":              second(m.Rooms(ctx, admin.Page{})),
		"create a room":           second(m.CreateRoom(ctx, "third", protocol.RoomOptions{})),
		"make tokens":             second(m.CreateToken(ctx, api.CreateToken{Room: "mine"})),
		"list all invitations":    second(m.Invitations(ctx, "", admin.Page{})),
		"mute without the grant":  second(s.api("mine", "publish").Mute(ctx, "mine", api.Mute{})),
	} {
		if !errors.Is(err, admin.ErrForbidden) {
			t.Errorf("a moderator may %s: %v", what, err)
		}
	}
	if _, err := m.Invitations(ctx, "mine", admin.Page{}); err != nil {
		t.Error(err)
	}
	// A moderator who was removed moderates no more, whatever its token says.
	s.joins("mine", "tester", "moderate").welcome()
	if err := s.api("", "admin").RemoveParticipant(ctx, "mine", "tester", ""); err != nil {
		t.Fatal(err)
	}
	if err := m.CloseRoom(ctx, "mine", ""); !errors.Is(err, admin.ErrForbidden) {
		t.Errorf("a removed moderator closed the room: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

// The API comes before the token that opens the room, that before the configuration, that before the kind.
func TestPrecedenceOfOptions(t *testing.T) {
	cfg := *whole(t, t.TempDir())
	cfg.Rooms = protocol.RoomOptions{Participants: 40, EmptyFor: 400, Viewers: 4, Publishers: []string{"chair"}}
	s := run(t, cfg)
	c, ctx := s.api("", "admin"), t.Context()
	must[api.Room](t)(c.CreateRoom(ctx, "r", protocol.RoomOptions{Participants: 10}))
	token := func(o protocol.RoomOptions) func(*auth.Claims) {
		return func(c *auth.Claims) { c.Options = &o }
	}
	s.joins("r", "ann", "publish", token(protocol.RoomOptions{Participants: 20, EmptyFor: 200, Kind: "broadcast"})).welcome()
	s.joins("r", "ben", "publish", token(protocol.RoomOptions{EmptyFor: 99, MaxBitrate: 100_000})).welcome() // too late
	r, _, err := c.Room(ctx, "r")
	if err != nil {
		t.Fatal(err)
	}
	o := r.Options
	if o.Participants != 10 || o.EmptyFor != 200 || o.Viewers != 4 || o.Kind != "broadcast" || o.Role != "viewer" ||
		fmt.Sprint(o.Publishers) != "[chair]" || o.MaxBitrate != 0 {
		t.Fatalf("%+v", o)
	}
	// What the kind says of grants is what people are told.
	if w := s.joins("r", "carl", "publish,subscribe").welcome(); len(w.Grants.Publish) != 0 || !w.Grants.Subscribe {
		t.Fatalf("%+v", w.Grants)
	}
	if w := s.joins("r", "dora", "publish", func(c *auth.Claims) { c.Role = "chair" }).welcome(); len(w.Grants.Publish) != 1 {
		t.Fatalf("%+v", w.Grants)
	}
}

// A room with an end closes then, and is not opened again.
func TestRoomEnds(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	c, ctx := s.api("", "admin"), t.Context()
	must[api.Room](t)(c.CreateRoom(ctx, "short", protocol.RoomOptions{EndsAt: time.Now().Add(time.Hour).UnixMilli()}))
	ann := s.joins("short", "ann", "subscribe")
	ann.welcome()
	// Not by the API: that refuses an end which has come by the time it reads of it.
	o, revision, err := s.rooms.change(ctx, "short", nil, time.Now(), func(o protocol.RoomOptions, _ bool) (protocol.RoomOptions, error) {
		o.EndsAt = time.Now().Add(100 * time.Millisecond).UnixMilli()
		return o, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.configure("short", o, revision)
	ann.refused(protocol.CodeRoomClosed)
	s.joins("short", "ben", "subscribe").refused(protocol.CodeRoomClosed)
	if _, err := c.CreateRoom(ctx, "past", protocol.RoomOptions{EndsAt: 1}); err == nil {
		t.Error("a room that has ended already was created")
	}
}

// Of two who change the same version one succeeds; who gives no version adds to what the others did.
func TestOptionsChangedAtOnce(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	c, ctx := s.api("", "admin"), t.Context()
	must[api.Room](t)(c.CreateRoom(ctx, "r", protocol.RoomOptions{}))
	s.joins("r", "ann", "subscribe").welcome()
	_, version, err := c.Room(ctx, "r")
	if err != nil {
		t.Fatal(err)
	}
	const n = 8
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			_, _, errs[i] = c.ChangeRoom(ctx, "r", map[string]any{"participants": 10 + i}, version)
		})
	}
	wg.Wait()
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won < 0:
			won = i
		case !errors.Is(err, admin.ErrChanged):
			t.Fatalf("%d (winner %d): %v", i, won, err)
		}
	}
	if r, _, _ := c.Room(ctx, "r"); won < 0 || r.Options.Participants != 10+won || r.KeptOptions.Participants != 10+won {
		t.Fatalf("winner %d: %+v", won, r)
	}
	for i := range n {
		wg.Go(func() {
			_, _, errs[i] = c.ChangeRoom(ctx, "r", map[string]any{"metadata": map[string]string{fmt.Sprint(i): "x"}}, "")
		})
	}
	wg.Wait()
	r, _, err := c.Room(ctx, "r")
	if err := errors.Join(append(errs, err)...); err != nil {
		t.Fatal(err)
	}
	if len(r.KeptOptions.Metadata) != n || len(r.Options.Metadata) != n {
		t.Fatalf("%+v", r)
	}
}

// Whoever joins while a room is deleted is either sent away or in a room without the old options.
func TestDeleteWhileJoining(t *testing.T) {
	s := run(t, *whole(t, t.TempDir()))
	c, ctx := s.api("", "admin"), t.Context()
	for round := range 10 {
		must[api.Room](t)(c.CreateRoom(ctx, "r", protocol.RoomOptions{Participants: 1}))
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() { s.joins("r", fmt.Sprintf("p%d-%d", round, i), "subscribe") })
		}
		wg.Go(func() {
			if err := c.CloseRoom(ctx, "r", ""); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		r, _, err := c.Room(ctx, "r")
		if err == nil && (r.Kept || r.Options.Participants != 0) || err != nil && !errors.Is(err, admin.ErrNotFound) {
			t.Fatalf("round %d: %+v %v", round, r, err)
		}
		if err := c.CloseRoom(ctx, "r", ""); err != nil {
			t.Fatal(err)
		}
	}
}

// Options survive a restart.
func TestOptionsSurviveARestart(t *testing.T) {
	dir := t.TempDir()
	s := run(t, *whole(t, dir))
	must[api.Room](t)(s.api("", "admin").CreateRoom(t.Context(), "r", protocol.RoomOptions{Participants: 1}))
	s.stop()
	s = run(t, *whole(t, dir))
	s.joins("r", "ann", "subscribe").welcome()
	s.joins("r", "ben", "subscribe").refused(protocol.CodeRoomFull)
}

// The table is the whole API: every route has a handler and every handler a route, and nothing below /v1/
// is routed besides it.
func TestTheTableIsTheAPI(t *testing.T) {
	handlers := (&Server{backend: &Backend{}}).handlers()
	for _, r := range api.Routes {
		if handlers[r.Name] == nil {
			t.Errorf("%s has no handler", r.Name)
		}
		delete(handlers, r.Name)
	}
	for name := range handlers {
		t.Errorf("%s has no route", name)
	}
	source, err := os.ReadFile("routes.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`mux\.Handle\w*\("([^"]*/v1/[^"]*)"`).FindAllSubmatch(source, -1) {
		if string(m[1]) != "/v1/" { // what is not there
			t.Errorf("%s is routed besides api.Routes", m[1])
		}
	}
}

// No body makes a handler fail by a fault of its own, whatever it holds.
func FuzzBodies(f *testing.F) {
	type target struct {
		method, path string
	}
	var targets []target
	for _, r := range api.Routes {
		if r.Body == nil {
			continue
		}
		p := strings.NewReplacer("{room}", "demo", "{participant}", "ann", "{id}", "AAAAAAAAAAAAAAAAAAAAAAAAAA").Replace(r.Path)
		targets = append(targets, target{r.Method, p})
		f.Add(uint8(len(targets)-1), []byte(r.BodyExample))
	}
	f.Add(uint8(0), []byte(`{"room":"x","options":{"metadata":{"a":null}}}`))
	f.Add(uint8(1), []byte(`{"metadata":{"a":{"b":1}},"sources":[null],"endsAt":1e99}`))
	f.Add(uint8(1), []byte("[]"))
	f.Add(uint8(4), []byte("{\"topic\":\"\xff\",\"payload\":1}"))
	s, err := New(Config{HTTP: "127.0.0.1:0", Media: "127.0.0.1:0", Data: f.TempDir(), Files: testFiles, GuessBurst: 1e12})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	token, err := auth.Mint(s.key, auth.Claims{Grants: protocol.Grants{Admin: true}, Expires: time.Now().Add(100 * time.Hour)}, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	handler := s.routes()
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		at := targets[int(which)%len(targets)]
		r := httptest.NewRequest(at.method, at.path, bytes.NewReader(body))
		r.RemoteAddr = "127.0.0.1:1"
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 && w.Code != http.StatusServiceUnavailable {
			t.Fatalf("%s %s: %d %s", at.method, at.path, w.Code, w.Body)
		}
		if w.Code >= 400 {
			var p api.Problem
			if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || p.Detail == "" || p.Status != w.Code {
				t.Fatalf("%s %s: no problem but %s", at.method, at.path, w.Body)
			}
		}
	})
}

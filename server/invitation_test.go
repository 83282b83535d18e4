package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/api"
	"switchyard/engine/auth"
	"switchyard/protocol"
)

// invite makes an invitation and returns its id.
func (s *testServer) invite(body string, headers ...string) string {
	s.t.Helper()
	made := asks[api.Invitation](s, 201, "POST", "/v1/invitations", body, headers...)
	if want := s.BaseURL() + "/i/" + made.ID; made.URL != want || len(made.ID) < 26 {
		s.t.Fatalf("link %q, want %q", made.URL, want)
	}
	return made.ID
}

func TestInvitation(t *testing.T) {
	s := run(t, Config{})
	id := s.invite(`{"room":"r1","role":"viewer","uses":2,"expiresIn":60}`, s.bearer("r1", "moderate"))
	facts := `{"room":"r1","role":"viewer","valid":true}` + "\n"
	for range 5 { // looking does not use it up
		if status, _, body := s.call("GET", "/v1/invitations/"+id, ""); status != 200 || body != facts {
			t.Fatalf("%d %s", status, body)
		}
		s.call("GET", "/i/"+id, "")
	}
	identities := map[string]bool{}
	for range 2 {
		status, h, body := s.call("POST", "/v1/invitations/"+id+"/accept", `{"name":"  Ann\n Ö. "}`)
		var a api.Accepted
		if err := json.Unmarshal([]byte(body), &a); status != 200 || err != nil || a.Room != "r1" || a.Role != "viewer" {
			t.Fatalf("%d %s", status, body)
		}
		if h.Get("Cache-Control") != "no-store" {
			t.Fatal("the token may be cached")
		}
		c, err := auth.Verify(s.key, a.Token, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if c.Opens("r1") != nil || c.Identity != a.Identity || c.Name != "Ann Ö." || !c.Grants.Subscribe || c.Grants.Publish != nil || c.Grants.Moderate {
			t.Fatalf("claims %+v", c)
		}
		identities[a.Identity] = true
	}
	if len(identities) != 2 {
		t.Fatal("one identity for two people")
	}
	status, h, body := s.call("POST", "/v1/invitations/"+id+"/accept", `{"name":"C"}`)
	wantProblem(t, "third use", status, h, body, 410, "used-up")
	if _, _, body := s.call("GET", "/v1/invitations/"+id, ""); !strings.Contains(body, `"valid":false,"reason":"used-up"`) {
		t.Fatal(body)
	}
	if log := s.log.String(); strings.Contains(log, id) {
		t.Fatal("the log holds the invitation")
	}
}

func TestInvitationExpired(t *testing.T) {
	s := run(t, Config{})
	inv, err := s.invitations.create(t.Context(), "r", "guest", 1, time.Hour, time.Now().Add(-2*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	status, h, body := s.call("POST", "/v1/invitations/"+inv.ID+"/accept", `{}`)
	wantProblem(t, "expired", status, h, body, 410, "expired")
	if _, _, body := s.call("GET", "/v1/invitations/"+inv.ID, ""); !strings.Contains(body, `"reason":"expired"`) {
		t.Fatal(body)
	}
}

func TestInvitationRevoked(t *testing.T) {
	s := run(t, Config{})
	moderator := s.bearer("r1", "moderate")
	id := s.invite(`{"room":"r1"}`, moderator)
	status, h, body := s.call("DELETE", "/v1/invitations/"+id, "", s.bearer("r2", "moderate"))
	wantProblem(t, "another room's moderator", status, h, body, 403, protocol.CodeForbidden)
	if status, _, body := s.call("DELETE", "/v1/invitations/"+id, "", moderator); status != 204 {
		t.Fatalf("%d %s", status, body)
	}
	status, h, body = s.call("POST", "/v1/invitations/"+id+"/accept", `{}`)
	wantProblem(t, "revoked", status, h, body, 410, "revoked")
}

func TestInvitationNeedsTheRight(t *testing.T) {
	s := run(t, Config{})
	expired, err := auth.Mint(s.key, auth.Claims{Room: "r1", Identity: "i", Grants: protocol.Grants{Moderate: true},
		Issued: time.Now().Add(-2 * time.Hour), Expires: time.Now().Add(-time.Hour)}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := auth.Mint(make([]byte, 32), auth.Claims{Grants: protocol.Grants{Admin: true}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, body, header string
		status             int
		code               string
	}{
		{"no token", `{"room":"r1"}`, "", 401, protocol.CodeUnauthorized},
		{"not a token", `{"room":"r1"}`, "Authorization: Bearer x", 401, protocol.CodeUnauthorized},
		{"expired token", `{"room":"r1"}`, "Authorization: Bearer " + expired, 401, protocol.CodeUnauthorized},
		{"another server's token", `{"room":"r1"}`, "Authorization: Bearer " + foreign, 401, protocol.CodeUnauthorized},
		{"no moderator", `{"room":"r1"}`, s.bearer("r1", "publish,subscribe,data"), 403, protocol.CodeForbidden},
		{"moderator of another room", `{"room":"r1"}`, s.bearer("r2", "moderate"), 403, protocol.CodeForbidden},
		{"bad room", `{"room":"a b"}`, s.bearer("", "admin"), 400, protocol.CodeBadMessage},
		{"bad role", `{"room":"r","role":"king"}`, s.bearer("", "admin"), 400, protocol.CodeBadMessage},
		{"bad uses", `{"room":"r","uses":-3}`, s.bearer("", "admin"), 400, protocol.CodeBadMessage},
		{"bad expiry", `{"room":"r","expiresIn":-1}`, s.bearer("", "admin"), 400, protocol.CodeBadMessage},
		{"far expiry", `{"room":"r","expiresIn":9223372036854775807}`, s.bearer("", "admin"), 400, protocol.CodeBadMessage},
	} {
		status, h, body := s.call("POST", "/v1/invitations", c.body, c.header)
		wantProblem(t, c.name, status, h, body, c.status, c.code)
	}
	s.invite(`{"room":"r1"}`, s.bearer("", "admin"))
}

func TestInvitationBadName(t *testing.T) {
	s := run(t, Config{})
	id := s.invite(`{"room":"r","uses":1}`, s.bearer("", "admin"))
	for _, name := range []string{strings.Repeat("x", 65), `a\u0000b`, `\u202e`} {
		status, h, body := s.call("POST", "/v1/invitations/"+id+"/accept", `{"name":"`+name+`"}`)
		wantProblem(t, name, status, h, body, 400, protocol.CodeBadMessage)
	}
	if status, _, _ := s.call("POST", "/v1/invitations/"+id+"/accept", ""); status != 200 {
		t.Fatal("a bad name used it up")
	}
}

func TestInvitationRaced(t *testing.T) {
	s := run(t, Config{})
	id := s.invite(`{"room":"r","uses":7}`, s.bearer("", "admin"))
	var wg sync.WaitGroup
	var accepted, gone atomic.Int32
	for i := range 50 {
		wg.Go(func() {
			res, err := http.Post(s.base+"/v1/invitations/"+id+"/accept", "application/json", strings.NewReader(fmt.Sprintf(`{"name":"n%d"}`, i)))
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
			switch res.StatusCode {
			case 200:
				accepted.Add(1)
			case 410:
				gone.Add(1)
			default:
				t.Errorf("status %d", res.StatusCode)
			}
		})
	}
	wg.Wait()
	if accepted.Load() != 7 || gone.Load() != 43 {
		t.Fatalf("%d accepted, %d refused", accepted.Load(), gone.Load())
	}
}

func TestInvitationGuessed(t *testing.T) {
	s := run(t, Config{GuessBurst: 3, GuessRate: 0.001})
	id := s.invite(`{"room":"r"}`, s.bearer("", "admin"))
	for i, guess := range []string{"AAAAAAAAAAAAAAAAAAAAAAAAAA", "short", strings.Repeat("x", 5000)} {
		if status, _, _ := s.call("GET", "/v1/invitations/"+id, ""); status != 200 {
			t.Fatalf("after %d guesses: %d", i, status)
		}
		status, h, body := s.call("GET", "/v1/invitations/"+guess, "")
		wantProblem(t, guess, status, h, body, 404, protocol.CodeNotFound)
	}
	status, h, body := s.call("POST", "/v1/invitations/"+id+"/accept", "{}")
	wantProblem(t, "too many guesses", status, h, body, 429, protocol.CodeLimit)
	if h.Get("Retry-After") == "" {
		t.Fatal("no Retry-After")
	}
}

func TestFirstInvitationIsKept(t *testing.T) {
	dir := t.TempDir()
	link := func() string {
		s := run(t, Config{Data: dir, URL: "https://meet.example/"})
		defer s.stop()
		l, err := s.FirstInvitation(t.Context())
		if err != nil || !strings.HasPrefix(l, "https://meet.example/i/") {
			t.Fatalf("%q %v", l, err)
		}
		if status, _, body := s.call("GET", "/v1/invitations/"+l[strings.LastIndexByte(l, '/')+1:], ""); status != 200 || !strings.Contains(body, `"valid":true`) {
			t.Fatalf("%d %s", status, body)
		}
		return l
	}
	if a, b := link(), link(); a != b {
		t.Fatalf("%s, then %s", a, b)
	}
}

// Whoever moderates a room cannot fill the store with invitations; who has an admin token may make many.
func TestInvitationsAreLimited(t *testing.T) {
	s := run(t, Config{InviteRate: 0.001, InviteBurst: 3})
	moderator := s.bearer("r1", "moderate")
	for range 3 {
		s.invite(`{"room":"r1"}`, moderator)
	}
	status, h, body := s.call("POST", "/v1/invitations", `{"room":"r1"}`, moderator)
	wantProblem(t, "one too many", status, h, body, 429, protocol.CodeLimit)
	if h.Get("Retry-After") == "" {
		t.Error("not told when to come again")
	}
	for range 5 {
		s.invite(`{"room":"r1"}`, s.bearer("", "admin"))
	}
}

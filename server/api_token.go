package server

import (
	"crypto/rand"
	"net/http"
	"strings"
	"time"

	"switchyard/api"
	"switchyard/engine/auth"
	"switchyard/protocol"
)

// createToken is POST /v1/tokens.
func (s *Server) createToken(w http.ResponseWriter, r *http.Request) {
	var q api.CreateToken
	if !readStrict(w, r, &q) {
		return
	}
	now := time.Now()
	claims, wrong := s.tokenClaims(&q, now)
	if wrong != "" {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, wrong)
		return
	}
	token, err := auth.Mint(s.key, claims, now)
	if err != nil {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, auth.Sentence(err))
		return
	}
	reply(w, http.StatusCreated, api.Token{Token: token, Room: claims.Room, Identity: claims.Identity, Expires: claims.Expires})
}

// tokenClaims checks the request and fills in what is absent; a sentence where it is wrong.
func (s *Server) tokenClaims(q *api.CreateToken, now time.Time) (auth.Claims, string) {
	if q.Identity == "" {
		q.Identity = "p-" + strings.ToLower(rand.Text()[:16])
	}
	if q.Grants == nil {
		q.Grants = &protocol.Grants{Publish: []string{"*"}, Subscribe: true, Data: true}
	}
	life := s.cfg.TokenLife
	if q.ExpiresIn != 0 {
		life = maxInvitationLife + 1
		if q.ExpiresIn > 0 && q.ExpiresIn <= int64(maxInvitationLife/time.Second) {
			life = time.Duration(q.ExpiresIn) * time.Second
		}
	}
	c := auth.Claims{Room: q.Room, Identity: q.Identity, Name: q.Name, Role: q.Role, Grants: *q.Grants, Options: q.Options,
		Expires: now.Add(life).UTC().Truncate(time.Second)}
	switch {
	case !protocol.ValidRoom(q.Room):
		return c, "The room's name must have 1 to 64 letters, digits, '-', '_' or '.'."
	case !protocol.ValidIdentity(q.Identity):
		return c, "An identity has 1 to 128 bytes that can be printed."
	case !protocol.ValidName(q.Name) || !protocol.ValidName(q.Role):
		return c, "A name or role has at most 128 bytes that can be printed."
	case q.Grants.Admin:
		return c, "A token for a room cannot have the admin grant. Make one with switchyard token --admin."
	case life > maxInvitationLife:
		return c, "A token expires after 1 second to 366 days: give expiresIn in seconds."
	case q.Options != nil && q.Options.Check() != "":
		return c, q.Options.Check()
	}
	return c, ""
}

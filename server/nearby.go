package server

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"switchyard/api"
	"switchyard/engine/auth"
	"switchyard/protocol"
)

// Devices see each other in rooms of kind nearby: those that one network's public address leads to, and those of two
// devices that were paired. A page asks for tokens to the rooms where it wants to be seen. docs/transfer.md has the rest.

const (
	// nearbyLife is how long a token to such a room is good: whoever moved to another network must ask anew. Who is in
	// stays.
	nearbyLife = 5 * time.Minute
	// nearbyMost bounds a network's room: behind some addresses there are thousands who do not know each other.
	nearbyMost = 32
	// pairMost is a pair's: both, while each may have come back under another identity.
	pairMost = 4
	maxPairs = 16
	// nearbyRate and nearbyBurst bound how often the devices of one address ask.
	nearbyRate, nearbyBurst = 1.0, 60
	// What a device calls itself by is a secret of its own: not so short that others guess it.
	minDevice, maxDevice = 16, 64
)

// nearbySecret keeps what rooms and identities are made of from being computed by others: an address has few bits.
func nearbySecret(key []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("switchyard nearby"))
	return h.Sum(nil)
}

// nearbyName is a name that follows from the parts and says nothing of them.
func (s *Server) nearbyName(parts ...string) string {
	h := hmac.New(sha256.New, nearbySecret(s.key))
	for _, p := range parts {
		h.Write([]byte{byte(len(p))})
		h.Write([]byte(p))
	}
	return lowerBase32.EncodeToString(h.Sum(nil))[:20]
}

// allowsNearby says whether devices are shown to each other at all.
func (s *Server) allowsNearby() bool { return s.cfg.Nearby == nil || *s.cfg.Nearby }

// networkOf names the network of whoever asks: "" where it cannot be told from others'.
func (s *Server) networkOf(r *http.Request) string {
	_, trusted := r.Context().Value(proxied{}).(bool)
	for _, mark := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if !trusted && r.Header.Get(mark) != "" {
			return "" // a proxy that we were not told of: everybody seems to be where it is
		}
	}
	addr := remote(r)
	switch {
	case !addr.IsValid():
		return ""
	case isPublic(addr):
		return addr.String()
	case s.atHome():
		return "home"
	}
	return ""
}

// atHome says whether the server is for one network alone, so that everybody with an address of it is in that. A server
// for everybody can see private addresses, too: a router's of its own container network, say, for the whole world.
func (s *Server) atHome() bool {
	if s.cfg.Nearby != nil { // then somebody has thought about it
		return *s.cfg.Nearby
	}
	if s.cfg.URL != "" || len(s.cfg.ACME.Domains) > 0 || len(s.cfg.TrustedProxies) > 0 {
		return false
	}
	var own []netip.Addr
	if s.backend.Addresses != nil {
		own = s.backend.Addresses()
	}
	return !slices.ContainsFunc(append(own, s.cfg.PublicIPs...), isPublic)
}

// nearbyIdentity is a device's in one room; without a device's own name a new one.
func (s *Server) nearbyIdentity(room, device string) string {
	if device == "" {
		return "n-" + strings.ToLower(rand.Text()[:16])
	}
	return "n-" + s.nearbyName("device", room, device)[:16]
}

// nearbyClaims let a device into one such room.
func (s *Server) nearbyClaims(room, name, device string, most int, now time.Time) auth.Claims {
	return auth.Claims{Room: room, Identity: s.nearbyIdentity(room, device), Name: name, Role: "device",
		Grants: protocol.Grants{Data: true}, Expires: now.Add(nearbyLife),
		Options: &protocol.RoomOptions{Kind: protocol.KindNearby, Participants: most}}
}

// checkNearby says in a sentence what is wrong with the request; "" where nothing is.
func checkNearby(q *api.EnterNearby) string {
	pair := func(id string) bool { return validID(strings.ToUpper(id)) && id == strings.ToLower(id) }
	switch {
	case q.Device != "" && (len(q.Device) < minDevice || len(q.Device) > maxDevice):
		return "device must be a random text of 16 to 64 characters, or absent."
	case len(q.Pairs) > maxPairs:
		return "A device can look for 16 others that it was paired with at once."
	case slices.ContainsFunc(q.Pairs, func(id string) bool { return !pair(id) }):
		return "The id of a pair has 26 small letters and digits from 2 to 7."
	case !q.Network && len(q.Pairs) == 0:
		return "Ask for the network, or name pairs."
	}
	return ""
}

// enterNearby is POST /v1/nearby.
func (s *Server) enterNearby(w http.ResponseWriter, r *http.Request) {
	var q api.EnterNearby
	if !readJSON(w, r, &q) {
		return
	}
	name, ok := cleanName(q.Name)
	wrong := checkNearby(&q)
	if !ok {
		wrong = badName
	}
	if wrong != "" {
		fail(w, http.StatusBadRequest, protocol.CodeBadMessage, wrong)
		return
	}
	if !s.allowsNearby() {
		fail(w, http.StatusNotFound, protocol.CodeNotFound, "This server does not show devices to each other. Send a link or a code.")
		return
	}
	admin, ok := s.mayTransfer(w, r)
	if !ok {
		return
	}
	now := time.Now()
	if !admin && !s.nearby.take(remote(r), 1+float64(len(q.Pairs))/4, now) { // each room is work
		s.limitTransfer(w, "Devices of your network asked for each other very often just now. Wait a moment.")
		return
	}
	s.metrics.transfers.WithLabelValues("nearby").Inc()
	s.replyNearby(w, r, &q, name, now)
}

// replyNearby answers with a token for each room.
func (s *Server) replyNearby(w http.ResponseWriter, r *http.Request, q *api.EnterNearby, name string, now time.Time) {
	answer := api.Nearby{Rooms: []api.NearbyRoom{}}
	add := func(pair, room, name string, most int) bool {
		c := s.nearbyClaims(room, name, q.Device, most, now)
		token, err := auth.Mint(s.key, c, now)
		if err != nil {
			s.log.Error("cannot mint a token", "error", err)
			fail(w, http.StatusInternalServerError, protocol.CodeInternal, "The server could not make a token. Ask whoever runs it to look at its log.")
			return false
		}
		answer.Rooms = append(answer.Rooms, api.NearbyRoom{Pair: pair, Room: room, Identity: c.Identity, Token: token})
		return true
	}
	if network := s.networkOf(r); q.Network && network != "" {
		if !add("", "nearby-"+s.nearbyName("network", network), name, nearbyMost) {
			return
		}
	} else if q.Network {
		answer.Hint = "The server cannot tell your network from others: use a link or a code. Whoever runs it finds more under nearby in its settings."
	}
	for _, id := range q.Pairs {
		if !add(id, "nearby-"+s.nearbyName("pair", id), "", pairMost) { // each knows what it calls the other
			return
		}
	}
	reply(w, http.StatusOK, answer)
}

package server

import (
	"net/http"
	"time"

	"switchyard/protocol"
)

// diagnosisLife is how long TURN credentials of a connection check make allocations.
const diagnosisLife = 2 * time.Minute

// forDiagnosis implements Backend.ICEServers. Virtual relays lead only to this server and to each other,
// so that a stranger may try one, within the quota of their address; real sockets lead out, and need a
// token.
func (r *relay) forDiagnosis(q *http.Request) (server, links []protocol.ICEServer) {
	if r.turn == nil {
		return nil, nil
	}
	host := r.host(q.Host)
	stun := protocol.ICEServer{URLs: []string{"stun:" + r.at(host)}}
	if r.server.cfg.TURN.Sockets != nil {
		if _, err := r.server.keys.verify(bearer(q), time.Now()); err != nil {
			return nil, []protocol.ICEServer{stun}
		}
	}
	user, password := r.secret.Mint("doctor", remote(q).String(), time.Now().Add(diagnosisLife))
	return []protocol.ICEServer{{URLs: r.streams(host), Username: user, Credential: password}}, []protocol.ICEServer{stun}
}

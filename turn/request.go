package turn

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// request is one request that is being answered. It lives for one call.
type request struct {
	server *Server
	now    time.Time
	from   client
	m      *stun.Message

	// Once it is authentic.
	key           stun.MessageIntegrity
	username, who string
	until         time.Time // end of the credentials
	expired       bool      // the credentials; they still serve allocations that were made with them
}

// refusals are the error codes of the reasons (RFC 8489 §14.8, RFC 8656 §19).
var refusals = map[Reason]stun.ErrorCode{
	RefusedNoIntegrity: stun.CodeUnauthorized, RefusedCredentials: stun.CodeUnauthorized,
	RefusedExpired: stun.CodeUnauthorized, RefusedStaleNonce: stun.CodeStaleNonce,
	RefusedForgedNonce: stun.CodeStaleNonce, RefusedBadRequest: stun.CodeBadRequest,
	RefusedAttribute: stun.CodeUnknownAttribute, RefusedMismatch: stun.CodeAllocMismatch,
	RefusedOtherUser: stun.CodeWrongCredentials, RefusedTransport: stun.CodeUnsupportedTransProto,
	RefusedQuota: stun.CodeAllocQuotaReached, RefusedCapacity: stun.CodeInsufficientCapacity,
	RefusedPeer: stun.CodeForbidden,
}

// refuse answers with a reason's error.
func (r *request) refuse(why Reason, more ...stun.Setter) {
	r.refuseAs(why, refusals[why], more...)
}

func (r *request) refuseAs(why Reason, code stun.ErrorCode, more ...stun.Setter) {
	r.server.counters.count(why)
	r.reply(stun.ClassErrorResponse, append([]stun.Setter{code}, more...)...)
}

// challenge refuses with what the client needs to try again (RFC 8489 §9.2.4).
func (r *request) challenge(why Reason) {
	s := r.server
	r.refuse(why, stun.NewRealm(s.cfg.Realm), stun.NewNonce(s.nonces.mint(r.now, r.from.remote.Addr())))
}

// reply answers, signed once the request was found authentic.
func (r *request) reply(class stun.MessageClass, attrs ...stun.Setter) {
	all := append([]stun.Setter{
		stun.NewTransactionIDSetter(r.m.TransactionID), stun.NewType(r.m.Type.Method, class),
	}, attrs...)
	if r.key != nil {
		all = append(all, r.key)
	}
	if r.m.Contains(stun.AttrFingerprint) {
		all = append(all, stun.Fingerprint)
	}
	m, err := stun.Build(all...)
	if err != nil { // only attributes that are too long fail: ours are not
		r.server.cfg.Log.Error("turn: answer not built", "error", err)
		return
	}
	r.server.write(r.from, m.Raw)
}

// authenticate checks nonce and integrity by the long-term mechanism (RFC 8489 §9.2.4), in the order in
// which it says that they are refused.
func (r *request) authenticate() bool {
	s := r.server
	if !r.m.Contains(stun.AttrMessageIntegrity) {
		r.challenge(RefusedNoIntegrity)
		return false
	}
	var username stun.Username
	var nonce stun.Nonce
	var realm stun.Realm
	if username.GetFrom(r.m) != nil || nonce.GetFrom(r.m) != nil || realm.GetFrom(r.m) != nil {
		r.refuse(RefusedBadRequest)
		return false
	}
	switch err := s.nonces.check(r.now, r.from.remote.Addr(), nonce.String()); {
	case errors.Is(err, errNonceStale):
		r.challenge(RefusedStaleNonce)
		return false
	case err != nil:
		r.challenge(RefusedForgedNonce)
		return false
	}
	who, password, until, err := s.cfg.Secret.open(username.String())
	if err != nil {
		r.challenge(RefusedCredentials)
		return false
	}
	key := stun.NewLongTermIntegrity(username.String(), s.cfg.Realm, password)
	if key.Check(r.m) != nil {
		r.challenge(RefusedCredentials)
		return false
	}
	r.key, r.username, r.who, r.until = key, username.String(), who, until
	r.expired = !r.now.Before(until)
	r.trim()
	return true
}

// trim forgets the attributes after the integrity: nobody vouches for them (RFC 8489 §14.5).
func (r *request) trim() {
	for i, a := range r.m.Attributes {
		if a.Type == stun.AttrMessageIntegrity {
			fingerprint, ok := r.m.Attributes[i:].Get(stun.AttrFingerprint)
			if r.m.Attributes = r.m.Attributes[:i]; ok {
				r.m.Attributes = append(r.m.Attributes, fingerprint)
			}
			return
		}
	}
}

// understood refuses attributes that must be understood and are not (RFC 8489 §6.3.1).
func (r *request) understood() bool {
	var unknown stun.UnknownAttributes
	for _, a := range r.m.Attributes {
		if a.Type.Required() && !serves[a.Type] {
			unknown = append(unknown, a.Type)
		}
	}
	if len(unknown) > 0 {
		r.refuse(RefusedAttribute, unknown[:min(len(unknown), 16)])
	}
	return len(unknown) == 0
}

// serves are the attributes that must be understood, and are.
var serves = map[stun.AttrType]bool{
	stun.AttrMappedAddress: true, stun.AttrUsername: true, stun.AttrMessageIntegrity: true, stun.AttrRealm: true,
	stun.AttrNonce: true, stun.AttrXORMappedAddress: true, stun.AttrChannelNumber: true, stun.AttrLifetime: true,
	stun.AttrXORPeerAddress: true, stun.AttrData: true, stun.AttrXORRelayedAddress: true, stun.AttrEvenPort: true,
	stun.AttrRequestedTransport: true, stun.AttrReservationToken: true, stun.AttrRequestedAddressFamily: true,
	stun.AttrPriority: true, stun.AttrUseCandidate: true,
}

// address is an XOR address attribute as a stun.Setter.
type address struct {
	typ  stun.AttrType
	addr netip.AddrPort
}

// AddTo implements stun.Setter.
func (a address) AddTo(m *stun.Message) error {
	m.Add(a.typ, appendXORAddress(nil, 0, a.addr, m.TransactionID)[4:])
	return nil
}

// lifetime is LIFETIME (RFC 8656 §18.2) as a stun.Setter.
type lifetime time.Duration

// AddTo implements stun.Setter.
func (l lifetime) AddTo(m *stun.Message) error {
	m.Add(stun.AttrLifetime, binary.BigEndian.AppendUint32(nil, uint32(time.Duration(l)/time.Second)))
	return nil
}

// lifetimeAsked is how long an allocation is to live from now on (RFC 8656 §7.2, §8.2); 0 only where the
// client asked for its end.
func (r *request) lifetimeAsked() time.Duration {
	v, err := r.m.Get(stun.AttrLifetime)
	if err != nil || len(v) != 4 {
		return defaultLife
	}
	asked := time.Duration(binary.BigEndian.Uint32(v)) * time.Second
	if asked == 0 {
		return 0
	}
	return min(max(asked, defaultLife), maxLife)
}

// peers reads all XOR-PEER-ADDRESS attributes; false where one is malformed or there is none.
func (r *request) peers() ([]netip.AddrPort, bool) {
	var out []netip.AddrPort
	for _, a := range r.m.Attributes {
		if a.Type != stun.AttrXORPeerAddress {
			continue
		}
		p, ok := xorAddress(a.Value, r.m.TransactionID)
		if !ok {
			return nil, false
		}
		out = append(out, p)
	}
	return out, len(out) > 0
}

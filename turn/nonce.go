package turn

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/netip"
	"time"
)

var (
	errNonceStale  = errors.New("turn: nonce expired")
	errNonceForged = errors.New("turn: nonce of another client or server")
)

// nonceLife is how long a nonce may be used: a captured request is worth nothing afterwards.
const nonceLife = 15 * time.Minute

// nonces makes nonces (RFC 8489 §9.2) that name their end and the address they were given to, signed:
// none is stored.
type nonces struct{ key [32]byte }

func newNonces() *nonces {
	n := &nonces{}
	_, _ = rand.Read(n.key[:]) // never fails
	return n
}

const nonceBytes = 8 + 12 // end, signature

func (n *nonces) mint(now time.Time, client netip.Addr) string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, nonceBytes), uint64(now.Add(nonceLife).Unix()))
	return base64.RawURLEncoding.EncodeToString(append(b, n.sign(b, client)...))
}

func (n *nonces) sign(end []byte, client netip.Addr) []byte {
	h := hmac.New(sha256.New, n.key[:])
	h.Write(end)
	addr := client.As16()
	h.Write(addr[:])
	return h.Sum(nil)[:nonceBytes-8]
}

// check returns nil, errNonceStale or errNonceForged.
func (n *nonces) check(now time.Time, client netip.Addr, nonce string) error {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != nonceBytes || !hmac.Equal(b[8:], n.sign(b[:8], client)) {
		return errNonceForged
	}
	if now.Unix() >= int64(binary.BigEndian.Uint64(b)) {
		return errNonceStale
	}
	return nil
}

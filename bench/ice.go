package bench

import (
	"fmt"

	"github.com/pion/stun/v4"
)

// ice is the least of a controlling ICE agent (RFC 8445): it nominates with its first check and
// answers the server's. A load generator on a good network needs no more.
type ice struct {
	localUfrag, localPwd   string
	remoteUfrag, remotePwd string
	tieBreaker             uint64
}

const hostPriority = 126<<24 | 65535<<8 | 255 // RFC 8445 §5.1.2.1

// request makes a binding request that nominates. The transaction id carries which candidate it goes
// to, as the batch reader does not tell where an answer came from.
func (a *ice) request(candidate int) ([]byte, error) {
	id := stun.NewTransactionID()
	id[0] = byte(candidate)
	m, err := stun.Build(
		stun.NewTransactionIDSetter(id), stun.BindingRequest,
		stun.NewUsername(a.remoteUfrag+":"+a.localUfrag),
		rawAttr(stun.AttrUseCandidate, nil),
		rawAttr(stun.AttrICEControlling, be64(a.tieBreaker)),
		rawAttr(stun.AttrPriority, be32(hostPriority)),
		stun.NewShortTermIntegrity(a.remotePwd),
		stun.Fingerprint,
	)
	if err != nil {
		return nil, fmt.Errorf("bench: STUN: %w", err)
	}
	return m.Raw, nil
}

// receive takes a STUN message: it returns the answer to a request of the server, or the candidate
// that answered one of ours, else -1.
func (a *ice) receive(b []byte, from xorAddress) (answer []byte, candidate int) {
	m := &stun.Message{Raw: append([]byte(nil), b...)}
	if m.Decode() != nil {
		return nil, -1
	}
	switch m.Type {
	case stun.BindingSuccess:
		if stun.NewShortTermIntegrity(a.remotePwd).Check(m) == nil {
			return nil, int(m.TransactionID[0])
		}
	case stun.BindingRequest:
		if stun.NewShortTermIntegrity(a.localPwd).Check(m) != nil {
			return nil, -1
		}
		r, err := stun.Build(m, stun.BindingSuccess, &stun.XORMappedAddress{IP: from.IP, Port: from.Port},
			stun.NewShortTermIntegrity(a.localPwd), stun.Fingerprint)
		if err != nil {
			return nil, -1
		}
		return r.Raw, -1
	}
	return nil, -1
}

type xorAddress = stun.XORMappedAddress

func rawAttr(t stun.AttrType, v []byte) stun.RawAttribute {
	return stun.RawAttribute{Type: t, Length: uint16(len(v)), Value: v}
}

func be32(v uint32) []byte { return []byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), byte(v)} }
func be64(v uint64) []byte { return append(be32(uint32(v>>32)), be32(uint32(v))...) }

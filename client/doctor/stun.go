package doctor

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/pion/stun/v4"
)

// How often a STUN request is repeated, and how long each waits (shorter than RFC 8489 §6.2.1 has it: a
// person waits too).
const (
	stunTries = 3
	stunWait  = 400 * time.Millisecond
)

// Attributes of ICE and of NAT discovery that requests carry.
const (
	attrPriority      = stun.AttrType(0x0024) // RFC 8445 §7.1.1
	attrControlling   = stun.AttrType(0x802a)
	attrChangeRequest = stun.AttrType(0x0003) // RFC 5780 §7.2
	attrFill          = stun.AttrType(0xc0de) // nobody's; whoever does not know it ignores it (RFC 8489 §14)
)

// binding is what a STUN server answered.
type binding struct {
	mapped netip.AddrPort // our address as the server sees it
	other  netip.AddrPort // its second address (RFC 5780 §7.4); zero without
}

var errNoAnswer = errors.New("doctor: no answer by UDP")

// prober asks STUN servers from one socket, one question after the other.
type prober struct{ conn *net.UDPConn }

// newProber opens a socket of the family.
func newProber(six bool) (*prober, error) {
	network := "udp4"
	if six {
		network = "udp6"
	}
	conn, err := net.ListenUDP(network, nil)
	if err != nil {
		return nil, err
	}
	return &prober{conn}, nil
}

func (p *prober) close() { _ = p.conn.Close() }

// ask sends a binding request and waits for its answer, from wherever it comes.
func (p *prober) ask(ctx context.Context, to netip.AddrPort, setters ...stun.Setter) (binding, error) {
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, setters...)...)
	if err != nil {
		return binding{}, err
	}
	b := make([]byte, 2048)
	for range stunTries {
		if err := ctx.Err(); err != nil {
			return binding{}, err
		}
		if _, err := p.conn.WriteToUDPAddrPort(m.Raw, to); err != nil {
			return binding{}, err
		}
		for end := time.Now().Add(stunWait); ; {
			if err := p.conn.SetReadDeadline(end); err != nil {
				return binding{}, err
			}
			n, _, err := p.conn.ReadFromUDPAddrPort(b)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return binding{}, err
			}
			if answer, ok := readBinding(b[:n], m.TransactionID); ok {
				return answer, nil
			}
		}
	}
	return binding{}, errNoAnswer
}

// readBinding reads the answer to the request of that id; false for everything else.
func readBinding(b []byte, id [stun.TransactionIDSize]byte) (binding, bool) {
	m := &stun.Message{Raw: b}
	if !stun.IsMessage(b) || m.Decode() != nil || m.TransactionID != id || m.Type != stun.BindingSuccess {
		return binding{}, false
	}
	var mapped stun.XORMappedAddress
	if mapped.GetFrom(m) != nil {
		return binding{}, false
	}
	out := binding{mapped: addrPort(mapped.IP, mapped.Port)}
	var other stun.OtherAddress
	if other.GetFrom(m) == nil {
		out.other = addrPort(other.IP, other.Port)
	}
	return out, out.mapped.IsValid()
}

func addrPort(ip net.IP, port int) netip.AddrPort {
	addr, ok := netip.AddrFromSlice(ip)
	if !ok || port < 0 || port > 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(port))
}

// check makes the setters of an ICE connectivity check (RFC 8445 §7.2.2) on a diagnostic link: the
// server's agent answers it as it does those of a call.
func (o *offered) check() []stun.Setter {
	tie := make([]byte, 8)
	rand.Read(tie)
	return []stun.Setter{
		stun.NewUsername(o.ufrag + ":" + o.ours),
		stun.RawAttribute{Type: attrPriority, Value: []byte{0x6e, 0, 0xff, 0xff}},
		stun.RawAttribute{Type: attrControlling, Value: tie},
		stun.NewShortTermIntegrity(o.pwd),
		stun.Fingerprint,
	}
}

// filled is check with n bytes of nothing, to make a large datagram.
func (o *offered) filled(n int) []stun.Setter {
	fill := stun.RawAttribute{Type: attrFill, Value: make([]byte, n)}
	return append([]stun.Setter{fill}, o.check()...)
}

package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/pion/stun/v4"

	"switchyard/protocol"
)

// checkNetwork looks at the NAT and the packet size in between, by UDP.
func (v *visit) checkNetwork(ctx context.Context, o *offered) {
	if o == nil {
		return
	}
	for _, six := range []bool{false, true} {
		if to := o.udp(six); len(to) > 0 && hasFamily(six, v.isLocal()) {
			v.checkNAT(ctx, o, to, six)
			v.checkMTU(ctx, o, to[0], six)
		}
	}
}

// udp lists the server's UDP addresses of a family.
func (o *offered) udp(six bool) (out []netip.AddrPort) {
	for _, c := range o.candidates {
		if !c.tcp && c.addr.Addr().Is6() == six {
			out = append(out, c.addr)
		}
	}
	return out
}

// mapping is what the servers, asked from one socket, saw.
type mapping struct {
	local  netip.AddrPort // the socket's own address, towards the server
	seen   map[netip.AddrPort]netip.AddrPort
	filter string // of RFC 5780 §4.4; "" when not known
}

// checkNAT asks several servers from one socket how they see it (RFC 5780 §4.3).
func (v *visit) checkNAT(ctx context.Context, o *offered, to []netip.AddrPort, six bool) {
	f := protocol.Finding{ID: "nat-ipv4", Group: groupNetwork, State: protocol.FindingOK, Title: "NAT"}
	if six {
		f.ID, f.Title = "nat-ipv6", "Address translation of IPv6"
	}
	p, err := newProber(six)
	if err != nil {
		f.State, f.Text = protocol.FindingSkip, "No UDP socket can be opened: "+reason(err)+"."
		v.found(f)
		return
	}
	defer p.close()
	m := mapping{seen: map[netip.AddrPort]netip.AddrPort{}}
	for _, addr := range to {
		if b, err := p.ask(ctx, addr, o.check()...); err == nil {
			m.seen[addr] = b.mapped
			if !m.local.IsValid() {
				m.local = p.localTowards(addr)
			}
		}
	}
	for _, server := range v.o.STUN {
		v.askSTUN(ctx, p, server, six, &m)
	}
	f.State, f.Text, f.Fix = m.judge()
	v.found(f)
}

// askSTUN asks a STUN server that is not ours, and its second address where it has one.
func (v *visit) askSTUN(ctx context.Context, p *prober, server string, six bool, m *mapping) {
	network := "udp4"
	if six {
		network = "udp6"
	}
	resolved, err := net.ResolveUDPAddr(network, withPort(server))
	if err != nil {
		return // another family's, or its name is unknown: one opinion less
	}
	addr := addrPort(resolved.IP, resolved.Port)
	b, err := p.ask(ctx, addr, stun.Fingerprint)
	if err != nil {
		return
	}
	m.seen[addr] = b.mapped
	if !m.local.IsValid() {
		m.local = p.localTowards(addr)
	}
	if !b.other.IsValid() {
		return
	}
	m.filter = p.filtering(ctx, addr)
	for _, second := range []netip.AddrPort{netip.AddrPortFrom(b.other.Addr(), addr.Port()), b.other} {
		if b, err := p.ask(ctx, second, stun.Fingerprint); err == nil {
			m.seen[second] = b.mapped
		}
	}
}

// withPort adds STUN's own port where none is given.
func withPort(server string) string {
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server
	}
	return net.JoinHostPort(strings.Trim(server, "[]"), "3478")
}

// filtering asks for answers from elsewhere (RFC 5780 §4.4).
func (p *prober) filtering(ctx context.Context, to netip.AddrPort) string {
	for _, try := range []struct {
		flags byte
		name  string
	}{{0x06, "anybody"}, {0x02, "the same address only"}} {
		change := stun.RawAttribute{Type: attrChangeRequest, Value: []byte{0, 0, 0, try.flags}}
		if _, err := p.ask(ctx, to, change, stun.Fingerprint); err == nil {
			return try.name
		}
	}
	return "the same address and port only"
}

// localTowards is the socket's address as the kernel would fill it in on the way to addr.
func (p *prober) localTowards(addr netip.AddrPort) netip.AddrPort {
	own := p.conn.LocalAddr().(*net.UDPAddr).AddrPort()
	probe, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		return netip.AddrPort{}
	}
	defer probe.Close()
	return netip.AddrPortFrom(probe.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), own.Port())
}

// judge says what the addresses tell, and what they do not.
func (m mapping) judge() (state protocol.FindingState, text, fix string) {
	var mapped []netip.AddrPort
	hosts := map[netip.AddrPort]bool{}
	for server, seen := range m.seen {
		hosts[server] = true
		known := false
		for _, other := range mapped {
			known = known || other == seen
		}
		if !known {
			mapped = append(mapped, seen)
		}
	}
	if len(mapped) == 0 {
		return protocol.FindingSkip, "Nothing answers by UDP, so that the kind of NAT cannot be known.", ""
	}
	filter := ""
	if m.filter != "" {
		filter = fmt.Sprintf(" It lets packets in from %s.", m.filter)
	}
	switch {
	case len(mapped) == 1 && mapped[0] == m.local:
		return protocol.FindingOK, fmt.Sprintf("There is no NAT in between: the server sees this machine's own address, %s.", mapped[0].Addr()), ""
	case len(mapped) > 1:
		return protocol.FindingWarn, fmt.Sprintf("A NAT gives this machine another address or port for each server (%d seen): direct links between participants will need a relay. Calls through the server work.%s", len(mapped), filter),
			"Nothing needs to be done for calls through the server. For direct links, switch the router to endpoint-independent mapping (\"full cone\") or let the server relay."
	case len(hosts) > 1:
		return protocol.FindingOK, fmt.Sprintf("A NAT shows this machine as %s to everybody: direct links between participants work as a rule.%s", mapped[0].Addr(), filter), ""
	}
	keeps := "and changes the port"
	if mapped[0].Port() == m.local.Port() {
		keeps = "and keeps the port"
	}
	return protocol.FindingOK, fmt.Sprintf("A NAT shows this machine as %s %s. Whether it does the same towards others cannot be known from the server's one address; name a second STUN server with --stun to find out.", mapped[0].Addr(), keeps), ""
}

// mtuSizes are the IP packet sizes that are tried: Ethernet, PPPoE, common tunnels, what WebRTC needs.
var mtuSizes = []int{1500, 1492, 1450, 1420, 1380, 1320, 1280, 1228}

// checkMTU finds the largest packet that reaches the server in one piece.
func (v *visit) checkMTU(ctx context.Context, o *offered, to netip.AddrPort, six bool) {
	f := protocol.Finding{ID: "mtu-ipv4", Group: groupNetwork, State: protocol.FindingOK, Title: "Packet size over IPv4"}
	header := 28 // IP and UDP
	if six {
		f.ID, f.Title, header = "mtu-ipv6", "Packet size over IPv6", 48
	}
	p, err := newProber(six)
	if err == nil {
		defer p.close()
		err = dontFragment(p.conn, six)
	}
	if err != nil {
		f.State, f.Text = protocol.FindingSkip, "This system does not let packets be marked not to be split."
		v.found(f)
		return
	}
	if _, err := p.ask(ctx, to, o.check()...); err != nil {
		f.State, f.Text = protocol.FindingSkip, "Nothing answers by UDP, so that the packet size cannot be measured."
		v.found(f)
		return
	}
	best := 0
	for _, size := range mtuSizes {
		if _, err := p.ask(ctx, to, o.filled(size-header-o.checkSize())...); err == nil {
			best = size
			break
		}
	}
	f.State, f.Text, f.Fix = judgeMTU(best)
	f.Values = map[string]float64{"bytes": float64(best)}
	v.found(f)
}

// checkSize is the size of a filled check without its filling.
func (o *offered) checkSize() int {
	m, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, o.filled(0)...)...)
	if err != nil {
		return 0
	}
	return len(m.Raw)
}

func judgeMTU(best int) (state protocol.FindingState, text, fix string) {
	const help = "Lower the MTU of this machine's interface or VPN to what the line carries, or let ICMP \"packet too big\" pass the firewall."
	switch {
	case best == 0:
		return protocol.FindingWarn, "Small packets reach the server by UDP but those of 1228 bytes do not: pictures will not come through.", help
	case best < 1280:
		return protocol.FindingWarn, fmt.Sprintf("Packets of at most %d bytes reach the server in one piece: just enough for media.", best), help
	case best >= mtuSizes[0]:
		return protocol.FindingOK, fmt.Sprintf("Packets of %d bytes reach the server in one piece.", best), ""
	}
	return protocol.FindingOK, fmt.Sprintf("Packets of %d bytes reach the server in one piece, larger ones do not (media needs 1228).", best), ""
}

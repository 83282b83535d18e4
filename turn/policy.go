package turn

import "net/netip"

// special are the address blocks that belong to nobody on the public internet, or that lead to others by
// translation (RFC 6890 and its registries). Nothing is relayed there unless Sockets.Allow says so.
var special = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
	"192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15",
	"198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32",
	"2002::/16", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func within(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// outside reports whether a is an address that real relay sockets may send to.
func (s *Server) outside(a netip.Addr) bool {
	return s.cfg.Sockets != nil && !s.machine[a] && (!within(special, a) || within(s.cfg.Sockets.Allow, a))
}

// mayPermit reports whether a permission for a can be installed: a permission has no port (RFC 8656 §9).
func (s *Server) mayPermit(a netip.Addr) bool { return s.own[a] || s.outside(a) }

// mayReach reports whether a peer can be relayed to: the media port, another relay, or outside.
// Requires mu.
func (s *Server) mayReach(p netip.AddrPort) bool {
	if s.own[p.Addr()] {
		return p.Port() == s.media.Port() || s.byPort[p.Port()] != nil
	}
	return p.Port() != 0 && s.outside(p.Addr())
}

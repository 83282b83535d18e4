package main

import (
	"net/netip"
	"strconv"
	"strings"

	"switchyard"
)

// TURNFlags are the settings of the STUN and TURN server.
type TURNFlags struct {
	TURN      bool           `name:"turn" help:"Serve STUN and TURN on the media port, for people whose network lets nothing else through." default:"true" negatable:""`
	TURNHost  string         `name:"turn-host" help:"Name or address that people reach the media port by, where it is not the one they open the app at." placeholder:"HOST"`
	TURNRelay string         `name:"turn-relay" help:"virtual: relay between participants and to this server, without another port. real: also to the public internet, by UDP ports of their own." enum:"virtual,real" default:"virtual" placeholder:"KIND"`
	TURNPorts string         `name:"turn-ports" help:"UDP ports of real relays." default:"49152-65535" placeholder:"FROM-TO"`
	TURNPeer  []netip.Prefix `name:"turn-peer" help:"Private network that real relays may send to as well, such as 10.0.0.0/8. Can be repeated." placeholder:"CIDR"`
	TURNQuota int            `name:"turn-quota" help:"Most relays of one person at a time." default:"100" placeholder:"N"`
	TURNRate  int            `name:"turn-rate" help:"Most that is relayed for one person, in kilobytes per second." default:"4096" placeholder:"KB"`
}

// apply puts the settings into the server's configuration.
func (c *TURNFlags) apply(cfg *switchyard.Config) error {
	cfg.TURN = switchyard.TURN{Off: !c.TURN, Host: c.TURNHost, PerIdentity: c.TURNQuota, IdentityRate: c.TURNRate << 10}
	if c.TURNQuota < 1 || c.TURNRate < 1 {
		return Usagef("--turn-quota and --turn-rate must be 1 or more; --no-turn switches TURN off")
	}
	if c.TURNRelay != "real" {
		if len(c.TURNPeer) > 0 {
			return Usagef("--turn-peer says where real relays may send: add --turn-relay real")
		}
		return nil
	}
	from, to, _ := strings.Cut(c.TURNPorts, "-")
	low, err := strconv.ParseUint(from, 10, 16)
	high, err2 := strconv.ParseUint(to, 10, 16)
	if err != nil || err2 != nil || low < 1024 || high < low {
		return Usagef("--turn-ports must be two ports above 1023, the lower first, such as 50000-50999: %q is not", c.TURNPorts)
	}
	cfg.TURN.Sockets = &switchyard.TURNSockets{Min: uint16(low), Max: uint16(high), Allow: c.TURNPeer}
	return nil
}

package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pion/stun/v4"
)

const (
	// stunTry is how long one request waits for an answer (RFC 8489 §6.2.1 begins with 500 ms and
	// doubles); stunTries is how many are made.
	stunTry   = 500 * time.Millisecond
	stunTries = 3
)

var errNoSTUN = errors.New("server: the STUN server does not answer")

// publicAddresses adds to the configured addresses the one that a NAT gives us, where Config.STUN names a
// server that can tell and the machine has no public address of its own (own are its interfaces'). A server that cannot be asked is
// no reason not to start.
func (s *Server) publicAddresses(ctx context.Context, own []netip.Addr) []netip.Addr {
	public := slices.Clone(s.cfg.PublicIPs)
	if !s.cfg.AutoIP {
		return public
	}
	if slices.ContainsFunc(append(slices.Clone(public), own...), func(a netip.Addr) bool { return a.Is4() && isPublic(a) }) {
		return public
	}
	if s.cfg.STUN == "" {
		if len(public) == 0 && !slices.ContainsFunc(own, isPublic) {
			s.log.Warn("this machine has no public address of its own: give the one that people reach it by with --public-ip ADDRESS, or a server that can tell it with --stun HOST:PORT")
		}
		return public
	}
	addr, err := askSTUN(ctx, s.cfg.STUN)
	if err != nil {
		s.log.Warn("cannot learn the public address: check --stun, and that UDP may leave this network, or give the address with --public-ip",
			"stun", s.cfg.STUN, "error", err)
		return public
	}
	s.log.Info("learnt the public address: forward the media port to this machine, UDP and TCP", "address", addr, "stun", s.cfg.STUN)
	return append(public, addr)
}

// askSTUN returns the address under which a STUN server sees us (RFC 8489 §2).
func askSTUN(ctx context.Context, server string) (netip.Addr, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "udp4", server)
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	request, err := stun.Build(stun.TransactionID, stun.BindingRequest)
	if err != nil {
		return netip.Addr{}, err
	}
	b := make([]byte, 1500)
	for try := range stunTries {
		if _, err := conn.Write(request.Raw); err != nil {
			return netip.Addr{}, err
		}
		conn.SetReadDeadline(time.Now().Add(stunTry << try))
		for {
			n, err := conn.Read(b)
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				break
			}
			if err != nil {
				return netip.Addr{}, err // refused: nobody listens there
			}
			if addr, ok := mappedAddress(b[:n], request.TransactionID); ok {
				return addr, nil
			}
		}
		if err := ctx.Err(); err != nil {
			return netip.Addr{}, err
		}
	}
	return netip.Addr{}, errNoSTUN
}

// mappedAddress reads the answer to the request with that id; anything else is ignored.
func mappedAddress(b []byte, id [stun.TransactionIDSize]byte) (netip.Addr, bool) {
	m := &stun.Message{Raw: slices.Clone(b)}
	if m.Decode() != nil || m.TransactionID != id || m.Type != stun.BindingSuccess {
		return netip.Addr{}, false
	}
	var xor stun.XORMappedAddress
	if xor.GetFrom(m) != nil {
		return netip.Addr{}, false
	}
	addr, ok := netip.AddrFromSlice(xor.IP)
	addr = addr.Unmap()
	return addr, ok && addr.IsGlobalUnicast()
}

// interfaceAddrs are the addresses of this machine's interfaces.
func interfaceAddrs() (out []netip.Addr) {
	all, _ := net.InterfaceAddrs()
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr().Unmap())
		}
	}
	return out
}

// shared is the address space between a provider's NAT and its customers (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// isPublic says whether the whole internet can send to an address.
func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate() && !shared.Contains(a)
}

// warnUnreachable says in words when nobody outside of this network can send media to the server.
func (s *Server) warnUnreachable() {
	if s.backend.Addresses == nil {
		return
	}
	addrs := s.backend.Addresses()
	if slices.ContainsFunc(addrs, isPublic) || s.MediaAddr().Addr().IsLoopback() {
		return
	}
	words := make([]string, len(addrs))
	for i, a := range addrs {
		words[i] = a.String()
	}
	text := fmt.Sprintf("only people in this network can connect: this machine has no public address, only %s. "+
		"If others reach it by another one, give that with --public-ip and forward port %d to this machine, UDP and TCP",
		strings.Join(words, ", "), s.MediaAddr().Port())
	if s.HTTPAddr().Addr().IsLoopback() && s.cfg.URL == "" && len(s.cfg.ACME.Domains) == 0 {
		s.log.Info(text) // a first try, on one's own machine
		return
	}
	s.log.Warn(text)
}

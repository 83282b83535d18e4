package server

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"switchyard/store"
)

// BaseURL is what links to this server begin with, without a slash at the end.
func (s *Server) BaseURL() string {
	if s.cfg.URL != "" {
		return strings.TrimSuffix(s.cfg.URL, "/")
	}
	if names := s.cfg.ACME.Domains; len(names) > 0 {
		if port := s.MediaAddr().Port(); port != 443 {
			return "https://" + net.JoinHostPort(names[0], strconv.Itoa(int(port)))
		}
		return "https://" + names[0]
	}
	host, _, err := net.SplitHostPort(s.cfg.HTTP)
	addr := s.HTTPAddr()
	if err != nil || host == "" || addr.Addr().IsUnspecified() {
		host = "localhost"
	}
	if addr.Port() == 80 {
		return "http://" + host
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(int(addr.Port())))
}

// localURL is how a program of this machine reaches a listener.
func localURL(addr netip.AddrPort) string {
	ip := addr.Addr().Unmap()
	if ip.IsUnspecified() {
		if ip.Is4() {
			ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		} else {
			ip = netip.IPv6Loopback()
		}
	}
	return "http://" + netip.AddrPortFrom(ip, addr.Port()).String()
}

// FirstInvitation returns the link that a server without configuration prints: it makes someone the
// host of the room "lobby". As long as it can be accepted, every start returns the same.
func (s *Server) FirstInvitation(ctx context.Context) (string, error) {
	now := time.Now()
	first := store.Key("first-invitation")
	e, err := s.store.Get(ctx, first)
	if err == nil {
		inv, _, err := s.invitations.get(ctx, string(e.Value))
		if err == nil && inv.state(now) == nil {
			return s.BaseURL() + "/i/" + inv.ID, nil
		}
	} else if !errors.Is(err, store.ErrNotFound) {
		return "", err
	}
	inv, err := s.invitations.create(ctx, "lobby", "host", -1, defaultInvitationLife, now)
	if err != nil {
		return "", err
	}
	if _, err := s.store.Put(ctx, first, []byte(inv.ID), defaultInvitationLife); err != nil {
		return "", err
	}
	return s.BaseURL() + "/i/" + inv.ID, nil
}

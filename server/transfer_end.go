package server

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"switchyard/protocol"
	"switchyard/store"
)

// watchPause is how long after the store broke off it is watched again.
const watchPause = 2 * time.Second

// watchTransfers closes the rooms of transfers that are over: another server of the same store may have withdrawn them,
// and the store forgets each in time. It ends with ctx.
func (s *Server) watchTransfers(ctx context.Context) {
	for ctx.Err() == nil {
		events, err := s.store.Watch(ctx, store.Key("transfer"))
		if err != nil {
			s.log.Warn("cannot watch transfers", "error", err)
		} else {
			s.closeOver(ctx, s.openTransfers()) // what we have missed
			for e := range events {
				s.transferChanged(e)
			}
		}
		select {
		case <-time.After(watchPause):
		case <-ctx.Done():
		}
	}
}

// transferChanged takes what the store tells: first of each transfer that there is, then changes, most of which are
// somebody who accepted.
func (s *Server) transferChanged(e store.Event) {
	_, room, _ := strings.Cut(e.Key, ".")
	if !isTransferRoom(room) {
		return
	}
	var t transfer
	switch {
	case e.Deleted:
		s.closeTransfer(room, errTransferOver.Message)
	case json.Unmarshal(e.Value, &t) == nil && t.Revoked:
		s.closeTransfer(room, transferWithdrawn)
	}
}

// closeOver closes those of the rooms that no token opens any more.
func (s *Server) closeOver(ctx context.Context, rooms []string) {
	for _, room := range rooms {
		if reason := s.transferOver(ctx, room); reason != "" {
			s.closeTransfer(room, reason)
		}
	}
}

// transferOver says why no token opens the room any more; "": one does, or it cannot be told now.
func (s *Server) transferOver(ctx context.Context, room string) string {
	if over, ok := errors.AsType[*protocol.Error](s.transfers.admits(ctx, room)); ok {
		return over.Message
	}
	return ""
}

// openTransfers are the rooms of transfers that are open here.
func (s *Server) openTransfers() (rooms []string) {
	if s.backend.Host == nil {
		return nil
	}
	for _, name := range s.backend.Host.Names() {
		if isTransferRoom(name) {
			rooms = append(rooms, name)
		}
	}
	return rooms
}

// closeTransfer ends what goes on in the room of a transfer here.
func (s *Server) closeTransfer(room, reason string) {
	if s.backend.Host != nil {
		s.backend.Host.CloseRoom(room, reason)
	}
	s.closeRelays(room, "", reason)
}

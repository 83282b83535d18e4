package transfer

import (
	"sync"

	"switchyard/engine/pake"
	"switchyard/protocol"
)

// sealer holds the keys that our end shares with each other one. It is a client.Sealer.
type sealer struct {
	side pake.Side // ours

	mu   sync.Mutex
	keys map[protocol.ParticipantID]*pake.Keys // guarded by mu
}

func newSealer(side pake.Side) *sealer {
	return &sealer{side: side, keys: map[protocol.ParticipantID]*pake.Keys{}}
}

func (s *sealer) set(peer protocol.ParticipantID, k *pake.Keys) {
	s.mu.Lock()
	s.keys[peer] = k
	s.mu.Unlock()
}

func (s *sealer) of(peer protocol.ParticipantID) *pake.Keys {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys[peer]
}

// Seal implements client.Sealer.
func (s *sealer) Seal(to protocol.ParticipantID, link string, plain []byte) (string, error) {
	return s.seal(to, "signal "+link, plain)
}

// Open implements client.Sealer.
func (s *sealer) Open(from protocol.ParticipantID, link, sealed string) ([]byte, error) {
	return s.open(from, "signal "+link, sealed)
}

func (s *sealer) seal(to protocol.ParticipantID, aad string, plain []byte) (string, error) {
	k := s.of(to)
	if k == nil {
		return "", pake.ErrBox
	}
	return k.Seal(s.side, plain, aad), nil
}

func (s *sealer) open(from protocol.ParticipantID, aad, box string) ([]byte, error) {
	k := s.of(from)
	if k == nil {
		return nil, pake.ErrBox
	}
	return k.Open(s.side.Other(), box, aad)
}

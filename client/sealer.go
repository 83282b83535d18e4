package client

import (
	"encoding/json"
	"sync/atomic"

	"switchyard/protocol"
)

// Sealer keeps what the signals of participant links say from the server that passes them on
// (docs/transfer.md, Sealed signals). It holds a key for each participant. Its methods may be called by
// several goroutines at once.
type Sealer interface {
	// Seal returns what stands in Signal.Sealed for a plaintext that only the participant may read. An error
	// means that there is no key for it, and ends the link.
	Seal(to protocol.ParticipantID, link string, plain []byte) (string, error)
	// Open is the other end's plaintext. An error drops the signal.
	Open(from protocol.ParticipantID, link string, sealed string) ([]byte, error)
}

// Stats counts what a client dropped, since it was made.
type Stats struct {
	// Unsealed are signals of links that came in the clear where they must be sealed, or sealed where
	// nobody can open them; Unopened are those that do not open.
	Unsealed, Unopened uint64
}

// dropped are the counters behind Stats.
type dropped struct{ unsealed, unopened atomic.Uint64 }

// Stats says what was dropped so far.
func (c *Client) Stats() Stats {
	return Stats{Unsealed: c.dropped.unsealed.Load(), Unopened: c.dropped.unopened.Load()}
}

// sealedSignal is what is inside of a sealed signal: all but its addresses.
type sealedSignal struct {
	Description  *protocol.Description  `json:"description,omitempty"`
	Candidate    *protocol.Candidate    `json:"candidate,omitempty"`
	Transports   []string               `json:"transports,omitempty"`
	WebTransport *protocol.WebTransport `json:"webTransport,omitempty"`
	Close        bool                   `json:"close,omitempty"`
}

// seal returns m as it goes to the server.
func (c *Client) seal(m protocol.Signal) (protocol.Signal, error) {
	if c.o.Sealer == nil {
		return m, nil
	}
	plain, err := json.Marshal(sealedSignal{m.Description, m.Candidate, m.Transports, m.WebTransport, m.Close})
	if err != nil {
		return m, err
	}
	sealed, err := c.o.Sealer.Seal(m.To, m.Link, plain)
	return protocol.Signal{Link: m.Link, To: m.To, Sealed: sealed}, err
}

// unseal returns m as its sender made it; false when it must be dropped.
func (c *Client) unseal(m protocol.Signal) (protocol.Signal, bool) {
	if c.o.Sealer == nil && m.Sealed == "" {
		return m, true
	}
	if c.o.Sealer == nil || m.Sealed == "" {
		c.dropped.unsealed.Add(1)
		return m, false
	}
	var s sealedSignal
	plain, err := c.o.Sealer.Open(m.From, m.Link, m.Sealed)
	if err == nil {
		err = json.Unmarshal(plain, &s)
	}
	if err != nil {
		c.dropped.unopened.Add(1)
		c.log.Debug("signal does not open", "link", m.Link, "from", m.From, "error", err)
		return m, false
	}
	m.Description, m.Candidate, m.Transports, m.WebTransport, m.Close = s.Description, s.Candidate, s.Transports, s.WebTransport, s.Close
	m.Sealed = ""
	return m, true
}

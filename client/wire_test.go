package client

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/pion/rtp"

	"switchyard/protocol"
)

func at(v uint32) *uint32 { return &v }

func TestSlotMap(t *testing.T) {
	var m slotMap
	lookup := func(ts uint32) string {
		g, ok := m.lookup(ts)
		if !ok {
			return ""
		}
		return string(g.track)
	}
	steps := []struct {
		s    protocol.Slot
		void bool
		want map[uint32]string
	}{
		{s: protocol.Slot{Track: "a", Generation: 1}, want: map[uint32]string{5: ""}},
		{s: protocol.Slot{Track: "a", Generation: 1, Timestamp: at(0xffffff00)}, want: map[uint32]string{0xfffffeff: "", 0xffffff00: "a", 5: "a"}},
		{s: protocol.Slot{Track: "b", Generation: 3, Timestamp: at(100)}, want: map[uint32]string{99: "a", 100: "b"}},
		{s: protocol.Slot{Track: "x", Generation: 2, Timestamp: at(50)}, void: true, want: map[uint32]string{60: "a", 100: "b"}},
		{s: protocol.Slot{Track: "b", Generation: 3, Timestamp: at(100), Paused: "muted"}, want: map[uint32]string{100: "b"}},
		{s: protocol.Slot{Generation: 4}, want: map[uint32]string{200: "b"}},
	}
	for i, step := range steps {
		if ok := m.assign(step.s); ok == step.void {
			t.Errorf("step %d: assign says %v", i, ok)
		}
		for ts, want := range step.want {
			if got := lookup(ts); got != want {
				t.Errorf("step %d: timestamp %d is of %q, want %q", i, ts, got, want)
			}
		}
	}
}

func TestSlotMapHoldsForDays(t *testing.T) {
	var m slotMap
	m.assign(protocol.Slot{Track: "a", Generation: 1, Timestamp: at(1000)})
	for ts := uint64(1000); ts < 5<<32; ts += 1 << 24 {
		if g, ok := m.lookup(uint32(ts)); !ok || g.track != "a" {
			t.Fatalf("lost after %d ticks", ts)
		}
	}
}

func FuzzSlotMap(f *testing.F) {
	f.Add([]byte{1, 0, 0, 0, 9, 2, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m slotMap
		for ; len(b) >= 5; b = b[5:] {
			ts := uint32(b[1])<<24 | uint32(b[2])<<16 | uint32(b[3])<<8 | uint32(b[4])
			if b[0]&1 == 0 {
				m.assign(protocol.Slot{Generation: uint32(b[0] >> 1), Track: protocol.TrackID(b[:1]), Timestamp: &ts})
			} else if g, ok := m.lookup(ts); ok && g.number > m.latest.Generation {
				t.Fatalf("generation %d of %d", g.number, m.latest.Generation)
			}
			if len(m.began) > maxGenerations {
				t.Fatal("too much is remembered")
			}
		}
	})
}

func FuzzPacket(f *testing.F) {
	good, err := encodePacket(Packet{To: []protocol.ParticipantID{"a"}, Topic: "t", Payload: []byte("x")})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0, 0})
	f.Add([]byte{255, 255, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePacket(b)
		if err != nil {
			return
		}
		again, err := encodePacket(p)
		if err != nil {
			t.Fatal(err)
		}
		q, err := decodePacket(again)
		if err != nil || !bytes.Equal(p.Payload, q.Payload) || p.Topic != q.Topic || p.From != q.From {
			t.Fatalf("%+v became %+v: %v", p, q, err)
		}
	})
}

// fuzzClient is a client without a server.
func fuzzClient() *Client {
	return &Client{log: newDiscard(), links: map[linkKey]*Link{}, done: make(chan struct{}), events: make(chan func(), 10)}
}

func FuzzServerMessage(f *testing.F) {
	for kind := range handlers {
		f.Add(kind, []byte(`{}`))
	}
	f.Add("slots", []byte(`{"slots":[{"mid":"0","generation":1,"track":"x","timestamp":7}]}`))
	f.Add("published", []byte(`{"tracks":[{"id":"t","participant":"p"}]}`))
	f.Add("joined", []byte(`{"participant":{"id":"p","tracks":[{"id":"t"}]}}`))
	f.Add("track", []byte(`{"track":"t","muted":true}`))
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		c := fuzzClient()
		c.onJoined(protocol.Joined{Participant: protocol.Participant{ID: "p", Tracks: []protocol.Track{{ID: "t", Participant: "p"}}}})
		var m protocol.Signal
		if kind == protocol.TypeSignal && json.Unmarshal(body, &m) == nil && m.Description != nil {
			return // makes a link, which needs a server
		}
		c.message(protocol.Envelope{Type: kind, Body: body})
	})
}

func TestOutboxReplaysWhatIsNotAcknowledged(t *testing.T) {
	o := outbox{seq: 1}
	for range 5 {
		if !o.add(protocol.Envelope{}) {
			t.Fatal("full")
		}
	}
	drain := func() (list []uint64) {
		for {
			e, ok := o.next()
			if !ok {
				return list
			}
			list = append(list, e.Seq)
		}
	}
	if got := drain(); len(got) != 5 || got[0] != 2 || got[4] != 6 {
		t.Errorf("first %v", got)
	}
	o.ack(3)
	o.rewind()
	if got := drain(); len(got) != 3 || got[0] != 4 {
		t.Errorf("replayed %v", got)
	}
	for o.add(protocol.Envelope{}) {
	}
	if len(o.held) != maxHeld {
		t.Errorf("%d held", len(o.held))
	}
}

// numbers keeps the sequence numbers that went out.
type numbers struct{ list []uint16 }

func (n *numbers) WriteRTP(h *rtp.Header, _ []byte) (int, error) {
	n.list = append(n.list, h.SequenceNumber)
	return 0, nil
}

func (n *numbers) Write(b []byte) (int, error) {
	n.list = append(n.list, uint16(b[2])<<8|uint16(b[3]))
	return len(b), nil
}

func FuzzPositionNeverUsesANumberTwice(f *testing.F) {
	f.Add([]byte{0, 1, 2, 200, 1, 3, 200, 90, 4, 7, 250})
	f.Fuzz(func(t *testing.T, b []byte) {
		out := &numbers{}
		pos := &position{}
		r := &renumberer{w: out, pos: pos}
		sent := map[uint16]bool{} // of the present track
		base := uint16(0)
		for _, v := range b {
			if v >= 200 { // another track, which begins anywhere
				r, base, sent = &renumberer{w: out, pos: pos}, uint16(v)*311, map[uint16]bool{}
				continue
			}
			seq := base + uint16(v)
			if sent[seq] {
				continue // a track itself repeats no number
			}
			sent[seq] = true
			_, _ = r.WriteRTP(&rtp.Header{SequenceNumber: seq}, nil)
		}
		seen := map[uint16]bool{}
		for _, n := range out.list {
			if seen[n] {
				t.Fatalf("number %d twice: %v", n, out.list)
			}
			seen[n] = true
		}
	})
}

// A client that lost its server is back soon after the server is, however long that took.
func TestReconnectingNeverWaitsLong(t *testing.T) {
	for attempt := range 100 {
		for range 100 {
			if d := backoff(attempt); d > 2*time.Second || d < 125*time.Millisecond || attempt > 3 && d < time.Second {
				t.Fatalf("attempt %d waits %v", attempt, d)
			}
		}
	}
}

func newDiscard() *slog.Logger { return slog.New(slog.DiscardHandler) }

package peer

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"strconv"

	"switchyard/media"
)

var errNoIdentity = errors.New("peer: no unused SSRC or stream id was given")

// attempts bounds how often a source of identities is asked before it counts as broken.
const attempts = 100

// nameSlots gives each m-line on which we send its identity: SSRCs, and a stream id that makes a
// pair of the n-th audio and the n-th video slot. An identity stays for the life of the link, also
// while the m-line is inactive.
func (a *answer) nameSlots() error {
	n := newIdentities(a)
	slots := make(map[media.Kind][]*Media)
	var order []*Media
	for i := range a.session.Media {
		m := &a.session.Media[i]
		if old := a.before(m); old != nil {
			m.SlotSSRC, m.SlotRTX, m.SlotStreamID = old.SlotSSRC, old.SlotRTX, old.SlotStreamID
		}
		if m.Send {
			slots[m.Kind] = append(slots[m.Kind], m)
			order = append(order, m)
		}
	}
	place := make(map[media.Kind]int)
	for _, m := range order {
		var partner *Media
		others := slots[media.Audio+media.Video-m.Kind]
		if i := place[m.Kind]; i < len(others) {
			partner = others[i]
		}
		place[m.Kind]++
		if err := n.name(m, partner); err != nil {
			return err
		}
	}
	return nil
}

// before returns what the m-line was, nil when it is new or carried nothing.
func (a *answer) before(m *Media) *Media {
	if a.prev == nil || m.Rejected {
		return nil
	}
	if old := a.prev.ByMID(m.MID); old != nil && old.Kind == m.Kind && !old.Rejected {
		return old
	}
	return nil
}

// identities hands out SSRCs and stream ids, none twice.
type identities struct {
	newSSRC     func() media.SSRC
	newStreamID func() string
	ssrcs       map[media.SSRC]bool
	streams     map[string]map[media.Kind]bool // which kinds of slot use a stream id
}

func newIdentities(a *answer) *identities {
	n := &identities{
		newSSRC: a.local.NewSSRC, newStreamID: a.local.NewStreamID,
		ssrcs: map[media.SSRC]bool{0: true}, streams: make(map[string]map[media.Kind]bool),
	}
	if n.newSSRC == nil {
		n.newSSRC = randomSSRC
	}
	if n.newStreamID == nil {
		n.newStreamID = randomStreamID
	}
	for i := range a.session.Media {
		for _, d := range a.session.Media[i].SSRCs {
			n.ssrcs[d.SSRC], n.ssrcs[d.RTX] = true, true
		}
	}
	if a.prev != nil {
		for i := range a.prev.Media {
			m := &a.prev.Media[i]
			n.ssrcs[m.SlotSSRC], n.ssrcs[m.SlotRTX] = true, true
			n.use(m.SlotStreamID, m.Kind)
		}
	}
	return n
}

func (n *identities) use(stream string, k media.Kind) {
	if n.streams[stream] == nil {
		n.streams[stream] = make(map[media.Kind]bool)
	}
	n.streams[stream][k] = true
}

// name completes the identity of a slot.
func (n *identities) name(m, partner *Media) (err error) {
	if m.SlotSSRC == 0 {
		if m.SlotSSRC, err = n.ssrc(); err != nil {
			return err
		}
	}
	if m.SlotRTX == 0 && m.hasRTX() {
		if m.SlotRTX, err = n.ssrc(); err != nil {
			return err
		}
	}
	if m.SlotStreamID != "" {
		return nil
	}
	if partner != nil && partner.SlotStreamID != "" && !n.streams[partner.SlotStreamID][m.Kind] {
		m.SlotStreamID = partner.SlotStreamID
	} else if m.SlotStreamID, err = n.stream(); err != nil {
		return err
	}
	n.use(m.SlotStreamID, m.Kind)
	return nil
}

func (m *Media) hasRTX() bool {
	for _, c := range m.Codecs {
		if c.RTX != 0 {
			return true
		}
	}
	return false
}

func (n *identities) ssrc() (media.SSRC, error) {
	for range attempts {
		if s := n.newSSRC(); !n.ssrcs[s] {
			n.ssrcs[s] = true
			return s, nil
		}
	}
	return 0, errNoIdentity
}

func (n *identities) stream() (string, error) {
	for range attempts {
		if s := n.newStreamID(); isToken(s) && s != "-" && n.streams[s] == nil {
			return s, nil
		}
	}
	return "", errNoIdentity
}

func randomSSRC() media.SSRC {
	var b [4]byte
	rand.Read(b[:]) // never fails (crypto/rand)
	return media.SSRC(binary.BigEndian.Uint32(b[:]))
}

func randomStreamID() string { return "s" + strconv.FormatUint(uint64(randomSSRC()), 36) }

package ingest

import (
	"encoding/binary"

	"switchyard/media"
)

// Demux finds the Track of a packet on a bundled transport: by SSRC, else by the MID extension,
// else by a payload type that only one track has (RFC 8843 §9.2). One per link. The zero value is
// ready.
type Demux struct {
	lines  []line
	bySSRC map[media.SSRC]*Track
}

type line struct {
	mid   string
	track *Track
}

// maxLearned bounds the SSRCs that a link may use up; beyond it, they are learned anew.
const maxLearned = 512

// Add makes t known as the receiver of the m-line with that MID. Adding the MID again replaces it.
func (d *Demux) Add(mid string, t *Track) {
	for i := range d.lines {
		if d.lines[i].mid == mid && d.lines[i].track != t {
			d.Remove(d.lines[i].track)
			break
		}
	}
	if !d.has(t) {
		d.lines = append(d.lines, line{mid, t})
	}
	t.demux = d
	d.declared(t)
}

func (d *Demux) has(t *Track) bool {
	for i := range d.lines {
		if d.lines[i].track == t {
			return true
		}
	}
	return false
}

// declared makes the SSRCs known that t knows.
func (d *Demux) declared(t *Track) {
	for _, l := range t.streams {
		if l.ssrc != 0 {
			d.learn(l.ssrc, t)
		}
		if l.rtx != 0 {
			d.learn(l.rtx, t)
		}
	}
}

// Remove forgets t and its SSRCs.
func (d *Demux) Remove(t *Track) {
	for i := range d.lines {
		if d.lines[i].track == t {
			d.lines = append(d.lines[:i], d.lines[i+1:]...)
			break
		}
	}
	for ssrc, u := range d.bySSRC {
		if u == t {
			delete(d.bySSRC, ssrc)
		}
	}
	t.demux = nil
}

func (d *Demux) learn(ssrc media.SSRC, t *Track) {
	if d.bySSRC == nil {
		d.bySSRC = make(map[media.SSRC]*Track)
	}
	if len(d.bySSRC) >= maxLearned {
		clear(d.bySSRC)
	}
	d.bySSRC[ssrc] = t
}

// Find returns the track of an RTP packet, nil when there is none.
func (d *Demux) Find(plain []byte) *Track {
	if len(plain) < 12 {
		return nil
	}
	if t := d.bySSRC[media.SSRC(binary.BigEndian.Uint32(plain[8:]))]; t != nil {
		return t
	}
	return d.search(plain)
}

// BySSRC returns the track that sends with ssrc, nil when unknown. RTX streams count.
func (d *Demux) BySSRC(ssrc media.SSRC) *Track { return d.bySSRC[ssrc] }

// search is for the first packets of a stream. A track learns the SSRC when it takes the packet.
func (d *Demux) search(plain []byte) *Track {
	if len(d.lines) == 0 {
		return nil
	}
	var h header
	var byType *Track
	several := false
	for _, l := range d.lines {
		if !h.parse(plain, &l.track.cfg.Ext) {
			return nil
		}
		if h.mid != nil {
			if string(h.mid) == l.mid {
				return l.track
			}
			continue
		}
		if l.track.types[h.pt].agreed {
			several = byType != nil
			byType = l.track
		}
	}
	if several {
		return nil
	}
	return byType
}

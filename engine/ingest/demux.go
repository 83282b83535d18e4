package ingest

import "switchyard/media"

// Demux finds the Track of a packet on a bundled transport: by SSRC, else by the MID extension,
// else by a payload type that only one track has (RFC 8843 §9.2). One per link. The zero value is
// ready.
type Demux struct{ tracks []*Track }

// Add makes t known as the receiver of the m-line with that MID. Adding the MID again replaces it.
func (d *Demux) Add(mid string, t *Track) {}

// Remove forgets t and its SSRCs.
func (d *Demux) Remove(t *Track) {}

// Find returns the track of an RTP packet, nil when there is none.
func (d *Demux) Find(plain []byte) *Track { return nil }

// BySSRC returns the track that sends with ssrc, nil when unknown. RTX streams count.
func (d *Demux) BySSRC(ssrc media.SSRC) *Track { return nil }

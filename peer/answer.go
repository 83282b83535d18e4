package peer

import (
	"errors"
	"slices"
	"strings"

	"switchyard/media"
)

// errStaleCredentials means that the caller gave the ICE credentials of before for a restart.
var errStaleCredentials = errors.New("peer: an ICE restart needs fresh local credentials")

// Answer reads an SDP offer and returns what was agreed and the SDP answer that says so (RFC 3264,
// RFC 9429 §5.3). It is pure: it opens nothing and keeps nothing. prev is the session that the last
// answer of the same link made, nil for the first offer. What is wrong with an offer comes back as
// *OfferError, and prev then stays in force.
func Answer(offer string, local LocalDescription, prev *Session) (*Session, string, error) {
	o, err := parseOffer(offer)
	if err != nil {
		return nil, "", err
	}
	a := &answer{offer: o, local: &local, prev: prev, session: &Session{}}
	for _, step := range []func() error{a.keepLines, a.chooseBundle, a.agreeTransport, a.agreeLines, a.nameSlots} {
		if err := step(); err != nil {
			return nil, "", err
		}
	}
	return a.session, a.write(), nil
}

// answer is one answer in the making.
type answer struct {
	offer   *offerSDP
	local   *LocalDescription
	prev    *Session // nil at first
	session *Session

	bundle   []string // MIDs of the m-lines that share the one transport, as offered
	accepted []string // those of them that we take, the tagged one first
	trickle  bool     // the offer knows RFC 8840
}

// keepLines checks that no m-line of the session before has vanished or changed its name: their
// number never shrinks, and only one that carries nothing may be used again (RFC 9429 §5.2.2).
func (a *answer) keepLines() error {
	for i := range a.offer.lines {
		a.session.MIDs = append(a.session.MIDs, a.offer.lines[i].mid)
	}
	if a.prev == nil {
		return nil
	}
	if was, is := len(a.prev.MIDs), len(a.offer.lines); is < was {
		return refuse("it has %d m-lines and the session has %d already; stopped ones stay in place with port 0", is, was)
	}
	for i, mid := range a.prev.MIDs {
		l := &a.offer.lines[i]
		if !a.prev.uses(mid) {
			continue
		}
		if was := a.prev.kind(mid); was != l.media {
			return refuse("%s was %s before; an m-line in use keeps its kind", l.name(), was)
		}
		if l.mid != mid {
			return refuse("%s was mid %q before; an m-line in use keeps its mid and place", l.name(), mid)
		}
	}
	return nil
}

// uses tells whether an m-line carries media or data.
func (s *Session) uses(mid string) bool {
	if s.Data != nil && s.Data.MID == mid {
		return true
	}
	m := s.ByMID(mid)
	return m != nil && !m.Rejected
}

// kind is what stands in the m= line of a used m-line.
func (s *Session) kind(mid string) string {
	if m := s.ByMID(mid); m != nil {
		return m.Kind.String()
	}
	return "application"
}

// chooseBundle finds the m-lines that share one transport: the first BUNDLE group, or else one
// m-line. All others are declined (we have one transport).
func (a *answer) chooseBundle() error {
	if a.offer.hasBundle {
		a.bundle = a.offer.bundle
		return nil
	}
	for i := range a.offer.lines {
		l := &a.offer.lines[i]
		if !l.rejected() && a.usable(l) {
			a.bundle = []string{l.mid}
			return nil
		}
	}
	return nil
}

// members are the m-lines of the bundle that the offer does not switch off, the tagged one first.
func (a *answer) members() []*offerLine {
	var out []*offerLine
	for _, mid := range a.bundle {
		if l := a.offer.byMID(mid); l != nil && !l.rejected() {
			out = append(out, l)
		}
	}
	return out
}

// agreeTransport settles ICE and DTLS.
func (a *answer) agreeTransport() error {
	members := a.members()
	if len(members) == 0 && a.prev != nil {
		a.keepTransport() // everything is stopped; the link lives on
		return nil
	}
	if len(members) == 0 {
		return a.nothingInCommon()
	}
	t := a.offer.transport(members)
	a.trickle = t.trickle
	if err := t.check(); err != nil {
		return err
	}
	fingerprint, err := t.fingerprint()
	if err != nil {
		return err
	}
	s := a.session
	s.RemoteUfrag, s.RemotePwd, s.RemoteFingerprint = t.ufrag, t.pwd, fingerprint
	s.RemoteICELite, s.RemoteCandidates = t.lite, t.candidates
	s.LocalUfrag, s.LocalPwd = a.local.Ufrag, a.local.Pwd
	// With actpass we are the server: it chooses the SRTP profile, and saves nothing to be active
	// since candidates and answer arrive together. RFC 8842 §5.3 would have us active.
	s.DTLSClient = t.setup == "passive"
	if a.prev == nil {
		return nil
	}
	return a.keepAssociation(t.setup)
}

func (a *answer) keepTransport() {
	s, p := a.session, a.prev
	s.RemoteUfrag, s.RemotePwd, s.RemoteFingerprint = p.RemoteUfrag, p.RemotePwd, p.RemoteFingerprint
	s.RemoteICELite, s.RemoteCandidates, s.DTLSClient = p.RemoteICELite, p.RemoteCandidates, p.DTLSClient
	s.LocalUfrag, s.LocalPwd = p.LocalUfrag, p.LocalPwd
}

// keepAssociation checks that a further offer goes on with the DTLS association of before (RFC 8842
// §5.1): its certificate and roles stay; ICE may restart.
func (a *answer) keepAssociation(setup string) error {
	s, p := a.session, a.prev
	if s.RemoteFingerprint != p.RemoteFingerprint && p.RemoteFingerprint.Value != "" {
		return refuse("its certificate differs from that of the session; renegotiate on the same RTCPeerConnection, or open a new link")
	}
	switch setup {
	case "active", "passive":
		if s.DTLSClient != p.DTLSClient {
			return refuse("a=setup:%s swaps the DTLS roles of the session; offer actpass", setup)
		}
	default:
		s.DTLSClient = p.DTLSClient
	}
	if s.RemoteUfrag == p.RemoteUfrag && s.RemotePwd == p.RemotePwd {
		s.LocalUfrag, s.LocalPwd = p.LocalUfrag, p.LocalPwd
		return nil
	}
	if s.LocalUfrag == p.LocalUfrag {
		return errStaleCredentials
	}
	return nil
}

// agreeLines decides on each m-line by itself. Of several SCTP associations the first is taken (RFC
// 8841 allows more, nobody offers them).
func (a *answer) agreeLines() error {
	for i := range a.offer.lines {
		l := &a.offer.lines[i]
		ok := !l.rejected() && slices.Contains(a.bundle, l.mid) && a.usable(l)
		if l.isRTP() {
			if ok && !l.rtcpMux {
				return refuse("%s has no a=rtcp-mux; RTCP shares the media's port here (rtcpMuxPolicy: \"require\")", l.name())
			}
			a.session.Media = append(a.session.Media, a.agreeMedia(l, ok))
		} else if ok && a.session.Data == nil {
			a.session.Data = agreeData(l)
		}
	}
	for _, mid := range a.bundle {
		if a.session.uses(mid) && !slices.Contains(a.accepted, mid) {
			a.accepted = append(a.accepted, mid)
		}
	}
	if len(a.accepted) == 0 && a.prev == nil {
		return a.nothingInCommon()
	}
	return nil
}

// nothingInCommon says why a first offer has no usable m-line.
func (a *answer) nothingInCommon() error {
	var names []string
	for i := range a.offer.lines {
		l := &a.offer.lines[i]
		for _, p := range l.payloads {
			if p.name != "" && !slices.Contains(names, p.name) && len(names) < 20 {
				names = append(names, p.name)
			}
		}
	}
	return refuse("none of its m-lines can be used: it offers %.200q over %.40q; Opus, G.711, G.722, VP8, VP9, H264 or AV1 over UDP/TLS/RTP/SAVPF, or a DataChannel over UDP/DTLS/SCTP, is needed",
		strings.Join(names, " "), a.offer.lines[0].proto)
}

// usable tells whether we can do anything with an m-line.
func (a *answer) usable(l *offerLine) bool {
	if !l.isRTP() {
		return l.isSCTP()
	}
	return strings.HasSuffix(l.proto, "RTP/SAVPF") && len(agreeCodecs(l, a.wanted(l), false, false)) > 0
}

// isSCTP tells whether an m-line is for DataChannels.
func (l *offerLine) isSCTP() bool {
	return l.media == "application" && strings.HasSuffix(l.proto, "DTLS/SCTP")
}

// wanted is our preference for an m-line. Where media flows both ways, what we receive decides.
func (a *answer) wanted(l *offerLine) []media.Codec {
	if recv, _ := a.directions(l); recv {
		return a.local.RecvCodecs
	}
	return a.local.SendCodecs
}

// directions returns whether we receive and send on an m-line.
func (a *answer) directions(l *offerLine) (recv, send bool) {
	d := l.direction
	if d == "" {
		d = a.offer.session.direction
	}
	if d == "" {
		d = "sendrecv" // RFC 8866 §6.7
	}
	recv = (d == "sendrecv" || d == "sendonly") && !a.local.NoRecv
	send = (d == "sendrecv" || d == "recvonly") && !a.local.NoSend
	return recv, send
}

func (a *answer) agreeMedia(l *offerLine, ok bool) Media {
	m := Media{MID: l.mid, Kind: media.Audio, Rejected: !ok}
	if l.media == "video" {
		m.Kind = media.Video
	}
	if !ok {
		return m
	}
	m.Recv, m.Send = a.directions(l)
	m.Ext = agreeExtensions(l, a.offer.session.extensions, m.Recv, m.Send)
	m.MixedExt = l.mixed || a.offer.session.mixed
	if !l.hasTransportCC() {
		m.Ext.TWCC = 0
	}
	if m.Ext.TWCC != 0 {
		m.Ext.AbsSendTime = 0 // one bandwidth estimator is enough: 4 bytes a packet saved
	}
	m.Codecs = agreeCodecs(l, a.wanted(l), m.Ext.TWCC != 0, m.Send && !m.Recv)
	if m.Recv {
		m.SSRCs = l.declared()
		m.StreamID, m.TrackID = l.stream, l.track
		m.RIDs = l.agreeLayers(&m)
	}
	if len(m.RIDs) == 0 {
		m.Ext.RID, m.Ext.RepairedRID = 0, 0
	}
	return m
}

// agreeLayers returns the simulcast layers (RFC 8853). They are told apart by MID and RID header
// extensions, so without these there is no simulcast.
func (l *offerLine) agreeLayers(m *Media) []string {
	if m.Ext.MID == 0 || m.Ext.RID == 0 || m.Kind != media.Video {
		return nil
	}
	var ids []string
	for _, r := range l.layers() {
		if r.payloads == nil || len(r.agreed(m)) > 0 {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// agreed returns the payload types of a pt= restriction that the answer keeps (RFC 8851 §6.3).
func (r *offerRID) agreed(m *Media) []media.PayloadType {
	return slices.DeleteFunc(slices.Clone(r.payloads), func(pt media.PayloadType) bool {
		return !slices.ContainsFunc(m.Codecs, func(c Codec) bool { return c.PT == pt })
	})
}

// declared returns the streams that the offer announces, each with its RTX (RFC 5576 §4.2).
func (l *offerLine) declared() []DeclaredSSRC {
	repair := make(map[media.SSRC]media.SSRC)
	var wrappers []media.SSRC // RTX and FEC: no streams of their own
	for _, g := range l.groups {
		if len(g.ssrcs) != 2 {
			continue
		}
		switch g.semantics {
		case "FID":
			repair[g.ssrcs[0]] = g.ssrcs[1]
			wrappers = append(wrappers, g.ssrcs[1])
		case "FEC-FR", "FEC":
			wrappers = append(wrappers, g.ssrcs[1])
		}
	}
	var out []DeclaredSSRC
	for _, s := range l.ssrcs {
		if !slices.Contains(wrappers, s) {
			out = append(out, DeclaredSSRC{SSRC: s, RTX: repair[s]})
		}
	}
	return out
}

// agreeData settles the SCTP association (RFC 8841).
func agreeData(l *offerLine) *Data {
	d := &Data{MID: l.mid, Port: 5000, MaxMessageSize: 65536} // RFC 8841 §6.1: the default size
	if l.sctpPort != 0 {
		d.Port = uint16(l.sctpPort)
	}
	if l.maxMessageSize != nil {
		d.MaxMessageSize = uint32(min(*l.maxMessageSize, 1<<32-1))
	}
	return d
}

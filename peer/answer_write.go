package peer

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"switchyard/media"
)

// repeatTransport is the number of m-lines up to which each of them repeats the ICE credentials and
// a=setup. RFC 9143 wants them once, on the tagged m-line, and browsers are content with that;
// aiortc and others look for them on each. Those offer few m-lines, and big offers of browsers get
// small answers.
const repeatTransport = 8

const defaultMaxMessageSize = 262144

// answerWriter writes SDP lines.
type answerWriter struct{ strings.Builder }

func (w *answerWriter) line(format string, args ...any) {
	fmt.Fprintf(w, format, args...)
	w.WriteString("\r\n")
}

// write returns the answer's text.
func (a *answer) write() string {
	w := &answerWriter{}
	w.Grow(1 << 10 * len(a.offer.lines))
	udp, tcp := a.candidates()
	w.line("v=0")
	w.line("o=- %d %d IN IP4 127.0.0.1", a.local.SessionID, a.local.Version)
	w.line("s=-")
	port := uint16(9) // RFC 8840 §4.1.1: no address given
	if len(udp) > 0 {
		port = udp[0].Port()
		w.line("c=%s", connection(udp[0].Addr()))
	} else {
		w.line("c=IN IP4 0.0.0.0")
	}
	w.line("t=0 0")
	if a.offer.session.mixed {
		w.line("a=extmap-allow-mixed")
	}
	if a.offer.hasBundle {
		w.line("%s", strings.TrimSpace("a=group:BUNDLE "+strings.Join(a.accepted, " ")))
	}
	// At session level it also holds for rejected m-lines, where GStreamer wants to see one.
	w.line("a=fingerprint:%s %s", a.local.Fingerprint.Hash, a.local.Fingerprint.Value)
	next := 0 // of session.Media
	for i := range a.offer.lines {
		l := &a.offer.lines[i]
		var m *Media
		if l.isRTP() {
			m = &a.session.Media[next]
			next++
		}
		if !a.session.uses(l.mid) {
			a.writeRejected(w, l)
			continue
		}
		if m != nil {
			w.line("m=%s %d %s %s", l.media, port, l.proto, payloadList(l, m))
			a.writeBandwidth(w, m)
		} else {
			w.line("m=application %d %s %s", port, l.proto, strings.Join(l.formats, " "))
		}
		a.writeCommon(w, l, udp, tcp)
		if m != nil {
			a.writeMedia(w, l, m)
		} else {
			a.writeData(w, l)
		}
	}
	return w.String()
}

// writeBandwidth asks the other end to keep its video below a rate: TIAS (RFC 3890) for those that know
// it, AS (RFC 8866 §5.8), which counts in kbit/s, for the others.
func (a *answer) writeBandwidth(w *answerWriter, m *Media) {
	if most := a.local.MaxBitrate; most > 0 && m.Recv && m.Kind == media.Video {
		w.line("b=AS:%d", max(1, most/1000))
		w.line("b=TIAS:%d", most)
	}
}

func connection(addr netip.Addr) string {
	if addr.Is4() || addr.Is4In6() {
		return "IN IP4 " + addr.Unmap().String()
	}
	return "IN IP6 " + addr.WithZone("").String()
}

// writeRejected declines an m-line (RFC 3264 §6).
func (a *answer) writeRejected(w *answerWriter, l *offerLine) {
	w.line("m=%s 0 %s %s", l.media, l.proto, l.formats[0])
	if l.midGiven {
		w.line("a=mid:%s", l.mid)
	}
	if a.repeats() {
		a.writeTransport(w)
	}
	if l.isRTP() {
		w.line("a=inactive")
	}
}

// repeats tells whether each m-line carries the transport's attributes.
func (a *answer) repeats() bool { return len(a.offer.lines) <= repeatTransport }

// writeCommon writes what m-lines of media and of data have alike.
func (a *answer) writeCommon(w *answerWriter, l *offerLine, udp, tcp []netip.AddrPort) {
	if l.midGiven {
		w.line("a=mid:%s", l.mid)
	}
	tagged := l.mid == a.accepted[0]
	if tagged || a.repeats() {
		a.writeTransport(w)
	}
	if !tagged {
		return
	}
	if a.trickle {
		w.line("a=ice-options:trickle")
	}
	writeCandidates(w, udp, tcp)
}

func (a *answer) writeTransport(w *answerWriter) {
	w.line("a=ice-ufrag:%s", a.session.LocalUfrag)
	w.line("a=ice-pwd:%s", a.session.LocalPwd)
	if a.session.DTLSClient {
		w.line("a=setup:active")
	} else {
		w.line("a=setup:passive")
	}
}

// candidates returns our addresses, UDP and TCP apart.
func (a *answer) candidates() (udp, tcp []netip.AddrPort) {
	for _, c := range a.local.Candidates {
		addr := netip.AddrPortFrom(c.Addr.Addr().Unmap().WithZone(""), c.Addr.Port())
		if !addr.IsValid() || addr.Addr().IsUnspecified() {
			continue
		}
		if c.TCP {
			tcp = append(tcp, addr)
		} else {
			udp = append(udp, addr)
		}
	}
	return udp, tcp
}

// writeCandidates lists all candidates (RFC 8839 §5.1), and that no more will come (RFC 8840 §8.2).
// Priorities fall in the order of the list (RFC 8445 §5.1.2, RFC 6544 §4.2: passive TCP).
func writeCandidates(w *answerWriter, udp, tcp []netip.AddrPort) {
	for i, c := range udp {
		local := uint32(65535 - min(i, 65535))
		w.line("a=candidate:%d 1 udp %d %s %d typ host", i+1, 126<<24|local<<8|255, c.Addr(), c.Port())
	}
	for i, c := range tcp {
		local := uint32(4)<<13 | uint32(8191-min(i, 8191))
		w.line("a=candidate:%d 1 tcp %d %s %d typ host tcptype passive", len(udp)+i+1, 90<<24|local<<8|255, c.Addr(), c.Port())
	}
	w.line("a=end-of-candidates")
}

func (a *answer) writeData(w *answerWriter, l *offerLine) {
	if l.sctpmap != "" {
		w.line("a=sctpmap:%s", l.sctpmap)
	} else {
		w.line("a=sctp-port:5000")
	}
	size := a.local.MaxMessageSize
	if size == 0 {
		size = defaultMaxMessageSize
	}
	w.line("a=max-message-size:%d", size)
}

func (a *answer) writeMedia(w *answerWriter, l *offerLine, m *Media) {
	switch {
	case m.Recv && m.Send:
		w.line("a=sendrecv")
	case m.Recv:
		w.line("a=recvonly")
	case m.Send:
		w.line("a=sendonly")
	default:
		w.line("a=inactive")
	}
	w.line("a=rtcp-mux")
	if l.rtcpRsize {
		w.line("a=rtcp-rsize")
	}
	if l.mixed && !a.offer.session.mixed {
		w.line("a=extmap-allow-mixed")
	}
	a.writeExtensions(w, l, m)
	for _, c := range m.Codecs {
		writeCodec(w, l, c)
	}
	writeFeedback(w, m, !a.repeats())
	writeLayers(w, l, m)
	if m.Send {
		writeSlot(w, m)
	}
}

func (a *answer) writeExtensions(w *answerWriter, l *offerLine, m *Media) {
	offered := slices.Concat(l.extensions, a.offer.session.extensions)
	for _, k := range extensionKinds {
		id := *k.id(&m.Ext)
		if id == 0 {
			continue
		}
		i := slices.IndexFunc(offered, func(e offerExtension) bool { return e.id == int(id) })
		if d := reversed[offered[i].direction]; d != "" && d != "sendrecv" {
			w.line("a=extmap:%d/%s %s", id, d, k.uri)
		} else {
			w.line("a=extmap:%d %s", id, k.uri)
		}
	}
}

// payloadList is the end of an m= line. RED stands before its codec where the offer had it so: that
// is how an end says that it wants to be sent RED.
func payloadList(l *offerLine, m *Media) string {
	place := func(pt media.PayloadType) int {
		return slices.IndexFunc(l.payloads, func(p offerPayload) bool { return p.pt == pt })
	}
	var out []string
	add := func(pt media.PayloadType) { out = append(out, strconv.Itoa(int(pt))) }
	for _, c := range m.Codecs {
		redFirst := c.RED != 0 && place(c.RED) < place(c.PT)
		if redFirst {
			add(c.RED)
		}
		add(c.PT)
		if c.RED != 0 && !redFirst {
			add(c.RED)
		}
		if c.RTX != 0 {
			add(c.RTX)
		}
	}
	return strings.Join(out, " ")
}

// forAnswer returns the a=fmtp to answer with: the offered one without what describes the offerer's
// own stream (sprop-…). So the H.264 level stays as offered, which RFC 6184 §8.2.2 allows with and
// without level-asymmetry-allowed.
func (p *offerPayload) forAnswer() string {
	if !strings.Contains(p.fmtp, "sprop-") {
		return p.fmtp
	}
	var kept []string
	for part := range strings.SplitSeq(p.fmtp, ";") {
		if part = strings.TrimSpace(part); part != "" && !strings.HasPrefix(part, "sprop-") {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ";")
}

func writeCodec(w *answerWriter, l *offerLine, c Codec) {
	rtpmap := func(pt media.PayloadType) {
		p := l.payload(pt)
		if p.channels > 1 {
			w.line("a=rtpmap:%d %s/%d/%d", pt, p.name, p.clock, p.channels)
		} else {
			w.line("a=rtpmap:%d %s/%d", pt, p.name, p.clock)
		}
		if f := p.forAnswer(); f != "" {
			w.line("a=fmtp:%d %s", pt, f)
		}
	}
	rtpmap(c.PT)
	if c.RED != 0 {
		rtpmap(c.RED)
	}
	if c.RTX != 0 {
		rtpmap(c.RTX)
	}
}

// writeFeedback lists rtcp-fb by codec, or in a big answer once for all codecs (RFC 4585 §4.2),
// where they agree.
func writeFeedback(w *answerWriter, m *Media, brief bool) {
	same := !slices.ContainsFunc(m.Codecs, func(c Codec) bool {
		return !slices.Equal(c.feedback(), m.Codecs[0].feedback())
	})
	if brief && same {
		for _, f := range m.Codecs[0].feedback() {
			w.line("a=rtcp-fb:* %s", f)
		}
		return
	}
	for _, c := range m.Codecs {
		for _, f := range c.feedback() {
			w.line("a=rtcp-fb:%d %s", c.PT, f)
		}
	}
}

// feedback returns the agreed kinds as they stand in SDP.
func (c *Codec) feedback() []string {
	var out []string
	for _, f := range []struct {
		on   bool
		kind string
	}{{c.NACK, "nack"}, {c.PLI, "nack pli"}, {c.FIR, "ccm fir"}, {c.TWCC, "transport-cc"}, {c.REMB, "goog-remb"}, {c.CCFB, "ack ccfb"}} {
		if f.on {
			out = append(out, f.kind)
		}
	}
	return out
}

// writeLayers accepts simulcast (RFC 8853 §5.2) with the restrictions that were offered.
func writeLayers(w *answerWriter, l *offerLine, m *Media) {
	if len(m.RIDs) == 0 {
		return
	}
	for _, r := range l.rids {
		if !slices.Contains(m.RIDs, r.id) {
			continue
		}
		var parts []string
		if pts := r.agreed(m); len(pts) > 0 {
			list := make([]string, len(pts))
			for i, pt := range pts {
				list[i] = strconv.Itoa(int(pt))
			}
			parts = append(parts, "pt="+strings.Join(list, ","))
		}
		if r.restrictions != "" {
			parts = append(parts, r.restrictions)
		}
		w.line("%s", strings.TrimSpace("a=rid:"+r.id+" recv "+strings.Join(parts, ";")))
	}
	w.line("a=simulcast:recv %s", strings.Join(m.RIDs, ";"))
}

// writeSlot says which stream comes on a slot (RFC 5576, RFC 8830). The cname is the stream id: what
// shares one is played in sync (RFC 8834 §4.9 asks for one per end; slots carry different people).
func writeSlot(w *answerWriter, m *Media) {
	w.line("a=msid:%s %s%d", m.SlotStreamID, m.Kind.String()[:1], m.SlotSSRC)
	if m.SlotRTX != 0 {
		w.line("a=ssrc-group:FID %d %d", m.SlotSSRC, m.SlotRTX)
	}
	w.line("a=ssrc:%d cname:%s", m.SlotSSRC, m.SlotStreamID)
	if m.SlotRTX != 0 {
		w.line("a=ssrc:%d cname:%s", m.SlotRTX, m.SlotStreamID)
	}
}

package peer

import (
	"slices"
	"strconv"
	"strings"

	"switchyard/media"
)

// agreeCodecs returns what both ends can do with an m-line, the most wanted codec first. RTX and
// RED are attached to the codec that they wrap; FEC, comfort noise and DTMF are declined.
func agreeCodecs(l *offerLine, wanted []media.Codec, twcc, ccfb bool) []Codec {
	var out []Codec
	repairs := l.repairs()
	for i := range l.payloads {
		p := &l.payloads[i]
		format, ok := p.format()
		if !ok || format.Codec.Kind().String() != l.media || clashesWithRTCP(p.pt) {
			continue
		}
		if len(wanted) > 0 && !slices.Contains(wanted, format.Codec) {
			continue
		}
		if slices.ContainsFunc(out, func(c Codec) bool { return c.Format == format }) {
			continue // the first payload type of a format is enough
		}
		c := Codec{PT: p.pt, Format: format, FMTP: p.fmtp, RED: l.redOf(p)}
		l.agreeFeedback(&c, twcc, ccfb)
		if c.NACK {
			c.RTX = repairs[p.pt]
		}
		out = append(out, c)
	}
	if len(wanted) > 0 {
		rank := func(c Codec) int { return slices.Index(wanted, c.Format.Codec) }
		slices.SortStableFunc(out, func(a, b Codec) int { return rank(a) - rank(b) })
	}
	return out
}

// clashesWithRTCP tells whether a payload type cannot be told from RTCP on a shared port (RFC 5761
// §4).
func clashesWithRTCP(pt media.PayloadType) bool { return pt >= 64 && pt <= 95 }

// format returns what a payload type carries, false when it is nothing that the server forwards.
func (p *offerPayload) format() (media.Format, bool) {
	f := media.Format{Codec: media.ParseCodec(p.name), ClockRate: p.clock}
	switch f.Codec {
	case media.Opus:
		f.Channels = p.channels
		return f, p.clock == 48000 && p.channels == 2
	case media.PCMU, media.PCMA, media.G722: // G722 says 8000 by an old mistake (RFC 3551 §4.5.2)
		f.Channels = p.channels
		return f, p.clock == 8000 && p.channels == 1
	case media.VP8:
	case media.VP9:
		f.Profile = p.number("profile-id")
	case media.AV1:
		f.Profile = p.number("profile")
	case media.H264:
		f.Profile = h264Profile(p.parameter("profile-level-id")) + "/" + p.number("packetization-mode")
		if !strings.HasSuffix(f.Profile, "/0") && !strings.HasSuffix(f.Profile, "/1") {
			return f, false // mode 2 interleaves (RFC 6184 §5.2); nobody sends it
		}
	default:
		return f, false
	}
	return f, p.clock == 90000 && len(f.Profile) <= 16
}

// parameter returns the value of a key in a=fmtp, "" when it is not there.
func (p *offerPayload) parameter(key string) string {
	for part := range strings.SplitSeq(p.fmtp, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(strings.TrimSpace(k), key) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// number returns a parameter in its shortest decimal form; missing means 0 (RFC 9628 §6, RFC 6184
// §8.1, AV1 RTP payload specification §7.2.2). What is no number stays as it is and matches itself.
func (p *offerPayload) number(key string) string {
	v := p.parameter(key)
	if v == "" {
		return "0"
	}
	if n, err := strconv.ParseUint(v, 10, 8); err == nil {
		return strconv.FormatUint(n, 10)
	}
	return v
}

// h264Patterns map profile_idc and the constraint bits to profiles (RFC 6184 §8.1, table 5; the
// same as in libwebrtc). mask selects the bits of profile-iop that count.
var h264Patterns = []struct {
	idc, mask, iop byte
	profile        string
}{
	{0x42, 0b0100_1111, 0b0100_0000, "42e0"}, // constrained baseline, in three spellings
	{0x4d, 0b1000_1111, 0b1000_0000, "42e0"},
	{0x58, 0b1100_1111, 0b1100_0000, "42e0"},
	{0x42, 0b0100_1111, 0b0000_0000, "4200"}, // baseline
	{0x58, 0b1100_1111, 0b1000_0000, "4200"},
	{0x4d, 0b1010_1111, 0b0000_0000, "4d00"}, // main
	{0x64, 0b1111_1111, 0b0000_0000, "6400"}, // high
	{0x64, 0b1111_1111, 0b0000_1100, "640c"}, // constrained high
	{0xf4, 0b1111_1111, 0b0000_0000, "f400"}, // high 4:4:4 predictive
}

// h264Profile returns the canonical profile of a profile-level-id: the same for all spellings of
// one profile and for all levels. A missing one means constrained baseline, as in browsers (RFC
// 6184 would say baseline).
func h264Profile(profileLevelID string) string {
	if profileLevelID == "" {
		return "42e0"
	}
	n, err := strconv.ParseUint(profileLevelID, 16, 32)
	if err != nil || len(profileLevelID) != 6 {
		return strings.ToLower(profileLevelID)
	}
	idc, iop := byte(n>>16), byte(n>>8)
	for _, p := range h264Patterns {
		if idc == p.idc && iop&p.mask == p.iop {
			return p.profile
		}
	}
	return strings.ToLower(profileLevelID[:4])
}

// repairs returns, by payload type, the payload type of the RTX that repairs it (RFC 4588 §8.1).
func (l *offerLine) repairs() map[media.PayloadType]media.PayloadType {
	out := make(map[media.PayloadType]media.PayloadType)
	for i := range l.payloads {
		p := &l.payloads[i]
		if !strings.EqualFold(p.name, "rtx") || clashesWithRTCP(p.pt) {
			continue
		}
		apt, err := strconv.ParseUint(p.parameter("apt"), 10, 7)
		repaired := l.payload(media.PayloadType(apt))
		if err != nil || repaired == nil || repaired.clock != p.clock || out[repaired.pt] != 0 {
			continue
		}
		out[repaired.pt] = p.pt
	}
	return out
}

// redOf returns the payload type that wraps p alone redundantly (RFC 2198 §5), 0 when none is
// offered. Only Opus: RED of video carries ULPFEC, which is declined.
func (l *offerLine) redOf(p *offerPayload) media.PayloadType {
	if media.ParseCodec(p.name) != media.Opus {
		return 0
	}
	pt := strconv.Itoa(int(p.pt))
	for i := range l.payloads {
		q := &l.payloads[i]
		if !strings.EqualFold(q.name, "red") || q.clock != p.clock || q.channels != p.channels || clashesWithRTCP(q.pt) {
			continue
		}
		blocks := strings.Split(q.fmtp, "/")
		if !slices.ContainsFunc(blocks, func(b string) bool { return b != pt }) {
			return q.pt
		}
	}
	return 0
}

// agreeFeedback sets the feedback (RFC 4585, RFC 5104) that both ends know for a codec. transport-cc
// needs its header extension too; congestion control feedback is agreed where we only read it.
func (l *offerLine) agreeFeedback(c *Codec, twcc, ccfb bool) {
	for _, f := range l.feedback {
		if !f.all && f.pt != c.PT {
			continue
		}
		switch f.kind {
		case "nack":
			c.NACK = true
		case "nack pli":
			c.PLI = true
		case "ccm fir":
			c.FIR = true
		case "transport-cc":
			c.TWCC = twcc
		case "goog-remb":
			c.REMB = true
		case "ack ccfb": // RFC 8888 §6
			c.CCFB = ccfb && !twcc
		}
	}
}

// extensionKinds are the header extensions that we know, in the order in which answers list them.
var extensionKinds = []struct {
	uri string
	id  func(*Extensions) *uint8
}{
	{"urn:ietf:params:rtp-hdrext:sdes:mid", func(e *Extensions) *uint8 { return &e.MID }},
	{"urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id", func(e *Extensions) *uint8 { return &e.RID }},
	{"urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id", func(e *Extensions) *uint8 { return &e.RepairedRID }},
	{"urn:ietf:params:rtp-hdrext:ssrc-audio-level", func(e *Extensions) *uint8 { return &e.AudioLevel }},
	{"http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01", func(e *Extensions) *uint8 { return &e.TWCC }},
	{"http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time", func(e *Extensions) *uint8 { return &e.AbsSendTime }},
	{"http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time", func(e *Extensions) *uint8 { return &e.AbsCaptureTime }},
	{"urn:3gpp:video-orientation", func(e *Extensions) *uint8 { return &e.Orientation }},
	{"http://www.webrtc.org/experiments/rtp-hdrext/playout-delay", func(e *Extensions) *uint8 { return &e.PlayoutDelay }},
	{"https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension", func(e *Extensions) *uint8 { return &e.DependencyDescriptor }},
}

// reversed gives the answer's direction of an extension or an m-line for the offer's.
var reversed = map[string]string{"sendonly": "recvonly", "recvonly": "sendonly", "sendrecv": "sendrecv", "inactive": "inactive"}

// agreeExtensions takes the ids that the offer gives to the extensions that we know. Ids above 14
// would need two-byte headers (RFC 8285 §4.3), which we do not write. An extension that flows only
// against the m-line's own direction is of no use.
func agreeExtensions(l *offerLine, session []offerExtension, recv, send bool) Extensions {
	var out Extensions
	for _, e := range slices.Concat(l.extensions, session) {
		useless := e.direction == "inactive" || recv && !send && e.direction == "recvonly" || send && !recv && e.direction == "sendonly"
		if e.id > 14 || useless {
			continue
		}
		for _, k := range extensionKinds {
			if id := k.id(&out); k.uri == e.uri && *id == 0 {
				*id = uint8(e.id)
			}
		}
	}
	return out
}

// hasTransportCC tells whether any codec of the m-line is offered with transport-cc.
func (l *offerLine) hasTransportCC() bool {
	return slices.ContainsFunc(l.feedback, func(f offerFeedback) bool { return f.kind == "transport-cc" })
}

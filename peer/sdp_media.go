package peer

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"switchyard/media"
)

// offerPayload is one payload type of an m-line.
type offerPayload struct {
	pt       media.PayloadType
	name     string // encoding name, "" without a=rtpmap
	clock    uint32
	channels uint8 // 1 when not said
	fmtp     string
}

// offerFeedback is an a=rtcp-fb line (RFC 4585 §4.2).
type offerFeedback struct {
	all  bool // "*"
	pt   media.PayloadType
	kind string // "nack", "nack pli", …
}

// offerExtension is an a=extmap line (RFC 8285 §5).
type offerExtension struct {
	id        int
	uri       string
	direction string // of the offerer; "" means both
}

// offerSSRCGroup is an a=ssrc-group line (RFC 5576 §4.2).
type offerSSRCGroup struct {
	semantics string
	ssrcs     []media.SSRC
}

// offerRID is an a=rid line with direction send (RFC 8851).
type offerRID struct {
	id           string
	payloads     []media.PayloadType // pt= restriction, nil without
	restrictions string              // the others, as offered
}

// staticPayloads need no a=rtpmap (RFC 3551 §6).
var staticPayloads = map[media.PayloadType]offerPayload{
	0: {pt: 0, name: "PCMU", clock: 8000, channels: 1},
	8: {pt: 8, name: "PCMA", clock: 8000, channels: 1},
	9: {pt: 9, name: "G722", clock: 8000, channels: 1},
}

func (l *offerLine) readPayloadTypes() error {
	var seen [128]bool
	for _, f := range l.formats {
		n, err := strconv.ParseUint(f, 10, 8)
		if err != nil || n > 127 {
			return fmt.Errorf("payload type %.20q is not in 0 to 127", f)
		}
		if seen[n] {
			return fmt.Errorf("payload type %d stands twice; each codec needs its own", n)
		}
		seen[n] = true
		p := staticPayloads[media.PayloadType(n)]
		p.pt = media.PayloadType(n)
		l.payloads = append(l.payloads, p)
	}
	return nil
}

func (l *offerLine) payload(pt media.PayloadType) *offerPayload {
	i := slices.IndexFunc(l.payloads, func(p offerPayload) bool { return p.pt == pt })
	if i < 0 {
		return nil
	}
	return &l.payloads[i]
}

// cutPayload splits "<payload type> <rest>".
func cutPayload(v string) (media.PayloadType, string, error) {
	first, rest, _ := strings.Cut(v, " ")
	n, err := strconv.ParseUint(first, 10, 8)
	if err != nil || n > 127 {
		return 0, "", fmt.Errorf("payload type %.20q is not in 0 to 127", first)
	}
	return media.PayloadType(n), strings.TrimSpace(rest), nil
}

func (l *offerLine) readRTPMap(v string) error {
	if !l.isRTP() {
		return nil
	}
	pt, rest, err := cutPayload(v)
	if err != nil {
		return err
	}
	f := strings.Split(rest, "/")
	if len(f) < 2 || len(f) > 3 || !isToken(f[0]) {
		return fmt.Errorf("%.40q is not encoding/clock[/channels]", rest)
	}
	clock, err := strconv.ParseUint(f[1], 10, 32)
	if err != nil || clock == 0 {
		return fmt.Errorf("clock rate %.20q is no number of Hz", f[1])
	}
	channels := uint64(1)
	if len(f) == 3 {
		if channels, err = strconv.ParseUint(f[2], 10, 8); err != nil {
			return fmt.Errorf("channels %.20q is no number", f[2])
		}
	}
	p := l.payload(pt)
	if p == nil {
		return nil // a mapping that the m-line does not use
	}
	got := offerPayload{pt: pt, name: f[0], clock: uint32(clock), channels: uint8(channels), fmtp: p.fmtp}
	if p.name != "" && staticPayloads[pt].name == "" && !p.sameCodec(&got) {
		return fmt.Errorf("payload type %d is mapped twice, to %.20s and %.20s", pt, p.name, f[0])
	}
	*p = got
	return nil
}

// sameCodec reports whether two mappings of one payload type agree.
func (p *offerPayload) sameCodec(q *offerPayload) bool {
	return strings.EqualFold(p.name, q.name) && p.clock == q.clock && p.channels == q.channels
}

func (l *offerLine) readFMTP(v string) error {
	if !l.isRTP() {
		return nil
	}
	pt, rest, err := cutPayload(v)
	if err != nil {
		return err
	}
	if p := l.payload(pt); p != nil {
		p.fmtp = rest
	}
	return nil
}

func (l *offerLine) readFeedback(v string) error {
	if !l.isRTP() {
		return nil
	}
	if len(l.feedback) == 1024 {
		return errors.New("there are more than 1024 of them in one m-line")
	}
	if rest, ok := strings.CutPrefix(v, "* "); ok {
		l.feedback = append(l.feedback, offerFeedback{all: true, kind: strings.TrimSpace(rest)})
		return nil
	}
	pt, kind, err := cutPayload(v)
	if err != nil {
		return err
	}
	l.feedback = append(l.feedback, offerFeedback{pt: pt, kind: kind})
	return nil
}

func (l *offerLine) readExtension(v string) error {
	f := strings.Fields(v)
	if len(f) < 2 {
		return errors.New("it needs an id and a URI (RFC 8285 §5)")
	}
	id, direction, _ := strings.Cut(f[0], "/")
	n, err := strconv.Atoi(id)
	// 4096 to 4351 ask for an id that the answerer picks (RFC 8285 §7); we pass those over.
	if err != nil || n < 1 || n > 255 && (n < 4096 || n > 4351) {
		return fmt.Errorf("id %.20q is not in 1 to 14 (RFC 8285 §4.2)", id)
	}
	for _, e := range l.extensions {
		if e.id == n && e.uri != f[1] {
			return fmt.Errorf("id %d stands for two extensions, %.60s and %.60s", n, e.uri, f[1])
		}
	}
	if len(l.extensions) == 256 {
		return errors.New("there are more than 256 of them in one m-line")
	}
	l.extensions = append(l.extensions, offerExtension{id: n, uri: f[1], direction: direction})
	return nil
}

func parseSSRC(s string) (media.SSRC, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("SSRC %.20q is not in 0 to 4294967295", s)
	}
	return media.SSRC(n), nil
}

func (l *offerLine) readSSRC(v string) error {
	first, attr, _ := strings.Cut(v, " ")
	ssrc, err := parseSSRC(first)
	if err != nil {
		return err
	}
	if !slices.Contains(l.ssrcs, ssrc) {
		if len(l.ssrcs) == maxLineSSRCs {
			return fmt.Errorf("there are more than %d SSRCs in one m-line; use an m-line for each track", maxLineSSRCs)
		}
		l.ssrcs = append(l.ssrcs, ssrc)
	}
	// Older clients and GStreamer name the stream here only.
	if msid, ok := strings.CutPrefix(attr, "msid:"); ok && l.stream == "" {
		return l.readMSID(msid)
	}
	return nil
}

func (l *offerLine) readSSRCGroup(v string) error {
	f := strings.Fields(v)
	if len(f) < 2 {
		return nil
	}
	if len(f) > maxLineSSRCs+1 || len(l.groups) == maxLineSSRCs {
		return fmt.Errorf("there are more than %d SSRCs or groups in one m-line", maxLineSSRCs)
	}
	g := offerSSRCGroup{semantics: f[0]}
	for _, s := range f[1:] {
		ssrc, err := parseSSRC(s)
		if err != nil {
			return err
		}
		g.ssrcs = append(g.ssrcs, ssrc)
	}
	l.groups = append(l.groups, g)
	return nil
}

// readMSID takes the first a=msid (RFC 8830); "-" means no stream.
func (l *offerLine) readMSID(v string) error {
	if l.stream != "" || l.track != "" {
		return nil
	}
	stream, track, _ := strings.Cut(v, " ")
	if stream == "-" {
		stream = ""
	}
	l.stream, l.track = stream, track
	return nil
}

// readRID takes layers that the offerer sends (RFC 8851 §10).
func (l *offerLine) readRID(v string) error {
	f := strings.Fields(v)
	if len(f) < 2 || f[1] != "send" {
		return nil
	}
	if len(l.rids) == maxLineRIDs {
		return fmt.Errorf("there are more than %d layers; send fewer encodings", maxLineRIDs)
	}
	r := offerRID{id: f[0]}
	if len(r.id) > maxMID || !isRID(r.id) {
		return fmt.Errorf("%.40q is no id of 1 to %d letters and digits (RFC 8852 §3)", r.id, maxMID)
	}
	if slices.ContainsFunc(l.rids, func(o offerRID) bool { return o.id == r.id }) {
		return fmt.Errorf("%q stands twice", r.id)
	}
	if len(f) > 2 {
		if err := r.readRestrictions(f[2]); err != nil {
			return err
		}
	}
	l.rids = append(l.rids, r)
	return nil
}

func (r *offerRID) readRestrictions(v string) error {
	var others []string
	for part := range strings.SplitSeq(v, ";") {
		list, ok := strings.CutPrefix(part, "pt=")
		if !ok {
			others = append(others, part)
			continue
		}
		for s := range strings.SplitSeq(list, ",") {
			n, err := strconv.ParseUint(s, 10, 8)
			if err != nil || n > 127 {
				return fmt.Errorf("payload type %.20q is not in 0 to 127", s)
			}
			r.payloads = append(r.payloads, media.PayloadType(n))
		}
	}
	r.restrictions = strings.Join(others, ";")
	return nil
}

func isRID(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' && s[i] != '_' {
			return false
		}
	}
	return s != ""
}

func (l *offerLine) readSimulcast(v string) error {
	l.simulcast = v
	return nil
}

// layers returns the RIDs that the offerer would send, in its order: of alternatives the first, and
// paused ones too (RFC 8853 §5.1). It is empty without simulcast.
func (l *offerLine) layers() []offerRID {
	f := strings.Fields(l.simulcast)
	var list string
	for i := 0; i+1 < len(f); i += 2 {
		if f[i] == "send" {
			list = f[i+1]
		}
	}
	var out []offerRID
	for group := range strings.SplitSeq(list, ";") {
		first, _, _ := strings.Cut(group, ",")
		first = strings.TrimPrefix(first, "~")
		i := slices.IndexFunc(l.rids, func(r offerRID) bool { return r.id == first })
		if i >= 0 && !slices.ContainsFunc(out, func(r offerRID) bool { return r.id == first }) {
			out = append(out, l.rids[i])
		}
	}
	return out
}

func (l *offerLine) readSCTPPort(v string) error {
	n, err := strconv.ParseUint(v, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("port %.20q is not in 1 to 65535 (RFC 8841 §5)", v)
	}
	l.sctpPort = int(n)
	return nil
}

// readSCTPMap reads the form of draft-ietf-mmusic-sctp-sdp-07, still seen in old clients.
func (l *offerLine) readSCTPMap(v string) error {
	first, _, _ := strings.Cut(v, " ")
	if err := l.readSCTPPort(first); err != nil {
		return err
	}
	l.sctpmap = v
	return nil
}

func (l *offerLine) readMaxMessageSize(v string) error {
	n, err := strconv.ParseInt(v, 10, 64)
	if err != nil || n < 0 {
		return fmt.Errorf("%.20q is no number of bytes (RFC 8841 §6)", v)
	}
	l.maxMessageSize = &n
	return nil
}

// check finds what contradicts itself over m-lines: identifiers that one bundle shares.
func (o *offerSDP) check() error {
	ssrcs := make(map[media.SSRC]int)
	var payloads [128]*offerPayload
	extensions := make(map[int]string)
	for i := range o.lines {
		l := &o.lines[i]
		if l.rejected() {
			continue
		}
		for _, s := range l.ssrcs {
			if first, dup := ssrcs[s]; dup {
				return refuse("m-lines %d and %d both declare SSRC %d; each stream needs its own", first, i, s)
			}
			ssrcs[s] = i
		}
		if !o.hasBundle {
			continue // payload types and extension ids are then each m-line's own
		}
		for j := range l.payloads {
			p := &l.payloads[j]
			if q := payloads[p.pt]; q != nil && q.name != "" && p.name != "" && !q.sameCodec(p) {
				return refuse("%s: payload type %d is %.20s here and %.20s in another m-line (RFC 9143 §9.1)", l.name(), p.pt, p.name, q.name)
			}
			payloads[p.pt] = p
		}
		for _, e := range l.extensions {
			uri, ok := extensions[e.id]
			if ok && uri != e.uri && (readEarly(uri) || readEarly(e.uri)) {
				return refuse("%s: header extension id %d is %.60s here and %.60s in another m-line (RFC 9143 §9.1)", l.name(), e.id, e.uri, uri)
			}
			if !ok || readEarly(e.uri) {
				extensions[e.id] = e.uri
			}
		}
	}
	return nil
}

// readEarly tells whether an extension is read before the packet's m-line is known, so that its id
// must mean the same in the whole bundle. RFC 9143 asks that of all extensions; aiortc gives one id
// to the audio level in audio and to abs-send-time in video.
func readEarly(uri string) bool {
	return strings.HasPrefix(uri, "urn:ietf:params:rtp-hdrext:sdes:") || strings.Contains(uri, "transport-wide-cc")
}

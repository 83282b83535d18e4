package peer

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"switchyard/media"
)

// What an offer may hold at most. A browser's offer of 50 pairs of slots with every codec has
// 290 kB and 101 m-lines.
const (
	MaxOfferBytes      = 512 << 10
	MaxOfferLines      = 256 // m-lines
	MaxOfferCandidates = 256 // over all m-lines
	maxLineSSRCs       = 64  // per m-line
	maxLineRIDs        = 8   // simulcast layers per m-line
	maxMID             = 16  // bytes: what a one-byte header extension carries (RFC 8285 §4.2)
	maxValue           = 1024
)

// offerSDP is an offer as it stands in the text, checked for syntax and limits only.
type offerSDP struct {
	hasBundle bool
	bundle    []string // MIDs of the first BUNDLE group (RFC 9143), the tagged one first
	session   offerLine
	lines     []offerLine
}

// offerLine is one m-line with its attributes, or, as offerSDP.session, the attributes before the
// first m-line, which hold for each m-line that does not say otherwise.
type offerLine struct {
	index    int
	media    string // "audio", "video", "application", …
	port     int
	proto    string
	formats  []string
	mid      string
	midGiven bool

	direction string // "" when not said
	bundleOnly,
	rtcpMux, rtcpRsize bool
	mixed bool // one-byte and two-byte extensions may be mixed (RFC 8285 §6)

	ice        offerICE
	payloads   []offerPayload // audio and video, in the order of the m-line
	feedback   []offerFeedback
	extensions []offerExtension
	ssrcs      []media.SSRC
	groups     []offerSSRCGroup
	rids       []offerRID
	simulcast  string // value of a=simulcast
	stream     string // msid
	track      string

	sctpPort       int    // a=sctp-port, 0 when not said
	maxMessageSize *int64 // a=max-message-size
	sctpmap        string // a=sctpmap of old offers
}

// rejected tells whether the offer itself switches the m-line off (RFC 3264 §6, RFC 9143 §6).
func (l *offerLine) rejected() bool { return l.port == 0 && !l.bundleOnly }

func (l *offerLine) isRTP() bool { return l.media == "audio" || l.media == "video" }

// name says which m-line it is, for messages to developers.
func (l *offerLine) name() string {
	if l.midGiven {
		return fmt.Sprintf("m-line %d (%s, mid %q)", l.index, l.media, l.mid)
	}
	return fmt.Sprintf("m-line %d (%s)", l.index, l.media)
}

func refuse(format string, args ...any) *OfferError {
	return &OfferError{Reason: fmt.Sprintf(format, args...)}
}

// parseOffer reads the text of an offer. All its errors are *OfferError.
func parseOffer(text string) (*offerSDP, error) {
	if err := checkText(text); err != nil {
		return nil, err
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\r\n"
	}
	var desc sdp.SessionDescription
	if err := desc.UnmarshalString(text); err != nil {
		return nil, refuse("this is no SDP (RFC 8866): %.120s; send pc.localDescription.sdp unchanged", err.Error())
	}
	if n := len(desc.MediaDescriptions); n == 0 {
		return nil, refuse("it has no m-line; add a track, a transceiver or a DataChannel before createOffer")
	} else if n > MaxOfferLines {
		return nil, refuse("it has %d m-lines and at most %d are accepted; use fewer transceivers, and reuse stopped ones", n, MaxOfferLines)
	}
	o := &offerSDP{}
	if err := o.readSession(desc.Attributes); err != nil {
		return nil, err
	}
	candidates := len(o.session.ice.candidates)
	for i, md := range desc.MediaDescriptions {
		l, err := readLine(i, md)
		if err != nil {
			return nil, err
		}
		if candidates += len(l.ice.candidates); candidates > MaxOfferCandidates {
			return nil, refuse("it has more than %d candidates; leave candidates out, the server needs none", MaxOfferCandidates)
		}
		o.lines = append(o.lines, *l)
	}
	if err := o.nameLines(); err != nil {
		return nil, err
	}
	return o, o.check()
}

// checkText refuses what would confuse the line reader: control characters and stray CRs could
// otherwise travel into the answer.
func checkText(text string) error {
	if len(text) > MaxOfferBytes {
		return refuse("it has %d bytes and at most %d are accepted; offer fewer codecs (setCodecPreferences) or fewer transceivers", len(text), MaxOfferBytes)
	}
	if strings.TrimSpace(text) == "" {
		return refuse("it is empty; send pc.localDescription.sdp")
	}
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\r' && (i+1 == len(text) || text[i+1] != '\n'):
			return refuse("there is a CR without LF at byte %d; end lines by CRLF (RFC 8866 §5)", i)
		case c == '\r', c == '\n', c == '\t':
		case c < ' ', c == 0x7f:
			return refuse("there is a control character (0x%02x) at byte %d; send SDP as plain text", c, i)
		}
	}
	return nil
}

func (o *offerSDP) readSession(attrs []sdp.Attribute) error {
	for _, a := range attrs {
		if a.Key == "group" {
			if err := o.readGroup(a.Value); err != nil {
				return err
			}
			continue
		}
		if err := o.session.read(a.Key, a.Value); err != nil {
			return refuse("a=%.20s before the first m-line: %s", a.Key, err)
		}
	}
	return nil
}

// readGroup takes the first BUNDLE group; m-lines of a second one would need a second transport.
func (o *offerSDP) readGroup(value string) error {
	fields := strings.Fields(value)
	if o.hasBundle || len(fields) == 0 || fields[0] != "BUNDLE" {
		return nil
	}
	o.hasBundle, o.bundle = true, fields[1:]
	if len(o.bundle) > MaxOfferLines {
		return refuse("its BUNDLE group names %d m-lines and at most %d are accepted", len(o.bundle), MaxOfferLines)
	}
	return nil
}

func readLine(index int, md *sdp.MediaDescription) (*offerLine, error) {
	l := &offerLine{
		index: index, media: md.MediaName.Media, port: md.MediaName.Port.Value,
		proto: strings.Join(md.MediaName.Protos, "/"), formats: md.MediaName.Formats,
	}
	if len(l.formats) == 0 {
		return nil, refuse("%s lists no format; it needs at least one payload type", l.name())
	}
	if len(l.formats) > 256 {
		return nil, refuse("%s lists %d formats; there are only 128 payload types", l.name(), len(l.formats))
	}
	if l.isRTP() {
		if err := l.readPayloadTypes(); err != nil {
			return nil, refuse("%s: %s", l.name(), err)
		}
	}
	for _, a := range md.Attributes {
		if err := l.read(a.Key, a.Value); err != nil {
			return nil, refuse("%s: a=%.20s: %s", l.name(), a.Key, err)
		}
	}
	return l, nil
}

// read takes in one attribute. Unknown ones are ignored (RFC 8866 §5.13).
func (l *offerLine) read(key, value string) error {
	switch key {
	case "sendrecv", "sendonly", "recvonly", "inactive":
		l.direction = key
		return nil
	case "bundle-only":
		l.bundleOnly = true
		return nil
	case "rtcp-mux":
		l.rtcpMux = true
		return nil
	case "rtcp-rsize":
		l.rtcpRsize = true
		return nil
	case "extmap-allow-mixed":
		l.mixed = true
		return nil
	}
	reader, ok := attributeReaders[key]
	if !ok {
		return nil
	}
	if len(value) > maxValue {
		return fmt.Errorf("its value has %d bytes and at most %d are accepted", len(value), maxValue)
	}
	return reader(l, strings.TrimSpace(value))
}

var attributeReaders = map[string]func(*offerLine, string) error{
	"mid":              (*offerLine).readMID,
	"ice-ufrag":        (*offerLine).readUfrag,
	"ice-pwd":          (*offerLine).readPwd,
	"ice-lite":         (*offerLine).readICELite,
	"ice-options":      (*offerLine).readICEOptions,
	"candidate":        (*offerLine).readCandidate,
	"fingerprint":      (*offerLine).readFingerprint,
	"setup":            (*offerLine).readSetup,
	"rtpmap":           (*offerLine).readRTPMap,
	"fmtp":             (*offerLine).readFMTP,
	"rtcp-fb":          (*offerLine).readFeedback,
	"extmap":           (*offerLine).readExtension,
	"ssrc":             (*offerLine).readSSRC,
	"ssrc-group":       (*offerLine).readSSRCGroup,
	"msid":             (*offerLine).readMSID,
	"rid":              (*offerLine).readRID,
	"simulcast":        (*offerLine).readSimulcast,
	"sctp-port":        (*offerLine).readSCTPPort,
	"sctpmap":          (*offerLine).readSCTPMap,
	"max-message-size": (*offerLine).readMaxMessageSize,
}

func (l *offerLine) readMID(v string) error {
	if v == "" || len(v) > maxMID || !isToken(v) {
		return fmt.Errorf("%.40q is no token of 1 to %d bytes (RFC 5888 §4)", v, maxMID)
	}
	if l.midGiven && l.mid != v {
		return fmt.Errorf("it stands twice, as %q and %q", l.mid, v)
	}
	l.mid, l.midGiven = v, true
	return nil
}

// nameLines gives each m-line without a MID its index as one, and checks that MIDs are unique.
func (o *offerSDP) nameLines() error {
	seen := make(map[string]int, len(o.lines))
	for i := range o.lines {
		l := &o.lines[i]
		if !l.midGiven {
			continue
		}
		if first, dup := seen[l.mid]; dup {
			return refuse("m-lines %d and %d have the same mid %q; each needs its own (RFC 5888 §4)", first, i, l.mid)
		}
		seen[l.mid] = i
	}
	for i := range o.lines {
		l := &o.lines[i]
		if l.midGiven {
			continue
		}
		for n := i; ; n += len(o.lines) {
			l.mid = strconv.Itoa(n)
			if _, taken := seen[l.mid]; !taken {
				break
			}
		}
		seen[l.mid] = i
	}
	for _, mid := range o.bundle {
		if _, ok := seen[mid]; !ok {
			return refuse("a=group:BUNDLE names mid %.40q, which no m-line has", mid)
		}
	}
	return nil
}

func (o *offerSDP) byMID(mid string) *offerLine {
	i := slices.IndexFunc(o.lines, func(l offerLine) bool { return l.mid == mid })
	if i < 0 {
		return nil
	}
	return &o.lines[i]
}

// isToken follows the grammar of RFC 8866 §9 (token-char).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

package bench

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// The payload types and extension ids of our offers.
const (
	ptVP8, ptH264, ptOpus = 96, 97, 111
	extMID, extTWCC       = 1, 2
	extRID                = 3
	twccURI               = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
	midURI                = "urn:ietf:params:rtp-hdrext:sdes:mid"
	ridURI                = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
)

var errAnswer = errors.New("bench: the server's answer")

// line is one m-line of an offer.
type line struct {
	kind string // "audio", "video"
	send bool   // else receive
	ssrc uint32 // where send is set

	layers int // simulcast when more than 1 (RFC 8853)
}

// offer writes an SDP offer as a browser would: BUNDLE, rtcp-mux, no trickling.
func offer(a *ice, fingerprint string, lines []line) string {
	var b strings.Builder
	var mids []string
	for i := range lines {
		mids = append(mids, strconv.Itoa(i))
	}
	fmt.Fprintf(&b, "v=0\r\no=- %d 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE %s\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS *\r\n",
		a.tieBreaker>>2, strings.Join(mids, " "))
	for i, l := range lines {
		l.write(&b, a, fingerprint, i)
	}
	return b.String()
}

func (l line) write(b *strings.Builder, a *ice, fingerprint string, mid int) {
	pts := "96 97"
	switch {
	case l.kind == "audio":
		pts = "111"
	case !l.send:
		pts += " 98 99" // RTX, as browsers offer it: a server may keep copies for who cannot do without
	}
	fmt.Fprintf(b, "m=%s 9 UDP/TLS/RTP/SAVPF %s\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n", l.kind, pts)
	fmt.Fprintf(b, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\na=setup:actpass\r\na=mid:%d\r\n", a.localUfrag, a.localPwd, fingerprint, mid)
	fmt.Fprintf(b, "a=extmap:%d %s\r\na=extmap:%d %s\r\n", extMID, midURI, extTWCC, twccURI)
	direction := "recvonly"
	if l.send {
		direction = "sendonly"
	}
	fmt.Fprintf(b, "a=%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n", direction)
	if l.kind == "audio" {
		b.WriteString("a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=fmtp:111 minptime=10;useinbandfec=1\r\n")
	} else {
		b.WriteString("a=rtpmap:96 VP8/90000\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n")
		for _, pt := range []int{ptVP8, ptH264} {
			fmt.Fprintf(b, "a=rtcp-fb:%d transport-cc\r\na=rtcp-fb:%d ccm fir\r\na=rtcp-fb:%d nack\r\na=rtcp-fb:%d nack pli\r\n", pt, pt, pt, pt)
			if !l.send {
				fmt.Fprintf(b, "a=rtpmap:%d rtx/90000\r\na=fmtp:%d apt=%d\r\n", pt+2, pt+2, pt)
			}
		}
	}
	switch {
	case !l.send:
	case l.layers > 1: // which stream is which layer is said in the packets (RFC 8852)
		names := layerNames[:l.layers]
		fmt.Fprintf(b, "a=msid:bench bench-%s\r\na=extmap:%d %s\r\n", l.kind, extRID, ridURI)
		for _, rid := range names {
			fmt.Fprintf(b, "a=rid:%s send\r\n", rid)
		}
		fmt.Fprintf(b, "a=simulcast:send %s\r\n", strings.Join(names, ";"))
	default:
		fmt.Fprintf(b, "a=msid:bench bench-%s\r\na=ssrc:%d cname:bench\r\na=ssrc:%d msid:bench bench-%s\r\n", l.kind, l.ssrc, l.ssrc, l.kind)
	}
}

// answer is what matters of the server's answer.
type answer struct {
	ufrag, pwd  string
	passive     bool // the server waits for our ClientHello
	candidates  []netip.AddrPort
	twcc        map[uint8]bool   // ids that mean transport-wide sequence numbers
	payloadType map[string]uint8 // by upper-case codec, of the first m-line that has it
	repairs     map[uint8]uint8  // payload types of RTX, and of what they repair (RFC 4588 §8.6)
}

// parseAnswer reads an SDP answer; ICE and DTLS lines may stand at the session or in the first
// m-line.
func parseAnswer(sdp string) (*answer, error) {
	a := &answer{twcc: map[uint8]bool{}, payloadType: map[string]uint8{}, repairs: map[uint8]uint8{}}
	scan := bufio.NewScanner(strings.NewReader(sdp))
	scan.Buffer(nil, 1<<20)
	for scan.Scan() {
		key, value, _ := strings.Cut(strings.TrimSpace(scan.Text()), ":")
		switch key {
		case "a=ice-ufrag":
			a.ufrag = first(a.ufrag, value)
		case "a=ice-pwd":
			a.pwd = first(a.pwd, value)
		case "a=setup":
			a.passive = value != "active"
		case "a=candidate":
			a.candidate(value)
		case "a=extmap":
			a.extension(value)
		case "a=rtpmap":
			a.codec(value)
		case "a=fmtp":
			a.format(value)
		}
	}
	switch {
	case scan.Err() != nil:
		return nil, fmt.Errorf("%w: %w", errAnswer, scan.Err())
	case a.ufrag == "" || a.pwd == "":
		return nil, fmt.Errorf("%w has no ICE credentials", errAnswer)
	case len(a.candidates) == 0:
		return nil, fmt.Errorf("%w has no UDP candidate", errAnswer)
	}
	return a, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (a *answer) candidate(v string) {
	f := strings.Fields(v) // foundation component transport priority address port typ host
	if len(f) < 8 || f[1] != "1" || !strings.EqualFold(f[2], "udp") {
		return
	}
	ip, err := netip.ParseAddr(f[4])
	port, err2 := strconv.ParseUint(f[5], 10, 16)
	if err != nil || err2 != nil || len(a.candidates) >= 16 {
		return
	}
	to := netip.AddrPortFrom(ip.Unmap(), uint16(port))
	for _, c := range a.candidates {
		if c == to {
			return
		}
	}
	a.candidates = append(a.candidates, to)
}

func (a *answer) extension(v string) {
	id, uri, _ := strings.Cut(v, " ")
	id, _, _ = strings.Cut(id, "/")
	if n, err := strconv.ParseUint(id, 10, 8); err == nil && strings.TrimSpace(uri) == twccURI {
		a.twcc[uint8(n)] = true
	}
}

func (a *answer) codec(v string) {
	pt, name, _ := strings.Cut(v, " ")
	name, _, _ = strings.Cut(strings.ToUpper(name), "/")
	if n, err := strconv.ParseUint(pt, 10, 7); err == nil {
		if _, ok := a.payloadType[name]; !ok {
			a.payloadType[name] = uint8(n)
		}
	}
}

func (a *answer) format(v string) {
	pt, parameters, _ := strings.Cut(v, " ")
	apt, ok := strings.CutPrefix(strings.TrimSpace(parameters), "apt=")
	of, _, _ := strings.Cut(apt, ";")
	rtx, err := strconv.ParseUint(pt, 10, 7)
	base, err2 := strconv.ParseUint(of, 10, 7)
	if ok && err == nil && err2 == nil {
		a.repairs[uint8(rtx)] = uint8(base)
	}
}

package doctor

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// candidate is one of the server's addresses (RFC 8839 §5.1), as far as a check needs it.
type candidate struct {
	addr netip.AddrPort
	tcp  bool
}

// of tells whether the way leads to the candidate.
func (c candidate) of(w way) bool { return c.tcp == w.tcp && c.addr.Addr().Is6() == w.six }

// readAnswer takes what the checks need out of an SDP description: it is lenient, since a server that
// says less is a finding and no error.
func readAnswer(sdp string) *offered {
	o := &offered{}
	for line := range strings.Lines(sdp) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch key {
		case "a=ice-ufrag":
			o.ufrag = value
		case "a=ice-pwd":
			o.pwd = value
		case "a=candidate":
			if c, ok := readCandidate(value); ok && !slices.Contains(o.candidates, c) {
				o.candidates = append(o.candidates, c)
			}
		case "a=rtpmap":
			_, codec, _ := strings.Cut(value, " ")
			codec, _, _ = strings.Cut(codec, "/")
			if codec != "" && !slices.Contains(o.codecs, codec) {
				o.codecs = append(o.codecs, codec)
			}
		}
	}
	return o
}

// readCandidate reads "foundation component transport priority address port typ ...".
func readCandidate(value string) (candidate, bool) {
	words := strings.Fields(value)
	if len(words) < 8 || words[6] != "typ" {
		return candidate{}, false
	}
	addr, err := netip.ParseAddr(words[4])
	port, err2 := strconv.ParseUint(words[5], 10, 16)
	tcp := strings.EqualFold(words[2], "tcp")
	if err != nil || err2 != nil || port == 0 || !tcp && !strings.EqualFold(words[2], "udp") {
		return candidate{}, false
	}
	return candidate{netip.AddrPortFrom(addr.Unmap(), uint16(port)), tcp}, true
}

// keepCandidates leaves only the way's candidates in an answer.
func keepCandidates(sdp string, w way) string {
	var b strings.Builder
	for line := range strings.Lines(sdp) {
		if value, ok := strings.CutPrefix(line, "a=candidate:"); ok {
			if c, ok := readCandidate(value); !ok || !c.of(w) {
				continue
			}
		}
		b.WriteString(line)
	}
	return b.String()
}

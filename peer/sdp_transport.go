package peer

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// offerICE is what an offer says about the transport: ICE (RFC 8839), DTLS (RFC 8842).
type offerICE struct {
	ufrag, pwd   string
	lite         bool
	trickle      bool
	setup        string
	fingerprints []Fingerprint
	candidates   []netip.AddrPort // UDP, literal addresses only
}

func (l *offerLine) readUfrag(v string) error {
	l.ice.ufrag = v
	return checkICEString(v, 4)
}

func (l *offerLine) readPwd(v string) error {
	l.ice.pwd = v
	return checkICEString(v, 22)
}

// checkICEString allows more characters than RFC 8839 §5.4 (base64 is seen), but no colon, which
// ends the first half of a STUN username.
func checkICEString(v string, shortest int) error {
	if len(v) < shortest || len(v) > 256 {
		return fmt.Errorf("it has %d characters and needs %d to 256 (RFC 8839 §5.4)", len(v), shortest)
	}
	for i := 0; i < len(v); i++ {
		if v[i] <= ' ' || v[i] >= 0x7f || v[i] == ':' {
			return fmt.Errorf("character %q is not allowed (RFC 8839 §5.4)", v[i])
		}
	}
	return nil
}

func (l *offerLine) readICELite(string) error {
	l.ice.lite = true
	return nil
}

func (l *offerLine) readICEOptions(v string) error {
	for _, o := range strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' }) { // libdatachannel has commas
		l.ice.trickle = l.ice.trickle || o == "trickle"
	}
	return nil
}

func (l *offerLine) readSetup(v string) error {
	switch v {
	case "actpass", "active", "passive":
		l.ice.setup = v
		return nil
	}
	return fmt.Errorf("%.20q must be actpass, active or passive (RFC 8842 §5.2)", v)
}

// hashLengths are the certificate hashes that we check, in bytes. SHA-1 and MD5 are refused
// (RFC 8122 §5).
var hashLengths = map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}

// readFingerprint keeps the hashes that we can check; a line with another hash is no error as long
// as one of ours is there too (RFC 8122 §5).
func (l *offerLine) readFingerprint(v string) error {
	hash, value, _ := strings.Cut(v, " ")
	hash, value = strings.ToLower(hash), strings.ToUpper(strings.TrimSpace(value))
	n, known := hashLengths[hash]
	if !known {
		l.ice.fingerprints = append(l.ice.fingerprints, Fingerprint{Hash: hash})
		return nil
	}
	if len(value) != 3*n-1 {
		return fmt.Errorf("a %s needs %d hex pairs with colons between them", hash, n)
	}
	for i := 0; i < len(value); i++ {
		c := value[i]
		hex := c >= '0' && c <= '9' || c >= 'A' && c <= 'F'
		if colon := i%3 == 2; colon && c != ':' || !colon && !hex {
			return fmt.Errorf("a %s needs %d hex pairs with colons between them", hash, n)
		}
	}
	l.ice.fingerprints = append(l.ice.fingerprints, Fingerprint{Hash: hash, Value: value})
	return nil
}

// readCandidate keeps UDP candidates with literal addresses (RFC 8839 §5.1). Others are passed over:
// our agent needs none, and names (mDNS) would have to be looked up.
func (l *offerLine) readCandidate(v string) error {
	f := strings.Fields(v)
	if len(f) < 8 {
		return errors.New("it has fewer than 8 fields (RFC 8839 §5.1)")
	}
	port, err := strconv.ParseUint(f[5], 10, 16)
	if err != nil {
		return fmt.Errorf("port %.20q is not in 0 to 65535", f[5])
	}
	addr, err := netip.ParseAddr(f[4])
	if err != nil || f[1] != "1" || !strings.EqualFold(f[2], "udp") || port == 0 {
		return nil
	}
	l.ice.candidates = append(l.ice.candidates, netip.AddrPortFrom(addr.Unmap(), uint16(port)))
	return nil
}

// inherit fills what d does not say from s (RFC 8839 §5.4: media level first, then session level).
func (d *offerICE) inherit(s *offerICE) {
	if d.ufrag == "" && d.pwd == "" {
		d.ufrag, d.pwd = s.ufrag, s.pwd
	}
	if d.setup == "" {
		d.setup = s.setup
	}
	if len(d.fingerprints) == 0 {
		d.fingerprints = s.fingerprints
	}
	d.lite = d.lite || s.lite
	d.trickle = d.trickle || s.trickle
	d.candidates = append(d.candidates[:len(d.candidates):len(d.candidates)], s.candidates...)
}

// transport returns what the offer says about the one transport, which belongs to the tagged
// m-line (RFC 9143 §7.1). Some clients put it elsewhere in the bundle, so what is missing there is
// taken from the other members.
func (o *offerSDP) transport(members []*offerLine) offerICE {
	var t offerICE
	for i, l := range members {
		if i == 0 {
			t = l.ice
			continue
		}
		more := l.ice
		more.candidates = nil
		if len(t.candidates) == 0 {
			more.candidates = l.ice.candidates
		}
		t.inherit(&more)
	}
	t.inherit(&o.session.ice)
	return t
}

// check says what a transport lacks.
func (d *offerICE) check() error {
	if d.ufrag == "" || d.pwd == "" {
		return refuse("it has no a=ice-ufrag or no a=ice-pwd; only WebRTC offers (ICE and DTLS-SRTP) are accepted")
	}
	if len(d.fingerprints) == 0 {
		return refuse("it has no a=fingerprint; only DTLS-SRTP is accepted (RFC 5763), not SDES or plain RTP")
	}
	return nil
}

// fingerprint returns the one that the DTLS handshake is checked against.
func (d *offerICE) fingerprint() (Fingerprint, error) {
	for _, want := range []string{"sha-256", "sha-384", "sha-512"} {
		for _, f := range d.fingerprints {
			if f.Hash == want {
				return f, nil
			}
		}
	}
	return Fingerprint{}, refuse("its a=fingerprint uses %.20q; sha-256, sha-384 or sha-512 is needed", d.fingerprints[0].Hash)
}

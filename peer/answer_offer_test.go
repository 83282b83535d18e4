package peer

import (
	"slices"
	"strings"
	"testing"

	"switchyard/media"
)

// TestAgreedWithRealOffers reads off sessions what captured offers stand for.
func TestAgreedWithRealOffers(t *testing.T) {
	t.Run("chromium simulcast", func(t *testing.T) {
		s, _ := mustAnswer(t, readOffer(t, "chromium-simulcast"), testLocal(), nil)
		m := s.Media[1]
		if !slices.Equal(m.RIDs, []string{"q", "h", "f"}) || !m.Recv || m.Send || m.StreamID == "" || m.TrackID == "" {
			t.Errorf("%+v", m)
		}
		if m.Ext.MID != 4 || m.Ext.RID != 10 || m.Ext.RepairedRID != 11 || m.Ext.TWCC != 3 || m.Ext.AbsSendTime != 0 || m.Ext.Orientation != 13 {
			t.Errorf("%+v", m.Ext)
		}
		vp8 := media.Format{Codec: media.VP8, ClockRate: 90000}
		c, ok := m.Codec(vp8)
		if !ok || c.PT != 96 || c.RTX != 97 || !c.NACK || !c.PLI || !c.FIR || !c.TWCC || !c.REMB {
			t.Errorf("%+v", c)
		}
		opus, ok := s.Media[0].Codec(media.Format{Codec: media.Opus, ClockRate: 48000, Channels: 2})
		if !ok || opus.PT != 111 || opus.RED != 63 || opus.RTX != 0 || !opus.TWCC || opus.NACK {
			t.Errorf("%+v", opus)
		}
	})
	t.Run("firefox simulcast", func(t *testing.T) {
		s, answer := mustAnswer(t, readOffer(t, "firefox-simulcast"), testLocal(), nil)
		m := s.Media[1]
		if len(m.RIDs) != 3 || len(m.SSRCs) != 3 || m.SSRCs[0].RTX == 0 {
			t.Errorf("%+v", m)
		}
		if !hasLine(answer, "a=simulcast:recv q;h;f") || !hasLine(answer, "a=rid:h recv") {
			t.Error(answer)
		}
		// Firefox receives playout-delay only: on a line where it sends it is of no use.
		if m.Ext.PlayoutDelay != 0 || m.Ext.DependencyDescriptor != 8 {
			t.Errorf("%+v", m.Ext)
		}
		if !hasLine(answer, "a=extmap:8/recvonly https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension") {
			t.Error(answer)
		}
	})
	t.Run("gstreamer names streams by ssrc", func(t *testing.T) {
		s, _ := mustAnswer(t, readOffer(t, "gst-publish"), testLocal(), nil)
		if m := s.Media[0]; !strings.HasPrefix(m.StreamID, "user") || m.TrackID != "webrtctransceiver0" || len(m.SSRCs) != 1 {
			t.Errorf("%+v", m)
		}
	})
	t.Run("gstreamer without bundle", func(t *testing.T) {
		s, answer := mustAnswer(t, readOffer(t, "gst-unbundled"), testLocal(), nil)
		if s.Media[0].Rejected || !s.Media[1].Rejected || strings.Contains(answer, "BUNDLE") || !strings.Contains(answer, "m=video 0 ") {
			t.Error(answer)
		}
	})
	t.Run("aiortc data in the old form", func(t *testing.T) {
		s, answer := mustAnswer(t, readOffer(t, "aiortc-data"), testLocal(), nil)
		if s.Data == nil || s.Data.Port != 5000 || s.Data.MaxMessageSize != 65536 || !strings.Contains(answer, "a=sctpmap:5000 ") {
			t.Errorf("%+v\n%s", s.Data, answer)
		}
	})
	t.Run("ffmpeg is passive", func(t *testing.T) {
		s, answer := mustAnswer(t, readOffer(t, "like-ffmpeg"), testLocal(), nil)
		c := s.Media[1].Codecs[0]
		if !s.DTLSClient || c.Format.Profile != "42e0/1" || c.NACK || c.RTX != 0 || !hasLine(answer, "a=setup:active") {
			t.Errorf("%+v\n%s", c, answer)
		}
	})
	t.Run("OBS", func(t *testing.T) {
		s, answer := mustAnswer(t, readOffer(t, "like-obs"), testLocal(), nil)
		if s.Media[1].StreamID != "p2LzHvVnqAa" || s.Media[0].SSRCs[0].SSRC != 2178216231 || !hasLine(answer, "a=ice-options:trickle") {
			t.Errorf("%+v\n%s", s.Media, answer)
		}
		if !hasLine(answer, "a=fmtp:111 minptime=10;maxaveragebitrate=96000;stereo=1;useinbandfec=1") {
			t.Error(answer)
		}
	})
	t.Run("firefox data", func(t *testing.T) {
		s, answer := mustAnswer(t, readOffer(t, "firefox-data"), testLocal(), nil)
		if s.Data.MaxMessageSize != 1073741823 || !hasLine(answer, "a=sctp-port:5000") || !hasLine(answer, "a=max-message-size:262144") {
			t.Errorf("%+v\n%s", s.Data, answer)
		}
	})
}

// TestCandidates: UDP before TCP, priorities falling, on the first m-line of the bundle only.
func TestCandidates(t *testing.T) {
	_, answer := mustAnswer(t, readOffer(t, "chromium-maxbundle"), testLocal(), nil)
	first, second, _ := strings.Cut(answer, "m=video")
	want := []string{
		"a=candidate:1 1 udp 2130706431 192.0.2.1 8443 typ host",
		"a=candidate:2 1 udp 2130706175 2001:db8::1 8443 typ host",
		"a=candidate:3 1 tcp 1520435199 192.0.2.1 8443 typ host tcptype passive",
		"a=end-of-candidates",
	}
	if !strings.Contains(first, strings.Join(want, "\r\n")) || strings.Contains(second, "candidate") {
		t.Error(answer)
	}
}

func TestRemoteCandidates(t *testing.T) {
	s, _ := mustAnswer(t, readOffer(t, "chromium-whip"), testLocal(), nil)
	if len(s.RemoteCandidates) == 0 {
		t.Fatal("none")
	}
	for _, c := range s.RemoteCandidates {
		if c.Port() == 9 || !c.IsValid() {
			t.Errorf("%v is no UDP candidate", c)
		}
	}
}

// TestRoles covers a=setup, said on the m-line, on the session or not at all (RFC 8842 §5.3).
func TestRoles(t *testing.T) {
	offer := readOffer(t, "firefox-whip")
	for setup, want := range map[string]struct {
		client bool
		answer string
	}{"actpass": {false, "passive"}, "active": {false, "passive"}, "passive": {true, "active"}, "": {false, "passive"}} {
		onLine := strings.ReplaceAll(offer, "a=setup:actpass", "a=setup:"+setup)
		onSession := strings.Replace(strings.ReplaceAll(offer, "a=setup:actpass\r\n", ""), "t=0 0\r\n", "t=0 0\r\na=setup:"+setup+"\r\n", 1)
		if setup == "" {
			onLine = strings.ReplaceAll(offer, "a=setup:actpass\r\n", "")
			onSession = onLine
		}
		for _, o := range []string{onLine, onSession} {
			s, answer := mustAnswer(t, o, testLocal(), nil)
			if s.DTLSClient != want.client || strings.Count(answer, "a=setup:"+want.answer+"\r\n") != 2 {
				t.Errorf("%q: client %v\n%s", setup, s.DTLSClient, answer)
			}
		}
	}
}

// TestSessionLevelTransport moves ICE and DTLS attributes before the first m-line.
func TestSessionLevelTransport(t *testing.T) {
	var moved, rest []string
	for _, line := range lines(readOffer(t, "chromium-maxbundle")) {
		key, _, _ := strings.Cut(strings.TrimPrefix(line, "a="), ":")
		switch key {
		case "ice-ufrag", "ice-pwd", "fingerprint", "setup", "ice-options":
			if !slices.Contains(moved, line) {
				moved = append(moved, line)
			}
		default:
			rest = append(rest, line)
		}
	}
	at := slices.Index(rest, "t=0 0") + 1
	moved = append(moved, "a=ice-lite")
	offer := strings.Join(slices.Insert(rest, at, moved...), "\n") // LF only, no last newline
	want, _ := mustAnswer(t, readOffer(t, "chromium-maxbundle"), testLocal(), nil)
	got, answer := mustAnswer(t, offer, testLocal(), nil)
	if got.RemoteUfrag != want.RemoteUfrag || got.RemotePwd != want.RemotePwd || got.RemoteFingerprint != want.RemoteFingerprint || !got.RemoteICELite {
		t.Errorf("%+v", got)
	}
	if !hasLine(answer, "a=ice-options:trickle") {
		t.Error(answer)
	}
}

// TestWithoutMID: m-lines without a name are known by their index, and the answer does not name them.
func TestWithoutMID(t *testing.T) {
	var kept []string
	for _, l := range lines(readOffer(t, "gst-h264")) {
		if !strings.HasPrefix(l, "a=mid:") && !strings.HasPrefix(l, "a=group:") {
			kept = append(kept, l)
		}
	}
	s, answer := mustAnswer(t, strings.Join(kept, "\r\n"), testLocal(), nil)
	if s.Media[0].MID != "0" || s.Media[0].Rejected || strings.Contains(answer, "a=mid") || strings.Contains(answer, "BUNDLE") {
		t.Errorf("%+v\n%s", s.Media[0], answer)
	}
}

func TestPreferences(t *testing.T) {
	local := testLocal()
	local.RecvCodecs = []media.Codec{media.H264, media.VP8, media.Opus}
	local.SendCodecs = []media.Codec{media.VP9}
	s, _ := mustAnswer(t, readOffer(t, "chromium-whip"), local, nil)
	var got []media.Codec
	for _, c := range s.Media[1].Codecs {
		got = append(got, c.Format.Codec)
	}
	want := []media.Codec{media.H264, media.H264, media.H264, media.H264, media.H264, media.H264, media.VP8}
	if !slices.Equal(got, want) {
		t.Errorf("received: %v", got)
	}
	if first := s.Media[1].Codecs[0]; first.Format.Profile != "4200/1" {
		t.Errorf("the offer's order within a codec is lost: %+v", first)
	}
	s, answer := mustAnswer(t, readOffer(t, "chromium-whep"), local, nil)
	if !s.Media[0].Rejected || s.Media[1].Rejected || s.Media[1].Codecs[0].Format.Codec != media.VP9 {
		t.Error(answer)
	}
	// The candidates move to the first m-line that is left.
	if !hasLine(answer, "a=group:BUNDLE 1") || strings.Contains(answer[:strings.Index(answer, "m=video")], "a=candidate") || !strings.Contains(answer, "a=candidate") {
		t.Error(answer)
	}
}

func TestDirections(t *testing.T) {
	for _, c := range []struct {
		offered        string
		noRecv, noSend bool
		answered       string
		recv, send     bool
	}{
		{"sendrecv", false, false, "sendrecv", true, true},
		{"sendonly", false, false, "recvonly", true, false},
		{"recvonly", false, false, "sendonly", false, true},
		{"inactive", false, false, "inactive", false, false},
		{"", false, false, "sendrecv", true, true},
		{"sendrecv", false, true, "recvonly", true, false},
		{"sendrecv", true, false, "sendonly", false, true},
		{"sendonly", true, false, "inactive", false, false},
	} {
		replacement := "a=" + c.offered + "\r\n"
		if c.offered == "" {
			replacement = ""
		}
		offer := strings.ReplaceAll(readOffer(t, "chromium-maxbundle"), "a=sendrecv\r\n", replacement)
		local := testLocal()
		local.NoRecv, local.NoSend = c.noRecv, c.noSend
		s, answer := mustAnswer(t, offer, local, nil)
		for i, m := range s.Media {
			if m.Recv != c.recv || m.Send != c.send || m.Rejected {
				t.Errorf("%+v: m-line %d: recv %v, send %v", c, i, m.Recv, m.Send)
			}
			if c.send != (m.SlotSSRC != 0) || c.send != (m.SlotStreamID != "") {
				t.Errorf("%+v: m-line %d: slot %d in %q", c, i, m.SlotSSRC, m.SlotStreamID)
			}
		}
		if strings.Count(answer, "a="+c.answered+"\r\n") != 2 {
			t.Errorf("%+v:\n%s", c, answer)
		}
	}
}

// TestH264Profiles is table 5 of RFC 6184 §8.1 with the spellings that are seen.
func TestH264Profiles(t *testing.T) {
	for level, want := range map[string]string{
		"42e01f": "42e0", "42E034": "42e0", "42c00d": "42e0", "426016": "42e0", "4d8028": "42e0", "58c00a": "42e0",
		"42001f": "4200", "42800d": "4200", "58800a": "4200",
		"4d001f": "4d00", "4d4028": "4d00",
		"64001f": "6400", "640c1f": "640c", "f4001f": "f400",
		"6e0028": "6e00", // high 10: nothing that we know, but equal to itself
		"":       "42e0",
		"zz":     "zz",
	} {
		if got := h264Profile(level); got != want {
			t.Errorf("%q: %q, want %q", level, got, want)
		}
	}
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		name     string
		clock    uint32
		channels uint8
		fmtp     string
		want     string // profile, "no" when not ours
	}{
		{"H264", 90000, 1, "profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1", "42e0/1"},
		{"h264", 90000, 1, " Packetization-Mode=0 ; profile-level-id=42E01F", "42e0/0"},
		{"H264", 90000, 1, "", "42e0/0"},
		{"H264", 90000, 1, "packetization-mode=2", "no"},
		{"H264", 48000, 1, "", "no"},
		{"VP9", 90000, 1, "profile-id=2", "2"},
		{"VP9", 90000, 1, "", "0"},
		{"AV1", 90000, 1, "level-idx=5;profile=1;tier=0", "1"},
		{"AV1", 90000, 1, "level-idx=5", "0"},
		{"VP8", 90000, 1, "max-fs=12288;max-fr=60", ""},
		{"opus", 48000, 2, "minptime=10", ""},
		{"opus", 48000, 1, "", "no"},
		{"multiopus", 48000, 6, "", "no"},
		{"PCMU", 8000, 1, "", ""},
		{"PCMU", 16000, 1, "", "no"},
		{"telephone-event", 8000, 1, "0-15", "no"},
		{"rtx", 90000, 1, "apt=96", "no"},
	} {
		p := offerPayload{name: c.name, clock: c.clock, channels: c.channels, fmtp: c.fmtp}
		f, ok := p.format()
		if ok != (c.want != "no") || ok && f.Profile != c.want {
			t.Errorf("%+v: %+v, %v", c, f, ok)
		}
	}
}

// TestRED: attached to Opus only when it wraps nothing else, and kept before it where it was.
func TestRED(t *testing.T) {
	offer := readOffer(t, "chromium-whip")
	s, answer := mustAnswer(t, offer, testLocal(), nil)
	if s.Media[0].Codecs[0].RED != 63 || !strings.Contains(answer, "m=audio 8443 UDP/TLS/RTP/SAVPF 111 63 9 0 8\r\n") || !hasLine(answer, "a=fmtp:63 111/111") {
		t.Error(answer)
	}
	s, answer = mustAnswer(t, strings.Replace(offer, "SAVPF 111 63 ", "SAVPF 63 111 ", 1), testLocal(), nil)
	if s.Media[0].Codecs[0].PT != 111 || !strings.Contains(answer, "m=audio 8443 UDP/TLS/RTP/SAVPF 63 111 9 0 8\r\n") {
		t.Error(answer)
	}
	s, answer = mustAnswer(t, strings.Replace(offer, "a=fmtp:63 111/111", "a=fmtp:63 111/9", 1), testLocal(), nil)
	if s.Media[0].Codecs[0].RED != 0 || strings.Contains(answer, " 63 ") {
		t.Error(answer)
	}
}

// TestPayloadTypesThatLookLikeRTCP are declined (RFC 5761 §4).
func TestPayloadTypesThatLookLikeRTCP(t *testing.T) {
	offer := strings.NewReplacer("SAVPF 97", "SAVPF 72 97", "a=rtpmap:97 OPUS", "a=rtpmap:72 PCMU/8000\r\na=rtpmap:97 OPUS").Replace(readOffer(t, "gst-publish"))
	s, _ := mustAnswer(t, offer, testLocal(), nil)
	if c := s.Media[0].Codecs; len(c) != 1 || c[0].PT != 97 {
		t.Errorf("%+v", c)
	}
}

// TestSprop: an encoder's parameter sets are its own and do not come back.
func TestSprop(t *testing.T) {
	_, answer := mustAnswer(t, readOffer(t, "gst-h264"), testLocal(), nil)
	if strings.Contains(answer, "sprop") || !strings.Contains(answer, "profile-level-id=") || !strings.Contains(answer, "packetization-mode=1") {
		t.Error(answer)
	}
}

// TestRIDRestrictions keeps restrictions, and of payload types those that were agreed (RFC 8851 §6.3).
func TestRIDRestrictions(t *testing.T) {
	offer := strings.NewReplacer(
		"a=rid:q send", "a=rid:q send pt=96,118;max-width=320",
		"a=rid:h send", "a=rid:h send pt=118", // ULPFEC's, which is declined
		"a=simulcast:send q;h;f", "a=simulcast:send q;h;~f,q",
	).Replace(readOffer(t, "chromium-simulcast"))
	s, answer := mustAnswer(t, offer, testLocal(), nil)
	if !slices.Equal(s.Media[1].RIDs, []string{"q", "f"}) || !hasLine(answer, "a=rid:q recv pt=96;max-width=320") || !hasLine(answer, "a=simulcast:recv q;f") {
		t.Errorf("%v\n%s", s.Media[1].RIDs, answer)
	}
}

// TestNoSimulcastWithoutExtensions: layers cannot be told apart without the RID extension.
func TestNoSimulcastWithoutExtensions(t *testing.T) {
	offer := strings.ReplaceAll(readOffer(t, "chromium-simulcast"), "sdes:rtp-stream-id", "x")
	s, answer := mustAnswer(t, offer, testLocal(), nil)
	if len(s.Media[1].RIDs) != 0 || strings.Contains(answer, "simulcast") {
		t.Error(answer)
	}
}

package peer

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"switchyard/media"
)

// renegotiation are six offers of one Chromium connection (testdata/README.md).
func renegotiation(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, n := range []string{"0", "1", "2", "3", "4", "5"} {
		b, err := os.ReadFile("testdata/renegotiation/" + n + ".sdp")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(b))
	}
	return out
}

func TestRenegotiationOfChromium(t *testing.T) {
	local := testLocal()
	var sessions []*Session
	var answers []string
	var prev *Session
	for i, offer := range renegotiation(t) {
		local.Ufrag = "srv" + string(rune('0'+i))
		s, answer := mustAnswer(t, offer, local, prev)
		sessions, answers, prev = append(sessions, s), append(answers, answer), s
	}
	for i, s := range sessions {
		want := "srv0"
		if i >= 4 {
			want = "srv4" // the ICE restart
		}
		if s.LocalUfrag != want {
			t.Errorf("offer %d: local ufrag %s, want %s", i, s.LocalUfrag, want)
		}
		if s.Data == nil || s.Data.MID != "6" {
			t.Errorf("offer %d: data %+v", i, s.Data)
		}
		if s.RemoteFingerprint != sessions[0].RemoteFingerprint || s.DTLSClient {
			t.Errorf("offer %d: the DTLS association changed", i)
		}
	}
	first := sessions[0]
	for i, s := range sessions[1:5] {
		for _, mid := range []string{"0", "2", "3", "4", "5"} {
			was, is := first.ByMID(mid), s.ByMID(mid)
			if is.SlotSSRC != was.SlotSSRC || is.SlotRTX != was.SlotRTX || is.SlotStreamID != was.SlotStreamID {
				t.Errorf("offer %d: slot %s changed from %+v to %+v", i+1, mid, was, is)
			}
		}
	}
	if s := sessions[2]; !s.ByMID("1").Rejected || s.ByMID("1").SlotSSRC != 0 || !strings.Contains(answers[2], "a=group:BUNDLE 0 2 3 4 5 6 7\r\n") {
		t.Errorf("stopped m-line: %+v", s.ByMID("1"))
	}
	s := sessions[3]
	if s.MIDs[1] != "8" || !s.ByMID("8").Recv || s.ByMID("1") != nil {
		t.Errorf("recycled m-line: %+v", s.Media)
	}
	if m := s.ByMID("0"); m.Send || m.Recv || m.Rejected {
		t.Errorf("inactive m-line: %+v", m)
	}
	if m := sessions[4].ByMID("0"); !m.Send || m.SlotSSRC != first.ByMID("0").SlotSSRC {
		t.Errorf("active again: %+v", m)
	}
	if !hasLine(answers[5], "a=group:BUNDLE 6") {
		t.Error(answers[5])
	}
}

// TestEverythingStopped: the link lives on without any m-line.
func TestEverythingStopped(t *testing.T) {
	offers := renegotiation(t)
	prev, _ := mustAnswer(t, offers[0], testLocal(), nil)
	var stopped []string
	for _, l := range lines(offers[0]) {
		if media, rest, ok := strings.Cut(l, " "); ok && strings.HasPrefix(l, "m=") {
			_, rest, _ = strings.Cut(rest, " ")
			l = media + " 0 " + rest
		}
		if strings.HasPrefix(l, "a=group:") {
			l = "a=group:BUNDLE"
		}
		stopped = append(stopped, l)
	}
	s, answer := mustAnswer(t, strings.Join(stopped, "\r\n")+"\r\n", testLocal(), prev)
	if s.Data != nil || s.RemoteUfrag != prev.RemoteUfrag || s.LocalUfrag != prev.LocalUfrag || strings.Count(answer, " 0 UDP/") != 7 {
		t.Errorf("%+v\n%s", s, answer)
	}
	// And it comes back to life, with new slots.
	again, _ := mustAnswer(t, offers[0], testLocal(), s)
	if again.Data == nil || !again.Media[0].Send || again.Media[0].SlotSSRC == 0 {
		t.Errorf("%+v", again)
	}
}

// slotOffer makes an offer of a viewer with the given m-lines, such as "audio video".
func slotOffer(t testing.TB, kinds string) string {
	t.Helper()
	whole := readOffer(t, "firefox-whep")
	head, rest, _ := strings.Cut(whole, "m=audio")
	audio, video, _ := strings.Cut(rest, "m=video")
	var body strings.Builder
	var mids []string
	for i, kind := range strings.Fields(kinds) {
		mid := string(rune('a' + i))
		mids = append(mids, mid)
		section := "m=audio" + audio
		if kind == "video" {
			section = "m=video" + video
		}
		for l := range strings.SplitSeq(section, "\r\n") {
			switch {
			case strings.HasPrefix(l, "a=mid:"):
				l = "a=mid:" + mid
			case l == "", strings.HasPrefix(l, "a=ssrc"):
				continue
			}
			body.WriteString(l + "\r\n")
		}
	}
	head = strings.Replace(head, "a=group:BUNDLE 0 1", "a=group:BUNDLE "+strings.Join(mids, " "), 1)
	return head + body.String()
}

func streams(s *Session) string {
	var out []string
	for _, m := range s.Media {
		out = append(out, m.SlotStreamID)
	}
	return strings.Join(out, " ")
}

// TestPairs: the n-th audio and the n-th video slot share a stream id, which stays theirs.
func TestPairs(t *testing.T) {
	local := testLocal()
	var prev *Session
	for _, step := range []struct{ kinds, want string }{
		{"audio video audio audio video", "s1 s1 s2 s3 s2"},                            // one unpaired audio slot
		{"audio video audio audio video video", "s1 s1 s2 s3 s2 s3"},                   // now paired
		{"audio video audio audio video video video audio", "s1 s1 s2 s3 s2 s3 s4 s4"}, // a new pair
	} {
		s, _ := mustAnswer(t, slotOffer(t, step.kinds), local, prev)
		if got := streams(s); got != step.want {
			t.Errorf("%s: %s, want %s", step.kinds, got, step.want)
		}
		prev = s
	}
}

// TestIdentitiesAreUnique gives a source that repeats itself and what is taken already.
func TestIdentitiesAreUnique(t *testing.T) {
	taken, _ := mustAnswer(t, readOffer(t, "aiortc-publish"), testLocal(), nil)
	next := []media.SSRC{0, taken.Media[0].SSRCs[0].SSRC, taken.Media[1].SSRCs[0].RTX, 7, 7, 8, 8, 9}
	local := testLocal()
	local.NewSSRC = func() media.SSRC { s := next[0]; next = append(next[1:], s+100); return s }
	ids := []string{"-", "not a token", "", "one", "one", "two"}
	local.NewStreamID = func() string { s := ids[0]; ids = ids[1:]; return s }
	s, _ := mustAnswer(t, readOffer(t, "aiortc-publish"), local, nil)
	got := []media.SSRC{s.Media[0].SlotSSRC, s.Media[1].SlotSSRC, s.Media[1].SlotRTX}
	if !slices.Equal(got, []media.SSRC{7, 8, 9}) || s.Media[0].SlotStreamID != "one" || s.Media[1].SlotStreamID != "one" {
		t.Errorf("%v, %q, %q", got, s.Media[0].SlotStreamID, s.Media[1].SlotStreamID)
	}
	local.NewSSRC = func() media.SSRC { return 0 }
	if _, _, err := Answer(readOffer(t, "aiortc-publish"), local, nil); !errors.Is(err, errNoIdentity) {
		t.Errorf("a broken source: %v", err)
	}
	local.NewSSRC, local.NewStreamID = nil, nil
	a, _ := mustAnswer(t, readOffer(t, "aiortc-publish"), local, nil)
	b, _ := mustAnswer(t, readOffer(t, "aiortc-publish"), local, nil)
	if a.Media[0].SlotSSRC == b.Media[0].SlotSSRC || a.Media[0].SlotStreamID == b.Media[0].SlotStreamID {
		t.Error("default identities are not random")
	}
}

// TestRefusedRenegotiation: what a session in force does not allow.
func TestRefusedRenegotiation(t *testing.T) {
	offers := renegotiation(t)
	offer := offers[1]
	prev, _ := mustAnswer(t, offer, testLocal(), nil)
	firstLine := strings.Index(offer, "m=")
	restarted := strings.NewReplacer("a=ice-ufrag:", "a=ice-ufrag:x").Replace(offer)
	for name, c := range map[string]struct{ offer, says string }{
		"m-lines vanish":      {strings.Replace(offer[:strings.LastIndex(offer, "m=")], "BUNDLE 0 1 2 3 4 5 6 7", "BUNDLE 0 1 2 3 4 5 6", 1), "stopped ones stay in place"},
		"mid changes":         {strings.NewReplacer("a=mid:3", "a=mid:33", "BUNDLE 0 1 2 3", "BUNDLE 0 1 2 33").Replace(offer), "keeps its mid"},
		"kind changes":        {offer[:firstLine] + strings.Replace(offer[firstLine:], "m=audio", "m=video", 1), "keeps its kind"},
		"another certificate": {strings.ReplaceAll(offer, "a=fingerprint:sha-256 "+offer[strings.Index(offer, "sha-256 ")+8:][:2], "a=fingerprint:sha-256 00"), "certificate"},
		"roles swapped":       {strings.ReplaceAll(offer, "a=setup:actpass", "a=setup:passive"), "DTLS roles"},
	} {
		if strings.Contains(c.offer, "fingerprint:sha-256 00") == (name != "another certificate") {
			t.Fatalf("%s: the offer is not what it should be", name)
		}
		if got := offerError(t, c.offer, prev); !strings.Contains(got, c.says) {
			t.Errorf("%s: %s", name, got)
		}
	}
	if _, _, err := Answer(restarted, testLocal(), prev); !errors.Is(err, errStaleCredentials) {
		t.Errorf("a restart with our old credentials: %v", err)
	}
}

// TestRolesStay: an actpass re-offer keeps the roles that were agreed (RFC 8842 §5.1).
func TestRolesStay(t *testing.T) {
	offer := readOffer(t, "firefox-whip")
	prev, _ := mustAnswer(t, strings.ReplaceAll(offer, "a=setup:actpass", "a=setup:passive"), testLocal(), nil)
	s, answer := mustAnswer(t, offer, testLocal(), prev)
	if !s.DTLSClient || !strings.Contains(answer, "a=setup:active") {
		t.Error(answer)
	}
}

package peer

import (
	"errors"
	"strings"
	"testing"

	"switchyard/media"
)

// checkAnswer holds for whatever was offered: either a typed error, or a session and an answer that
// agree with each other and with the offer.
func checkAnswer(t *testing.T, offer string, prev *Session) *Session {
	t.Helper()
	local := testLocal()
	if prev != nil {
		local.Ufrag = "next"
	}
	s, answer, err := Answer(offer, local, prev)
	if err != nil {
		var oe *OfferError
		if !errors.As(err, &oe) || oe.Reason == "" || len(oe.Reason) > 2000 {
			t.Fatalf("%v", err)
		}
		return nil
	}
	o, err := parseOffer(offer)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(answer, "\r\nm="); got != len(o.lines) || len(s.MIDs) != got {
		t.Fatalf("%d m-lines offered, %d answered, %d in the session", len(o.lines), got, len(s.MIDs))
	}
	for _, l := range lines(answer) {
		if len(l) < 2 || l[1] != '=' || strings.ContainsAny(l, "\r\n\x00") {
			t.Fatalf("line %q", l)
		}
	}
	ssrcs := make(map[media.SSRC]bool)
	for _, m := range s.Media {
		if m.Rejected && (m.Recv || m.Send || len(m.Codecs) > 0) {
			t.Fatalf("rejected, but %+v", m)
		}
		if !m.Rejected && len(m.Codecs) == 0 {
			t.Fatalf("no codec in %+v", m)
		}
		if m.Send && (m.SlotSSRC == 0 || m.SlotStreamID == "") {
			t.Fatalf("no identity in %+v", m)
		}
		for _, ssrc := range []media.SSRC{m.SlotSSRC, m.SlotRTX} {
			if ssrc != 0 && ssrcs[ssrc] {
				t.Fatalf("SSRC %d twice", ssrc)
			}
			ssrcs[ssrc] = true
		}
	}
	return s
}

func addOffers(f *testing.F, add func(string)) {
	for _, offer := range realOffers(f) {
		if len(offer) < 3_000 { // mutations of large seeds find little
			add(offer)
		}
	}
	add("v=0\r\no=- 1 1 IN IP4 0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n")
}

func FuzzAnswer(f *testing.F) {
	addOffers(f, func(o string) { f.Add(o) })
	f.Fuzz(func(t *testing.T, offer string) { checkAnswer(t, offer, nil) })
}

// FuzzAnswerTwice renegotiates: slots keep their identity, and no m-line in use changes its place.
func FuzzAnswerTwice(f *testing.F) {
	offers := renegotiation(f)
	for i := range offers[1:] {
		f.Add(offers[i], offers[i+1])
	}
	addOffers(f, func(o string) {
		f.Add(o, o)
		f.Add(o, strings.ReplaceAll(o, "a=sendonly", "a=inactive"))
	})
	f.Fuzz(func(t *testing.T, one, two string) {
		first := checkAnswer(t, one, nil)
		if first == nil {
			return
		}
		second := checkAnswer(t, two, first)
		if second == nil {
			return
		}
		if len(second.MIDs) < len(first.MIDs) {
			t.Fatal("m-lines vanished")
		}
		for i, mid := range first.MIDs {
			if first.uses(mid) && second.MIDs[i] != mid {
				t.Fatalf("m-line %d was %q and is %q", i, mid, second.MIDs[i])
			}
			was, is := first.ByMID(mid), second.ByMID(mid)
			if was == nil || is == nil || was.Rejected || is.Rejected {
				continue
			}
			if was.SlotSSRC != 0 && was.SlotSSRC != is.SlotSSRC || was.SlotStreamID != "" && was.SlotStreamID != is.SlotStreamID {
				t.Fatalf("slot %q: %+v became %+v", mid, was, is)
			}
		}
	})
}

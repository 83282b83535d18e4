package peer

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"switchyard/media"
)

var update = flag.Bool("update", false, "write the golden answers of testdata anew")

const testFingerprint = "AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89:AB:CD:EF:01:23:45:67:89"

// testLocal describes a server with predictable identities.
func testLocal() LocalDescription {
	var ssrc media.SSRC = 1000
	var stream int
	return LocalDescription{
		Ufrag: "srv0", Pwd: "0123456789abcdefghijkl",
		Fingerprint: Fingerprint{Hash: "sha-256", Value: testFingerprint},
		Candidates: []Candidate{
			{Addr: netip.MustParseAddrPort("192.0.2.1:8443")},
			{Addr: netip.MustParseAddrPort("192.0.2.1:8443"), TCP: true},
			{Addr: netip.MustParseAddrPort("[2001:db8::1]:8443")},
		},
		SessionID: 1, Version: 1,
		NewSSRC:     func() media.SSRC { ssrc++; return ssrc },
		NewStreamID: func() string { stream++; return fmt.Sprintf("s%d", stream) },
	}
}

// realOffers are the captured offers in testdata, by file name without extension.
func realOffers(t testing.TB) map[string]string {
	t.Helper()
	files, err := filepath.Glob("testdata/offers/*.sdp")
	if err != nil || len(files) < 15 {
		t.Fatalf("testdata/offers: %d files, %v", len(files), err)
	}
	out := make(map[string]string)
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".sdp")] = string(b)
	}
	return out
}

func readOffer(t testing.TB, name string) string {
	t.Helper()
	o, ok := realOffers(t)[name]
	if !ok {
		t.Fatalf("no captured offer %s", name)
	}
	return o
}

// mustAnswer answers an offer that has to be accepted.
func mustAnswer(t testing.TB, offer string, local LocalDescription, prev *Session) (*Session, string) {
	t.Helper()
	s, text, err := Answer(offer, local, prev)
	if err != nil {
		t.Fatal(err)
	}
	return s, text
}

// TestGoldenAnswers compares the answers to captured offers byte by byte with testdata/answers. See
// testdata/README.md for how the offers were made.
func TestGoldenAnswers(t *testing.T) {
	for name, offer := range realOffers(t) {
		t.Run(name, func(t *testing.T) {
			_, got := mustAnswer(t, offer, testLocal(), nil)
			path := filepath.Join("testdata", "answers", name+".sdp")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal([]byte(got), want) {
				t.Errorf("answer changed (run with -update when meant):\n%s", got)
			}
		})
	}
}

// TestAnswerIsPure answers twice and expects the same.
func TestAnswerIsPure(t *testing.T) {
	for name, offer := range realOffers(t) {
		_, first := mustAnswer(t, offer, testLocal(), nil)
		_, second := mustAnswer(t, offer, testLocal(), nil)
		if first != second {
			t.Errorf("%s: two answers differ", name)
		}
	}
}

func TestAnswerSize(t *testing.T) {
	for name, limit := range map[string]int{"chromium-room": 40_000, "chromium-slots25": 95_000, "firefox-room": 25_000} {
		offer := readOffer(t, name)
		_, answer := mustAnswer(t, offer, testLocal(), nil)
		t.Logf("%s: offer %d bytes, answer %d bytes", name, len(offer), len(answer))
		if len(answer) > limit {
			t.Errorf("%s: answer has %d bytes, more than %d", name, len(answer), limit)
		}
	}
}

// offerError returns the reason why an offer is refused.
func offerError(t testing.TB, offer string, prev *Session) string {
	t.Helper()
	_, _, err := Answer(offer, testLocal(), prev)
	var oe *OfferError
	if !errors.As(err, &oe) {
		t.Fatalf("got %v, want *OfferError", err)
	}
	return oe.Reason
}

func lines(sdp string) []string { return strings.Split(strings.TrimRight(sdp, "\r\n"), "\r\n") }

func hasLine(sdp, line string) bool { return slices.Contains(lines(sdp), line) }

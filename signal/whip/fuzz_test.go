package whip_test

import (
	"testing"

	"switchyard/signal/whip"
)

// FuzzOfferBody posts anything as an offer: it is answered or refused, never more.
func FuzzOfferBody(f *testing.F) {
	for _, name := range []string{"chromium-whip", "firefox-whip", "gst-publish", "aiortc-publish", "chromium-whep"} {
		f.Add(capturedOffer(f, name))
	}
	f.Add("v=0\r\n")
	f.Fuzz(func(t *testing.T, body string) {
		h := whip.New(&rooms{}, whip.Options{})
		r := call(t, h, "POST", "/whip/room", body, isSDP, bearer)
		if r.StatusCode == 201 {
			if got := call(t, h, "DELETE", r.Header.Get("Location"), ""); got.StatusCode != 200 {
				t.Errorf("DELETE %d", got.StatusCode)
			}
		} else if r.StatusCode < 400 || r.StatusCode > 499 {
			t.Errorf("status %d: %s", r.StatusCode, read(t, r))
		}
	})
}

// FuzzFragment parses anything, and what was parsed survives being formatted and parsed again.
func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host\r\na=end-of-candidates\r\n")
	f.Add("a=ice-options:trickle\na=group:BUNDLE 0 1\nm=audio 9 UDP/TLS/RTP/SAVPF 111\na=mid:0\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:1\n")
	f.Fuzz(func(t *testing.T, body string) {
		one, err := whip.ParseFragment(body)
		if err != nil {
			return
		}
		text := one.String()
		two, err := whip.ParseFragment(text)
		if err != nil {
			t.Fatalf("%v in %q", err, text)
		}
		if two.String() != text {
			t.Errorf("%q became %q", text, two.String())
		}
	})
}

// FuzzPatch sends anything to a session.
func FuzzPatch(f *testing.F) {
	f.Add("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n", "*")
	f.Add("a=end-of-candidates\r\n", `"x", W/"y"`)
	offer := capturedOffer(f, "firefox-whip")
	f.Fuzz(func(t *testing.T, body, match string) {
		h := whip.New(&rooms{}, whip.Options{})
		r := call(t, h, "POST", "/whip/room", offer, isSDP, bearer)
		got := call(t, h, "PATCH", r.Header.Get("Location"), body, isFragment, "If-Match: "+match).StatusCode
		if got >= 500 {
			t.Errorf("status %d", got)
		}
	})
}

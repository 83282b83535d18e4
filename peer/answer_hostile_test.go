package peer

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestRefusedOffers: hostile, broken or foreign SDP comes back with words for its developer.
func TestRefusedOffers(t *testing.T) {
	offer := readOffer(t, "chromium-maxbundle")
	edit := func(pairs ...string) string {
		t.Helper()
		got := strings.NewReplacer(pairs...).Replace(offer)
		if got == offer {
			t.Fatalf("%q changes nothing", pairs)
		}
		return got
	}
	without := func(prefix string) string {
		var kept []string
		for _, l := range lines(offer) {
			if !strings.HasPrefix(l, prefix) {
				kept = append(kept, l)
			}
		}
		if len(kept) == len(lines(offer)) {
			t.Fatalf("no line begins with %q", prefix)
		}
		return strings.Join(kept, "\r\n")
	}
	head, _, _ := strings.Cut(offer, "m=")
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, c := range map[string]struct{ offer, says string }{
		"empty":                   {"", "empty"},
		"blank":                   {" \r\n ", "empty"},
		"no SDP":                  {"hello", "no SDP"},
		"binary":                  {"v=0\r\n\x00\x01", "control character"},
		"stray CR":                {edit("s=-", "s=-\rm=x"), "CR without LF"},
		"huge":                    {offer + many(50000, "a=x-%08d\r\n"), "bytes"},
		"no m-lines":              {head, "add a track"},
		"too many m-lines":        {head + many(1000, "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:%d\r\n"), "fewer transceivers"},
		"too many candidates":     {offer + many(300, "a=candidate:%d 1 udp 1 192.0.2.1 1 typ host\r\n"), "candidates"},
		"bad candidate":           {offer + "a=candidate:1 1 udp 1 192.0.2.1 99999 typ host\r\n", "port"},
		"short candidate":         {offer + "a=candidate:1 1\r\n", "fields"},
		"mids twice":              {edit("a=mid:1", "a=mid:0"), "same mid"},
		"mid too long":            {edit("a=mid:1", "a=mid:12345678901234567"), "1 to 16 bytes"},
		"mid with spaces":         {edit("a=mid:1", "a=mid:a b"), "token"},
		"mid said twice":          {edit("a=mid:1", "a=mid:1\r\na=mid:2"), "twice"},
		"bundle of nobody":        {edit("BUNDLE 0 1", "BUNDLE 0 1 9"), "which no m-line has"},
		"SSRC in two m-lines":     {strings.Replace(offer, "m=video", "a=ssrc:5 cname:x\r\nm=video", 1) + "a=ssrc:5 cname:x\r\n", "SSRC 5"},
		"SSRC out of range":       {offer + "a=ssrc:4294967296 cname:x\r\n", "SSRC"},
		"SSRC flood":              {offer + many(100, "a=ssrc:%d cname:x\r\n"), "more than 64 SSRCs"},
		"payload type twice":      {edit("SAVPF 111", "SAVPF 111 111"), "stands twice"},
		"payload type 128":        {edit("SAVPF 111", "SAVPF 128 111"), "0 to 127"},
		"payload type text":       {edit("SAVPF 111", "SAVPF x 111"), "0 to 127"},
		"mapped twice":            {edit("a=rtpmap:111 opus/48000/2", "a=rtpmap:111 opus/48000/2\r\na=rtpmap:111 ISAC/16000"), "mapped twice"},
		"one PT for two codecs":   {edit("SAVPF 96 ", "SAVPF 111 96 ", "a=rtpmap:96 ", "a=rtpmap:111 H265/90000\r\na=rtpmap:96 "), "payload type 111"},
		"rtpmap broken":           {edit("opus/48000/2", "opus"), "encoding/clock"},
		"clock broken":            {edit("opus/48000/2", "opus/0/2"), "clock rate"},
		"extension id 0":          {edit("a=extmap:1 ", "a=extmap:0 "), "1 to 14"},
		"extension id huge":       {edit("a=extmap:1 ", "a=extmap:99999 "), "1 to 14"},
		"extension id twice":      {edit("a=extmap:2 ", "a=extmap:1 "), "two extensions"},
		"MID extension elsewhere": {strings.Replace(offer, "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid", "a=extmap:13 urn:ietf:params:rtp-hdrext:sdes:mid", 1), "header extension id 13"},
		"no fingerprint":          {without("a=fingerprint"), "DTLS-SRTP"},
		"weak fingerprint":        {edit("a=fingerprint:sha-256", "a=fingerprint:sha-1"), "sha-256"},
		"fingerprint cut":         {edit("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 AA:"), "hex pairs"},
		"fingerprint no hex":      {edit("a=fingerprint:sha-256 ", "a=fingerprint:sha-256 ZZ"), "hex pairs"},
		"no ufrag":                {without("a=ice-ufrag"), "ice-ufrag"},
		"no pwd":                  {without("a=ice-pwd"), "ice-pwd"},
		"short pwd":               {edit("a=ice-pwd:", "a=ice-pwd:short\r\na=x:"), "22 to 256"},
		"colon in ufrag":          {edit("a=ice-ufrag:", "a=ice-ufrag:ab:"), "not allowed"},
		"setup holdconn":          {edit("a=setup:actpass", "a=setup:holdconn"), "actpass"},
		"no rtcp-mux":             {without("a=rtcp-mux"), "rtcp-mux"},
		"only unknown codecs":     {strings.Replace(head, "BUNDLE 0 1", "BUNDLE 0", 1) + "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\na=rtpmap:96 H265/90000\r\na=ice-ufrag:abcd\r\na=ice-pwd:" + strings.Repeat("p", 22) + "\r\na=fingerprint:sha-256 " + testFingerprint + "\r\n", "H265"},
		"plain RTP":               {edit("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "RTP/AVP"},
		"everything switched off": {edit("m=audio 9", "m=audio 0", "m=video 9", "m=video 0", "a=bundle-only", "a=x"), "none of its m-lines"},
		"too many layers":         {offer + many(9, "a=rid:r%d send\r\n"), "fewer encodings"},
		"rid twice":               {offer + "a=rid:a send\r\na=rid:a send\r\n", "twice"},
		"rid with spaces":         {offer + "a=rid:a;b send\r\n", "letters and digits"},
		"long attribute":          {offer + "a=msid:" + strings.Repeat("x", 2000) + "\r\n", "2000 bytes"},
		"sctp-port 0":             {readOffer(t, "firefox-data") + "a=sctp-port:0\r\n", "port"},
		"max-message-size":        {readOffer(t, "firefox-data") + "a=max-message-size:-1\r\n", "number of bytes"},
		"m-line without format":   {head + "m=audio 9 UDP/TLS/RTP/SAVPF\r\n", "format"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := offerError(t, c.offer, nil); !strings.Contains(got, c.says) || len(got) > 1000 {
				t.Errorf("%q does not say %q", got, c.says)
			}
		})
	}
}

// TestCostIsBounded answers the worst offers we could think of at the largest size allowed.
func TestCostIsBounded(t *testing.T) {
	for name, line := range map[string]func(i int) string{
		"formats":    func(i int) string { return fmt.Sprintf("a=fmtp:%d profile-level-id=%d;apt=%d\r\n", i%128, i, i%128) },
		"feedback":   func(i int) string { return "a=rtcp-fb:* nack\r\n" },
		"extensions": func(i int) string { return fmt.Sprintf("a=extmap:%d u%d\r\n", i%14+1, i%14) },
		"data":       func(i int) string { return strings.Repeat("m=application 9 UDP/DTLS/SCTP x\r\n", 1-min(i, 1)) },
		"layers":     func(i int) string { return fmt.Sprintf("a=simulcast:send %s\r\n", strings.Repeat("a;", 300)) },
	} {
		all, mids := "", ""
		for i := range 128 {
			all += fmt.Sprintf(" %d", i)
		}
		var b strings.Builder
		sections := 0
		for ; b.Len() < MaxOfferBytes-40_000 && sections < 200; sections++ {
			mids += fmt.Sprintf(" %d", sections)
			fmt.Fprintf(&b, "m=video 9 UDP/TLS/RTP/SAVPF%s\r\na=rtcp-mux\r\na=mid:%d\r\n", all, sections)
			for i := range 128 {
				fmt.Fprintf(&b, "a=rtpmap:%d H264/90000\r\n", i)
			}
			for i := range 500 {
				b.WriteString(line(i))
			}
		}
		head, _, _ := strings.Cut(readOffer(t, "firefox-data"), "m=")
		head = strings.Replace(head, "a=group:BUNDLE 0", "a=group:BUNDLE"+mids+"\r\na=ice-ufrag:abcd\r\na=ice-pwd:"+strings.Repeat("p", 22), 1)
		offer := head + b.String()
		start := time.Now()
		_, _, err := Answer(offer, testLocal(), nil)
		took := time.Since(start)
		t.Logf("%s: %d bytes in %v: %.100v", name, len(offer), took, err)
		var oe *OfferError
		if err != nil && !errors.As(err, &oe) {
			t.Errorf("%s: %v", name, err)
		}
		if took > time.Minute { // it takes milliseconds: what grows with the square of the size is far beyond this
			t.Errorf("%s took %v", name, took)
		}
	}
}

// TestNothingIsInjected: what the answer repeats cannot begin a line of its own.
func TestNothingIsInjected(t *testing.T) {
	for name, offer := range realOffers(t) {
		_, answer := mustAnswer(t, offer, testLocal(), nil)
		for _, l := range lines(answer) {
			if len(l) < 3 || l[1] != '=' || strings.ContainsAny(l, "\r\n\x00") {
				t.Errorf("%s: %q", name, l)
			}
		}
	}
}

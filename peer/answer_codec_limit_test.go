package peer

import (
	"strings"
	"testing"

	"switchyard/media"
)

// What the server allows to be sent to it stands in the answer: codecs, and a rate for video only.
func TestLimitsStandInTheAnswer(t *testing.T) {
	offer := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n" +
		"a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB\r\na=setup:actpass\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 VP9/90000\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=sendonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
	local := LocalDescription{Ufrag: "wxyz", Pwd: "abcdefghijklmnopqrstuv", Fingerprint: Fingerprint{Hash: "sha-256", Value: "AB"},
		RecvCodecs: []media.Codec{media.VP9, media.Opus}, MaxBitrate: 750_000}
	_, answer, err := Answer(offer, local, nil)
	if err != nil {
		t.Fatal(err)
	}
	video, audio, ok := strings.Cut(answer, "m=audio")
	if !ok || !strings.Contains(video, "b=AS:750\r\nb=TIAS:750000\r\n") || strings.Contains(audio, "b=") {
		t.Errorf("no limit, or a wrong one:\n%s", answer)
	}
	if strings.Contains(answer, "VP8") || !strings.Contains(answer, "VP9") || !strings.Contains(audio, "opus") {
		t.Errorf("wrong codecs:\n%s", answer)
	}
	local.MaxBitrate, local.RecvCodecs = 0, nil
	if _, answer, err = Answer(offer, local, nil); err != nil || strings.Contains(answer, "b=") || !strings.Contains(answer, "VP8") {
		t.Errorf("without limits: %v\n%s", err, answer)
	}
}

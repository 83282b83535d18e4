package media

import "strings"

// Kind is audio or video.
type Kind uint8

// The two kinds of track.
const (
	Audio Kind = iota + 1
	Video
)

func (k Kind) String() string {
	switch k {
	case Audio:
		return "audio"
	case Video:
		return "video"
	}
	return "unknown"
}

// Codec names an encoding. RED, RTX and FEC are not codecs: they wrap one.
type Codec uint8

// The codecs that the server forwards.
const (
	UnknownCodec Codec = iota
	Opus
	PCMU
	PCMA
	G722
	VP8
	VP9
	H264
	AV1
)

var codecNames = [...]string{"unknown", "opus", "PCMU", "PCMA", "G722", "VP8", "VP9", "H264", "AV1"}

// String returns the encoding name as it stands in SDP (rtpmap).
func (c Codec) String() string {
	if int(c) < len(codecNames) {
		return codecNames[c]
	}
	return codecNames[0]
}

// ParseCodec returns the codec of an SDP encoding name, UnknownCodec if it is none of ours.
func ParseCodec(name string) Codec {
	for i, n := range codecNames[1:] {
		if strings.EqualFold(n, name) {
			return Codec(i + 1)
		}
	}
	return UnknownCodec
}

// Kind tells whether c is an audio or a video codec; 0 for UnknownCodec.
func (c Codec) Kind() Kind {
	switch c {
	case Opus, PCMU, PCMA, G722:
		return Audio
	case VP8, VP9, H264, AV1:
		return Video
	}
	return 0
}

// Format is a codec with what must be equal at both ends for one to decode the other. It is
// comparable: two formats are interchangeable exactly when they are equal.
type Format struct {
	Codec     Codec
	ClockRate uint32 // Hz: 48000, 90000, 8000
	Channels  uint8  // audio only
	// Profile tells apart what one decoder cannot stand in for: for H264 the canonical
	// "profile_idc+iop/packetization-mode", such as "42e0/1"; for VP9 the profile-id ("0");
	// for AV1 the profile ("0"). Empty for the others.
	Profile string
}

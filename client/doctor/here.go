package doctor

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"switchyard/protocol"
)

// mediaCodecs are what a call is made of, by their names in SDP; the rest (RTX, RED, FEC) is repair.
var mediaCodecs = []string{"VP8", "VP9", "H264", "AV1", "H265", "opus", "PCMU", "PCMA", "G722"}

// checkCodecs says what the server forwards of what this program offered.
func (v *visit) checkCodecs(o *offered) {
	if o == nil {
		return
	}
	f := protocol.Finding{ID: "codecs", Group: groupHere, State: protocol.FindingOK, Title: "Codecs"}
	var both []string
	for _, c := range o.codecs {
		if slices.ContainsFunc(mediaCodecs, func(m string) bool { return strings.EqualFold(m, c) }) {
			both = append(both, c)
		}
	}
	if f.Text = "The server forwards " + strings.Join(both, ", ") + " of what this program offers."; len(both) == 0 {
		f.State, f.Text = protocol.FindingFail, "The server forwards no codec that this program has."
		f.Fix = "Use versions of the server and this program that belong together."
	}
	v.found(f)
}

// checkDevices counts cameras. Whether one works is for a browser to try: the page /doctor does.
func (v *visit) checkDevices() {
	f := protocol.Finding{ID: "devices", Group: groupHere, State: protocol.FindingSkip, Title: "Cameras and microphones"}
	page := fmt.Sprintf(" The page %s/doctor tries those of a browser.", v.base)
	if runtime.GOOS != "linux" {
		f.Text = "They are not looked at from here." + page
		v.found(f)
		return
	}
	cameras, _ := filepath.Glob("/dev/video*") // the pattern is good
	sound, _ := filepath.Glob("/dev/snd/pcm*c")
	f.Values = map[string]float64{"cameras": float64(len(cameras)), "microphones": float64(len(sound))}
	if len(cameras)+len(sound) > 0 {
		f.State = protocol.FindingOK
	}
	f.Text = fmt.Sprintf("This machine has %s and %s.", count(len(cameras), "camera device"), count(len(sound), "sound input")) + page
	v.found(f)
}

func count(n int, what string) string {
	switch n {
	case 0:
		return "no " + what
	case 1:
		return "one " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

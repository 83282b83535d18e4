package whip

import (
	"errors"
	"fmt"
	"strings"
)

// Fragment is a trickle-ice-sdpfrag (RFC 8840 §9): credentials and candidates of one transport.
type Fragment struct {
	Ufrag, Pwd string
	MediaLine  string   // the m= line, without "m="; "" when there is none
	MID        string   // of that m-line
	Candidates []string // values of a=candidate
	End        bool     // a=end-of-candidates: no more will come
}

const (
	maxCandidates  = 256
	maxFragmentRow = 1024 // bytes of a line
)

var errFragmentControl = errors.New("the fragment holds control characters; send plain text with CRLF at each line's end (RFC 8840 §9)")

// ParseFragment reads a fragment. Of several m-lines the first is kept: the others share its
// transport (BUNDLE). Its errors are sentences for the client's developer.
func ParseFragment(text string) (Fragment, error) {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\r' && r != '\n' && r != '\t' || r == 0x7f }) {
		return Fragment{}, errFragmentControl
	}
	var f Fragment
	var sections int
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			continue
		}
		if len(line) > maxFragmentRow || strings.ContainsRune(line, '\r') {
			return Fragment{}, fmt.Errorf("a line of the fragment has more than %d bytes or a CR within", maxFragmentRow)
		}
		if len(line) < 2 || line[1] != '=' {
			return Fragment{}, fmt.Errorf("the fragment's line %.40q is not type=value (RFC 8866 §5)", line)
		}
		if line[0] == 'm' {
			if sections++; sections == 1 {
				f.MediaLine = line[2:]
			}
		}
		if err := f.read(line, sections); err != nil {
			return Fragment{}, err
		}
	}
	if f.Ufrag == "" && f.Pwd != "" {
		return Fragment{}, errors.New("the fragment has a=ice-pwd without a=ice-ufrag; send both or none")
	}
	return f, nil
}

// read takes in one a= line; others, and unknown attributes, mean nothing here.
func (f *Fragment) read(line string, sections int) error {
	key, value, _ := strings.Cut(strings.TrimPrefix(line, "a="), ":")
	value = strings.TrimSpace(value)
	switch {
	case line[0] != 'a':
	case key == "ice-ufrag":
		return setCredential(&f.Ufrag, value, 4)
	case key == "ice-pwd":
		return setCredential(&f.Pwd, value, 22)
	case key == "mid" && sections == 1:
		f.MID = value
	case key == "candidate":
		if len(f.Candidates) == maxCandidates {
			return fmt.Errorf("the fragment has more than %d candidates", maxCandidates)
		}
		f.Candidates = append(f.Candidates, value)
	case key == "end-of-candidates":
		f.End = true
	}
	return nil
}

// setCredential checks the length and characters of RFC 8839 §5.4, and that m-lines agree.
func setCredential(to *string, value string, shortest int) error {
	bad := strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' })
	if bad || len(value) < shortest || len(value) > 256 {
		return fmt.Errorf("ICE credential %.40q needs %d to 256 letters, digits, + or / (RFC 8839 §5.4)", value, shortest)
	}
	if *to != "" && *to != value {
		return errors.New("the fragment's m-lines have different ICE credentials; only BUNDLE is supported")
	}
	*to = value
	return nil
}

// String formats the fragment, with CRLF.
func (f Fragment) String() string {
	var b strings.Builder
	line := func(s string) { b.WriteString(s + "\r\n") }
	if f.Ufrag != "" {
		line("a=ice-ufrag:" + f.Ufrag)
	}
	if f.Pwd != "" {
		line("a=ice-pwd:" + f.Pwd)
	}
	if f.MediaLine != "" {
		line("m=" + f.MediaLine)
		if f.MID != "" {
			line("a=mid:" + f.MID)
		}
	}
	for _, c := range f.Candidates {
		line("a=candidate:" + c)
	}
	if f.End {
		line("a=end-of-candidates")
	}
	return b.String()
}

// fragmentOf cuts the fragment out of a whole description: the first m-line that is not rejected,
// which carries the bundle's candidates. It is lenient: what Rooms has accepted is not judged again.
func fragmentOf(sdp string) Fragment {
	var f, session Fragment
	into := &session
	for line := range strings.SplitSeq(sdp, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if media, ok := strings.CutPrefix(line, "m="); ok {
			if f.MediaLine != "" && !switchedOff(f.MediaLine) {
				break
			}
			f, into = Fragment{MediaLine: media}, &f
		} else if strings.HasPrefix(line, "a=") {
			_ = into.read(line, 1)
		}
	}
	if f.Ufrag == "" {
		f.Ufrag, f.Pwd = session.Ufrag, session.Pwd
	}
	return f
}

// switchedOff tells whether an m= line has port 0.
func switchedOff(media string) bool {
	fields := strings.Fields(media)
	return len(fields) > 1 && fields[1] == "0"
}

// withCredentials returns the offer with other ICE credentials and without its old candidates.
func withCredentials(offer, ufrag, pwd string) string {
	var b strings.Builder
	for line := range strings.SplitSeq(offer, "\n") {
		line = strings.TrimSuffix(line, "\r")
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			line = "a=ice-ufrag:" + ufrag
		case strings.HasPrefix(line, "a=ice-pwd:"):
			line = "a=ice-pwd:" + pwd
		case line == "", strings.HasPrefix(line, "a=candidate:"), line == "a=end-of-candidates":
			continue
		}
		b.WriteString(line + "\r\n")
	}
	return b.String()
}

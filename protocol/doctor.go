package protocol

import "net/netip"

// Finding is one thing that a diagnosis found, for a person to read.
type Finding struct {
	// ID names what was looked at, such as "udp-ipv4"; it stays the same from run to run.
	ID string `json:"id"`
	// Group is the heading under which it stands.
	Group string       `json:"group"`
	State FindingState `json:"state"`
	// Title names what was looked at, in a few words.
	Title string `json:"title"`
	// Text is one sentence or two about how it is.
	Text string `json:"text"`
	// Fix says what to do; absent where nothing is to be done.
	Fix string `json:"fix,omitempty"`
	// Values are what was measured, for programs.
	Values map[string]float64 `json:"values,omitempty"`
}

// FindingState says how bad a finding is.
type FindingState string

// The states of a finding.
const (
	FindingOK   FindingState = "ok"
	FindingWarn FindingState = "warn" // calls work, but worse than they could
	FindingFail FindingState = "fail" // calls do not work, or not this way
	FindingSkip FindingState = "skip" // could not be looked at, and why
)

// DoctorFacts are what GET /v1/doctor says about the server to anybody.
type DoctorFacts struct {
	// Server names its software and version.
	Server string `json:"server"`
	// MediaPort is the single port of media, UDP and TCP.
	MediaPort int `json:"mediaPort"`
	// Seen is the address that the request came from, as the server sees it.
	Seen string `json:"seen"`
	// LinkSeconds is how long a diagnostic link lives at most.
	LinkSeconds int `json:"linkSeconds"`
	// EchoBytes is how much a diagnostic link answers at most.
	EchoBytes int `json:"echoBytes"`
}

// DoctorTime is what GET /v1/doctor/time answers: its clock when the request came and when the answer
// left, in microseconds since 1970 (UTC). With the client's own two times it gives the offset of the
// clocks as in RFC 5905 §8.
type DoctorTime struct {
	Received int64 `json:"received"`
	Sent     int64 `json:"sent"`
}

// DoctorOffer is the body of POST /v1/doctor/link.
type DoctorOffer struct {
	// SDP is an offer with a DataChannel and nothing else.
	SDP string `json:"sdp"`
}

// DoctorLink answers it. The link is in no room. Each message on its DataChannels whose first four
// bytes are a length (big endian, 16 to 16384) is answered on the same channel by a message of that
// length that begins with the first 16 bytes of the question: a small question with a small answer
// measures the round trip, with a large answer the downlink, a large question the uplink.
type DoctorLink struct {
	// SDP is the answer.
	SDP string `json:"sdp"`
	// Seconds is how long the link lives at most.
	Seconds int `json:"seconds"`
	// ICEServers are the TURN servers by which a client reaches the server where nothing else works.
	ICEServers []ICEServer `json:"iceServers,omitempty"`
	// LinkICEServers are for links between participants.
	LinkICEServers []ICEServer `json:"linkIceServers,omitempty"`
}

// DoctorUpload is what POST /v1/doctor/up answers: how much it read, in how many microseconds.
type DoctorUpload struct {
	Bytes  int64 `json:"bytes"`
	Micros int64 `json:"micros"`
}

// Diagnosis is a whole report: of switchyard doctor --json, and of GET /v1/admin/doctor, which is the
// server's own.
type Diagnosis struct {
	// Server is what was looked at.
	Server string `json:"server,omitempty"`
	// At is when, in milliseconds since 1970.
	At       int64        `json:"at"`
	State    FindingState `json:"state"`
	Findings []Finding    `json:"findings"`
}

// Worst returns the worst state among findings; skip counts as ok.
func Worst(findings []Finding) FindingState {
	worst := FindingOK
	for _, f := range findings {
		switch {
		case f.State == FindingFail:
			return FindingFail
		case f.State == FindingWarn:
			worst = FindingWarn
		}
	}
	return worst
}

// BrowserTakes says whether Chromium and what is built on it use a candidate of that address: of the ports
// below 1024 only 80 and 443, and these only at addresses of the Internet. It drops the others without a word.
func BrowserTakes(c netip.AddrPort) bool {
	a := c.Addr().Unmap()
	inner := a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() || sharedAddresses.Contains(a)
	return c.Port() >= 1024 || (c.Port() == 80 || c.Port() == 443) && !inner
}

// sharedAddresses are behind a carrier's NAT (RFC 6598).
var sharedAddresses = netip.MustParsePrefix("100.64.0.0/10")

package protocol

// Overview is the whole server at one moment: GET /v1/admin/overview, and once a second
// GET /v1/admin/live. Counters run since the start, so that two overviews give a rate.
type Overview struct {
	// At is when, in microseconds since 1970.
	At     int64        `json:"at"`
	Server ServerFacts  `json:"server"`
	Rooms  []RoomDetail `json:"rooms"`
}

// ServerFacts are about the process.
type ServerFacts struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	// Started is in milliseconds since 1970.
	Started int64 `json:"started"`
	// CPUSeconds that the process used, of Cores at once.
	CPUSeconds float64 `json:"cpuSeconds"`
	Cores      int     `json:"cores"`
	// MemoryBytes is what the process holds of the machine's memory.
	MemoryBytes uint64 `json:"memoryBytes"`
	Goroutines  int    `json:"goroutines"`
	// Draining says that the server ends when its calls do.
	Draining bool `json:"draining,omitempty"`
	// Counters are the metrics without a label, and Drops those of drops by reason.
	Counters map[string]float64 `json:"counters"`
	Drops    map[string]float64 `json:"drops"`
}

// RoomDetail is a room in an Overview.
type RoomDetail struct {
	Room         string        `json:"room"`
	Participants []Participant `json:"participants"`
	Viewers      int           `json:"viewers"` // by WHEP
	Links        []LinkDetail  `json:"links"`
}

// LinkDetail is a link to the server in an Overview.
type LinkDetail struct {
	Link string `json:"link"`
	// Participant is absent for a viewer.
	Participant ParticipantID `json:"participant,omitempty"`
	Up          bool          `json:"up"`
	// Transport is "udp" or "tcp", Remote the address at the other end; absent before there is a path.
	Transport string `json:"transport,omitempty"`
	Remote    string `json:"remote,omitempty"`
	// RTT in milliseconds; 0 when unknown.
	RTT float64 `json:"rtt"`
	// In is what the server received on it, Out what it sent.
	In  []StreamDetail `json:"in"`
	Out []StreamDetail `json:"out"`
	// AckedRate is what arrived of Out over the last second, in bit/s; Loss what did not, 0 to 1.
	AckedRate float64 `json:"ackedRate"`
	Loss      float64 `json:"loss"`
}

// StreamDetail is one m-line of a link.
type StreamDetail struct {
	MID   string    `json:"mid"`
	Track TrackID   `json:"track,omitempty"`
	Kind  TrackKind `json:"kind,omitempty"`
	Codec string    `json:"codec,omitempty"`
	// Packets and Bytes since the start; Lost of them, for good.
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	Lost    uint64 `json:"lost"`
	Width   int    `json:"width,omitempty"`
	Height  int    `json:"height,omitempty"`
	// Pause says why a slot with a track sends nothing.
	Pause string `json:"pause,omitempty"`
}

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
	Room string `json:"room"`
	// Kind is as in RoomOptions.
	Kind         string        `json:"kind"`
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
	// Send is how much may be sent on it, absent before there is a path.
	Send *SendDetail `json:"send,omitempty"`
}

// SendDetail is what a link may send, as far as the server knows.
type SendDetail struct {
	// Estimate is what may be sent, in bit/s; Sending what was sent in the last half second.
	Estimate float64 `json:"estimate"`
	Sending  float64 `json:"sending"`
	// Target is the estimate, less where a queue is being emptied; Acked is what arrived in the last half
	// second; Wanted what all that is shown would take at its best.
	Target float64 `json:"target"`
	Acked  float64 `json:"acked"`
	Wanted float64 `json:"wanted"`
	// Limit is what holds the estimate: "delay" is the ordinary case, "loss", "remb" (the receiver's own
	// estimate), "silence" (no feedback comes), "drain" (a queue is being emptied) or "max".
	Limit string `json:"limit"`
	// Queue is how long packets wait on the way, in milliseconds.
	Queue float64 `json:"queue"`
	// Probes were sent to find out whether there is room for more; Raised of them found some.
	Probes uint64 `json:"probes"`
	Raised uint64 `json:"raised"`
	// Silences counts the times that no feedback came and less was sent.
	Silences uint64 `json:"silences"`
}

// StreamDetail is one m-line of a link.
type StreamDetail struct {
	MID   string    `json:"mid"`
	Track TrackID   `json:"track,omitempty"`
	Kind  TrackKind `json:"kind,omitempty"`
	Codec string    `json:"codec,omitempty"`
	// Backup: what comes on it is a second encoding of the track, for those who cannot decode the first.
	Backup bool `json:"backup,omitempty"`
	// Packets and Bytes since the start; Lost of them, for good.
	Packets uint64 `json:"packets"`
	Bytes   uint64 `json:"bytes"`
	Lost    uint64 `json:"lost"`
	// Width and Height are of the largest picture that is received, or of the layer that is sent.
	Width  int `json:"width,omitempty"`
	Height int `json:"height,omitempty"`
	// Temporals is how many temporal layers are sent, of TemporalsOf that there are.
	Temporals   int `json:"temporals,omitempty"`
	TemporalsOf int `json:"temporalsOf,omitempty"`
	// LayerSwitches counts the changes of a slot's layer, Retransmitted the packets sent again on it.
	LayerSwitches uint64 `json:"layerSwitches,omitempty"`
	Retransmitted uint64 `json:"retransmitted,omitempty"`
	// KeyframesAsked counts what a publisher was asked for, Keyframes what came.
	KeyframesAsked uint64 `json:"keyframesAsked,omitempty"`
	Keyframes      uint64 `json:"keyframes,omitempty"`
	// Layers are what a published video offers, the lowest first.
	Layers []LayerDetail `json:"layers,omitempty"`
	// Pause says why a slot with a track sends nothing: "bandwidth", "codec", "keyframe" (it waits for one)
	// or "off".
	Pause string `json:"pause,omitempty"`
}

// LayerDetail is one quality of a published video: a simulcast layer, or a spatial layer of a scalable
// stream with all that is below it.
type LayerDetail struct {
	// RID names a simulcast layer; Spatial is the layer within its stream.
	RID     string `json:"rid,omitempty"`
	Spatial int    `json:"spatial,omitempty"`
	Width   int    `json:"width,omitempty"`
	Height  int    `json:"height,omitempty"`
	// Rates are what it takes in bit/s, up to each of its temporal layers.
	Rates []float64 `json:"rates,omitempty"`
	// Live: packets of it arrive. Wanted: somebody receives it.
	Live   bool `json:"live"`
	Wanted bool `json:"wanted"`
}

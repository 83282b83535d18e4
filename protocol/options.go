package protocol

import (
	"slices"
	"strconv"
)

// RoomOptions are what a room allows and how long it lives. Absent fields are as the next one in this
// order has them: the API (options that the server keeps for the room), the token that opened the
// room, the server's configuration, the kind, the built-in value.
type RoomOptions struct {
	// Kind chooses what is allowed where nothing else says it: in a "call" everyone may publish, in a
	// "broadcast" only those of role host, and who has no role is a viewer; in a "transfer" nobody: two ends hand
	// over files, nor in a "nearby", where devices see each other (docs/transfer.md).
	Kind string `json:"kind,omitempty" oneof:"call broadcast transfer nearby"`
	// Participants is how many can be in the room; Viewers how many can watch by WHEP besides.
	Participants int `json:"participants,omitempty"`
	Viewers      int `json:"viewers,omitempty"`
	// Sources may be published; absent: all that the grants allow.
	Sources []TrackSource `json:"sources,omitempty"`
	// Codecs may be published, by name as in SDP: "VP8", "opus". A kind of which none is named is not
	// limited.
	Codecs []string `json:"codecs,omitempty"`
	// Publishers are the roles that may publish, as far as their grants allow; absent: all.
	Publishers []string `json:"publishers,omitempty"`
	// Role is that of participants whose token names none.
	Role string `json:"role,omitempty"`
	// EmptyFor is how long the room stays when nobody is in it, in seconds.
	EmptyFor int `json:"emptyFor,omitempty"`
	// EndsAt is when the room closes, in milliseconds since 1970; from then on nobody can join.
	EndsAt int64 `json:"endsAt,omitempty"`
	// MaxBitrate is what one video track may have, in bits per second: browsers are told so in SDP.
	MaxBitrate int `json:"maxBitrate,omitempty"`
	// Metadata is for the programs that use the API and for clients: everyone in the room is told it.
	Metadata map[string]string `json:"metadata,omitempty"`
}

// The kinds of room.
const (
	KindCall      = "call"
	KindBroadcast = "broadcast"
	KindTransfer  = "transfer"
	KindNearby    = "nearby"
)

// Bounds of options.
const (
	MaxRoomParticipants  = 100_000
	MaxRoomViewers       = 1_000_000
	MaxEmptyFor          = 30 * 24 * 60 * 60
	MinBitrate           = 10_000
	MaxBitrate           = 1_000_000_000
	MaxRoomMetadataBytes = 4 << 10
)

// AllSources are the sources of a track.
var AllSources = []TrackSource{SourceCamera, SourceMicrophone, SourceScreen, SourceScreenAudio, SourceFile, SourceBridge, SourceMix}

// AllCodecs are the codecs that the server forwards, by name.
var AllCodecs = []string{"opus", "PCMU", "PCMA", "G722", "VP8", "VP9", "H264", "AV1"}

// Check says in a sentence what is wrong with the options; "" where nothing is.
func (o *RoomOptions) Check() string {
	within := func(v, least, most int) bool { return v == 0 || v >= least && v <= most }
	switch {
	case !slices.Contains([]string{"", KindCall, KindBroadcast, KindTransfer, KindNearby}, o.Kind):
		return "The kind of a room is call, broadcast, transfer or nearby."
	case !within(o.Participants, 1, MaxRoomParticipants):
		return "participants must be 1 to " + strconv.Itoa(MaxRoomParticipants) + "."
	case !within(o.Viewers, 1, MaxRoomViewers):
		return "viewers must be 1 to " + strconv.Itoa(MaxRoomViewers) + "."
	case !within(o.EmptyFor, 1, MaxEmptyFor):
		return "emptyFor must be 1 to " + strconv.Itoa(MaxEmptyFor) + " seconds."
	case !within(o.MaxBitrate, MinBitrate, MaxBitrate):
		return "maxBitrate must be " + strconv.Itoa(MinBitrate) + " to " + strconv.Itoa(MaxBitrate) + " bits per second."
	case o.EndsAt < 0 || o.EndsAt > 1<<53:
		return "endsAt must be a time in milliseconds since 1970."
	case !ValidName(o.Role):
		return "The role is longer than " + strconv.Itoa(MaxNameBytes) + " bytes or cannot be printed."
	}
	return o.checkLists()
}

func (o *RoomOptions) checkLists() string {
	for _, s := range o.Sources {
		if !slices.Contains(AllSources, s) {
			return "sources are camera, microphone, screen, screen-audio, file, bridge and mix."
		}
	}
	for _, c := range o.Codecs {
		if !slices.Contains(AllCodecs, c) {
			return "codecs are opus, PCMU, PCMA, G722, VP8, VP9, H264 and AV1."
		}
	}
	for _, r := range o.Publishers {
		if r == "" || !ValidName(r) {
			return "publishers are roles, such as host."
		}
	}
	if len(o.Sources) > len(AllSources) || len(o.Codecs) > len(AllCodecs) || len(o.Publishers) > 16 {
		return "A list of the options is too long."
	}
	n := 0
	for k, v := range o.Metadata {
		n += len(k) + len(v)
	}
	if n > MaxRoomMetadataBytes {
		return "The metadata is larger than " + strconv.Itoa(MaxRoomMetadataBytes) + " bytes."
	}
	return ""
}

// Over returns the options with what is absent taken from those below.
func (o RoomOptions) Over(below RoomOptions) RoomOptions {
	take(&o.Kind, below.Kind)
	take(&o.Participants, below.Participants)
	take(&o.Viewers, below.Viewers)
	take(&o.Role, below.Role)
	take(&o.EmptyFor, below.EmptyFor)
	take(&o.EndsAt, below.EndsAt)
	take(&o.MaxBitrate, below.MaxBitrate)
	if o.Sources == nil {
		o.Sources = below.Sources
	}
	if o.Codecs == nil {
		o.Codecs = below.Codecs
	}
	if o.Publishers == nil {
		o.Publishers = below.Publishers
	}
	if o.Metadata == nil {
		o.Metadata = below.Metadata
	}
	return o
}

func take[T comparable](v *T, below T) {
	var zero T
	if *v == zero {
		*v = below
	}
}

// WithKind fills in what the kind of the room says.
func (o RoomOptions) WithKind() RoomOptions {
	if o.Kind == KindBroadcast {
		return o.Over(RoomOptions{Publishers: []string{"host"}, Role: "viewer"})
	}
	return o.Over(RoomOptions{Kind: KindCall})
}

// Allow narrows grants to what the room lets somebody of that role publish.
func (o *RoomOptions) Allow(g Grants, role string) Grants {
	switch {
	case (o.Kind == KindTransfer || o.Kind == KindNearby) && len(o.Publishers) == 0:
		g.Publish = nil
	case len(o.Publishers) > 0 && !slices.Contains(o.Publishers, role):
		g.Publish = nil
	case len(o.Sources) > 0:
		var both []string
		for _, s := range o.Sources {
			if g.MayPublish(s) {
				both = append(both, string(s))
			}
		}
		g.Publish = both
	}
	return g
}

package room

import (
	"crypto/rand"
	"strings"
	"time"

	"switchyard/protocol"
)

// Config is what a room allows. The zero value works.
type Config struct {
	// Server is the server's name and version, as Welcome says it.
	Server string
	// Participants is how many can be in the room; 500 by default.
	Participants int
	// Viewers is how many can watch by WHEP besides; 5000 by default.
	Viewers int
	// Tracks is how many one participant can publish; 16 by default.
	Tracks int
	// MessageBytes is the largest message, for Welcome (signal/ws enforces it); 1 MiB by default.
	MessageBytes int
	// DataBytes is the largest payload of a data message; 64 KiB by default.
	DataBytes int
	// AttributeBytes is how much a participant can say about itself; 4 KiB by default.
	AttributeBytes int
	// MessageRate is how many messages a session may send per second, after MessageBurst at once;
	// 50 and 200 by default.
	MessageRate, MessageBurst int
	// ReplayMessages and ReplayBytes bound what is kept of a session's unacknowledged messages; 1024
	// and 4 MiB by default. When it is full the oldest are forgotten, and a client that misses them
	// cannot resume.
	ReplayMessages, ReplayBytes int
	// Grace is how long a session waits to be resumed; 30 s by default.
	Grace time.Duration
	// EmptyFor is how long a room stays when nobody is in it; 1 minute by default.
	EmptyFor time.Duration
	// NewID makes secrets of sessions and ids of tracks; crypto/rand by default.
	NewID func() string
	// ICEServers gives a participant of a room its ICE servers, for the link to the server or, with an
	// empty link, for those to other participants; none by default.
	ICEServers func(room string, who Identity, link string) []protocol.ICEServer
	// ICERenew is how often ICEServers is asked again, since credentials end; 0: never.
	ICERenew time.Duration
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		v *int
		d int
	}{
		{&c.Participants, 500}, {&c.Viewers, 5000}, {&c.Tracks, 16}, {&c.MessageBytes, 1 << 20},
		{&c.DataBytes, 64 << 10}, {&c.AttributeBytes, 4 << 10}, {&c.MessageRate, 50},
		{&c.MessageBurst, 200}, {&c.ReplayMessages, 1024}, {&c.ReplayBytes, 4 << 20},
	} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	if c.Grace <= 0 {
		c.Grace = 30 * time.Second
	}
	if c.EmptyFor <= 0 {
		c.EmptyFor = time.Minute
	}
	if c.NewID == nil {
		c.NewID = func() string { return strings.ToLower(rand.Text()) }
	}
	if c.ICEServers == nil {
		c.ICEServers = func(string, Identity, string) []protocol.ICEServer { return nil }
	}
	return c
}

func (r *Room) limits() protocol.Limits {
	return protocol.Limits{
		MessageBytes: r.cfg.MessageBytes, DataBytes: r.cfg.DataBytes, Tracks: r.cfg.Tracks,
		Participants: r.mostParticipants(), ResumeSeconds: int(r.cfg.Grace / time.Second),
	}
}

// bucket is a token bucket; it starts full.
type bucket struct {
	level float64
	last  time.Time
}

// take says whether one more is allowed at now.
func (b *bucket) take(now time.Time, rate, burst int) bool {
	if b.last.IsZero() {
		b.level = float64(burst)
	} else if d := now.Sub(b.last); d > 0 {
		b.level = min(float64(burst), b.level+d.Seconds()*float64(rate))
	}
	b.last = now
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}

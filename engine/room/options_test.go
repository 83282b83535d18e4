package room

import (
	"slices"
	"testing"
	"time"

	"switchyard/media"
	"switchyard/protocol"
)

// stage is a room with a host and a guest, each with a link and a camera.
func stage(t *testing.T) (r *Room, now time.Time, told func() []Output) {
	t.Helper()
	now = time.Unix(1_700_000_000, 0)
	n := 0
	r = New("demo", Config{NewID: func() string { n++; return "id" + string(rune('a'+n)) }}, now)
	lines := []Line{{MID: "0", Kind: media.Video, Recv: true}}
	tracks := []protocol.PublishTrack{{MID: "0", Kind: protocol.KindVideo, Source: protocol.SourceCamera}}
	for _, who := range []Identity{{ID: "host", Role: "host"}, {ID: "guest"}} {
		who.Grants = protocol.Grants{Publish: []string{"*"}, Subscribe: true}
		if _, err := r.EnterPublisher(now, who, lines, tracks); err != nil {
			t.Fatal(err)
		}
	}
	r.Outputs()
	return r, now, r.Outputs
}

func ended(outputs []Output) (who []protocol.ParticipantID) {
	for _, o := range outputs {
		if o, ok := o.(TrackUnpublished); ok {
			who = append(who, o.Track.Participant)
		}
	}
	return who
}

// A room that becomes a broadcast ends what its guests publish, and takes nothing new of them.
func TestBroadcastEndsGuests(t *testing.T) {
	r, now, told := stage(t)
	r.Configure(now, protocol.RoomOptions{Kind: "broadcast"})
	if who := ended(told()); !slices.Equal(who, []protocol.ParticipantID{"guest"}) {
		t.Fatalf("ended: %v", who)
	}
	if g, _ := r.GrantsOf("guest"); len(g.Publish) != 0 || !g.Subscribe {
		t.Errorf("%+v", g)
	}
	role := "host"
	if err := r.Change(protocol.ParticipantUpdate{Participant: "guest", Role: &role}); err != nil {
		t.Fatal(err)
	}
	if g, _ := r.GrantsOf("guest"); len(g.Publish) != 1 {
		t.Errorf("a host by the API may publish %v", g.Publish)
	}
	r.Configure(now, protocol.RoomOptions{Sources: []protocol.TrackSource{protocol.SourceMicrophone}})
	if who := ended(told()); !slices.Equal(who, []protocol.ParticipantID{"host"}) {
		t.Errorf("ended: %v", who)
	}
}

// What the API changed about somebody outlives the session; who was removed stays out, also as a viewer.
func TestChangesOutliveASession(t *testing.T) {
	r, now, told := stage(t)
	g := protocol.Grants{Subscribe: true}
	name := "Gwen"
	if err := r.Change(protocol.ParticipantUpdate{Participant: "guest", Name: &name, Grants: &g, Attributes: map[string]string{"hand": "up"}}); err != nil {
		t.Fatal(err)
	}
	if who := ended(told()); !slices.Equal(who, []protocol.ParticipantID{"guest"}) {
		t.Fatalf("ended: %v", who)
	}
	again := Identity{ID: "guest", Grants: protocol.Grants{Publish: []string{"*"}, Subscribe: true, Moderate: true}}
	if _, err := r.EnterPublisher(now, again, nil, nil); err == nil {
		t.Error("a publisher without tracks was let in")
	}
	if g := r.Grants(again); len(g.Publish) != 0 || g.Moderate {
		t.Errorf("its token gives back what was taken: %+v", g)
	}
	lines := []Line{{MID: "0", Kind: media.Video, Send: true}}
	if _, err := r.EnterViewer(now, again, lines); err != nil {
		t.Fatal(err)
	}
	if !r.Remove(now, "guest", "") || r.Viewers() != 0 {
		t.Error("who was removed still watches")
	}
	if _, err := r.EnterViewer(now, again, lines); err == nil {
		t.Error("who was removed can watch")
	}
	if g := r.Grants(again); g.Subscribe {
		t.Errorf("%+v", g)
	}
	if r.Remove(now, "guest", "") {
		t.Error("removed twice")
	}
}

// The end of a room is a deadline, and closes it for good.
func TestEndOfARoom(t *testing.T) {
	r, now, told := stage(t)
	end := now.Add(time.Minute)
	r.Configure(now, protocol.RoomOptions{EndsAt: end.UnixMilli()})
	if d := r.Deadline(); !d.Equal(end) {
		t.Fatalf("deadline %v", d)
	}
	r.Advance(end.Add(-time.Millisecond))
	if r.Closed() {
		t.Fatal("closed early")
	}
	r.Advance(end)
	left := 0
	for _, o := range told() {
		if o, ok := o.(ParticipantLeft); ok && o.Reason == "closed" {
			left++
		}
	}
	if !r.Closed() || left != 2 {
		t.Errorf("closed %v, %d left", r.Closed(), left)
	}
}

// Only what fits is held, and an empty selection is everything.
func TestHold(t *testing.T) {
	r, _, _ := stage(t)
	if ids := r.Hold(func(t protocol.Track) bool { return t.Participant == "guest" }); len(ids) != 1 {
		t.Fatalf("%v", ids)
	}
	held := map[protocol.ParticipantID]bool{}
	for _, tr := range r.Tracks() {
		held[tr.Participant] = tr.Held && tr.Muted
	}
	if !held["guest"] || held["host"] {
		t.Errorf("%v", held)
	}
	if n, err := r.Tell(time.Unix(1, 0), nil, "x", []byte("1")); n != 0 || err != nil {
		t.Errorf("%d %v: those without a WebSocket get no data", n, err)
	}
}

// Changed metadata is told, all of it, also when it is gone; what stays as it is is not told again.
func TestMetadataIsTold(t *testing.T) {
	now := time.Unix(1, 0)
	r := New("r", Config{}, now)
	r.Connect(now, 1, identity("ann", "data"))
	r.Receive(now, 1, protocol.Envelope{Type: protocol.TypeJoin, ID: 1, Seq: 1})
	r.Outputs()
	for _, step := range []struct {
		options protocol.RoomOptions
		want    []string
	}{
		{protocol.RoomOptions{Participants: 3}, nil},
		{protocol.RoomOptions{Metadata: map[string]string{"a": "1"}}, []string{`{"metadata":{"a":"1"}}`}},
		{protocol.RoomOptions{Metadata: map[string]string{"a": "1"}, Participants: 9}, nil},
		{protocol.RoomOptions{}, []string{`{"metadata":{}}`}},
	} {
		r.Configure(now, step.options)
		var got []string
		for _, o := range r.Outputs() {
			if o, ok := o.(Send); ok && o.Envelope.Type == protocol.TypeRoom {
				got = append(got, string(o.Envelope.Body))
			}
		}
		if !slices.Equal(got, step.want) {
			t.Errorf("%+v: told %q, want %q", step.options, got, step.want)
		}
	}
}

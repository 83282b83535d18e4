package calls

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"switchyard/client"
	"switchyard/client/clip"
	"switchyard/protocol"
)

const (
	videoStep = 90000 / clip.FPS // between two frames
	audioStep = 48000 / 50
)

// play publishes a built-in clip until the test ends.
func play(t testing.TB, p *person, name string) (video, audio protocol.TrackID) {
	t.Helper()
	c, err := clip.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	player := clip.NewPlayer(c, clip.PlayerOptions{StreamID: name})
	video, audio = publish(t, p, player.Video, name), publish(t, p, player.Audio, name)
	keepPlaying(t, c, player)
	return video, audio
}

func publish(t testing.TB, p *person, track *clip.Track, group string) protocol.TrackID {
	t.Helper()
	pub, err := p.Publish(t.Context(), track, client.PublishOptions{Group: group})
	if err != nil {
		t.Fatal(err)
	}
	return pub.Track().ID
}

// keepPlaying plays until the test ends.
func keepPlaying(t testing.TB, c *clip.Clip, player *clip.Player) {
	done := make(chan error, 1)
	go func() { done <- player.Play(t.Context()) }() // which ends before cleanups run
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = c.Close()
	})
}

// Three people in a call, each behind a network that loses a twentieth of everything both ways. What
// Ann films is complete at both others after repair, what Ben says goes on, data is whole and in order,
// and a WebSocket that is cut comes back while media flows.
func TestCallOverBadNetworks(t *testing.T) {
	s := startServer(t)
	ann, ben, cas := s.join(t, "ann", 1, 0), s.join(t, "ben", 2, 2), s.join(t, "cas", 3, 2)
	annVideo, annAudio := play(t, ann, "clock")
	benVideo, benAudio := play(t, ben, "red")

	watched := map[string]struct {
		*person
		video, audio protocol.TrackID
	}{
		"ben of ann": {ben, annVideo, annAudio},
		"cas of ann": {cas, annVideo, annAudio},
		"cas of ben": {cas, benVideo, benAudio},
	}
	type heard struct {
		count int
		at    mark
	}
	videoFrom, audioFrom := map[string]mark{}, map[string]heard{}
	for name, w := range watched {
		eventually(t, name, func() string {
			v, a := w.ear.of(w.video), w.ear.of(w.audio)
			if v == nil || a == nil || v.count() < 50 || a.count() < 50 {
				return "picture and sound do not flow"
			}
			return ""
		})
		// From here on the frames come as they are filmed; before, some were caught up with.
		audio := w.ear.of(w.audio)
		videoFrom[name], audioFrom[name] = w.ear.of(w.video).newest(), heard{audio.count(), audio.newest()}
	}

	sendInOrder(t, ann, ben, cas)
	cutAndResume(t, ann, cas)

	for name, w := range watched {
		video, audio := w.ear.of(w.video), w.ear.of(w.audio)
		wholePicture(t, s, w.person, name, video, videoFrom[name])
		due := int((audio.newest().time - audioFrom[name].at.time) / audioStep)
		heard := audio.count() - audioFrom[name].count
		if due < 50 || heard < due*3/5 { // two networks lose a tenth, and a clip that jumps to a keyframe a few more
			t.Errorf("sound at %s: %d of %d packets", name, heard, due)
		}
		packets, copies := video.count(), video.repeats()
		if copies > packets {
			t.Errorf("picture at %s: %d packets came %d times more: what is repaired is asked for again", name, packets, copies)
		}
		t.Logf("%s: %d packets, %d of them twice; sound %d of %d", name, packets, copies, heard, due)
	}
	for who, p := range map[string]*person{"ann": ann, "ben": ben, "cas": cas} {
		out, in := p.net.Stats()
		if out.Lost() == 0 || in.Lost() == 0 {
			t.Errorf("%s's network lost nothing: it was not used", who)
		}
		t.Logf("%s: out %+v in %+v", who, out, in)
	}
}

// wholePicture waits until nothing is missing of a hundred frames. Where the machine is so busy that the server takes
// the path for a narrow one, it leaves frames out, and says so: then the next hundred are looked at.
func wholePicture(t testing.TB, s site, p *person, name string, video *flow, from mark) {
	t.Helper()
	first, before := video.beginning(), s.leftOut(t, p)
	var to mark
	eventually(t, "picture at "+name, func() string {
		if n := (video.newest().time - from.time) / videoStep; n < 100 {
			return fmt.Sprintf("only %d frames were filmed", n)
		}
		if to == (mark{}) {
			to = video.newest()
		}
		missing := video.holes(first, from, to, videoStep)
		if missing == "" {
			return ""
		}
		if now := s.leftOut(t, p); now != before {
			before, from, to = now, video.newest(), mark{}
			first = from.seq
		}
		return missing
	})
}

// leftOut is what the server left out on purpose: packets of anybody that waited too long, and pictures of p.
func (s site) leftOut(t testing.TB, p *person) string {
	t.Helper()
	res, err := http.Get(s.url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, paced, found := strings.Cut(string(text), `switchyard_drops_total{reason="paced"} `)
	if paced, _, _ = strings.Cut(paced, "\n"); !found {
		t.Fatal("the server does not count what it leaves out")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Sprint(paced, " packets, ", p.pauses, " pauses")
}

// sendInOrder sends numbered messages on the reliable DataChannel, which all arrive once and in order.
func sendInOrder(t testing.TB, from *person, to ...*person) {
	t.Helper()
	const messages = 200
	for i := range messages {
		payload := binary.BigEndian.AppendUint32(make([]byte, 0, 500), uint32(i))
		eventually(t, "the DataChannel opens", func() string {
			if err := from.SendPacket(client.Packet{Topic: "count", Payload: payload[:500], Reliable: true}); err != nil {
				return err.Error()
			}
			return ""
		})
	}
	for _, p := range to {
		var got []client.Packet
		eventually(t, "data", func() string {
			if _, _, got = p.received(); len(got) < messages {
				return fmt.Sprintf("%d of %d messages", len(got), messages)
			}
			return ""
		})
		for i, m := range got {
			if m.From != from.ID() || !m.Reliable || len(m.Payload) != 500 || binary.BigEndian.Uint32(m.Payload) != uint32(i) {
				t.Fatalf("%s got as message %d: %s %v", p.ID(), i, m.From, m.Payload[:4])
			}
		}
	}
}

// cutAndResume cuts the WebSocket of away: media goes on, and what is said meanwhile comes after it.
func cutAndResume(t testing.TB, from, away *person) {
	t.Helper()
	session := away.Welcome().Session
	before := away.ear.packets()
	away.tcp.sever()
	eventually(t, "the cut is noticed", func() string {
		if states, _, _ := away.received(); !slices.Contains(states, client.Reconnecting) {
			return fmt.Sprint(states)
		}
		return ""
	})
	for i := range 5 {
		if err := from.SendData(t.Context(), "chat", i); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "media flows on", func() string {
		if n := away.ear.packets() - before; n < 30 {
			return fmt.Sprint(n, " packets since the cut")
		}
		return ""
	})
	if _, chats, _ := away.received(); len(chats) > 0 {
		t.Fatalf("%v came over a cut cable", chats)
	}
	away.tcp.mend()
	want := []string{"0", "1", "2", "3", "4"}
	eventually(t, "what was said meanwhile", func() string {
		if _, chats, _ := away.received(); !slices.Equal(chats, want) {
			return fmt.Sprint(chats)
		}
		return ""
	})
	if got := away.Welcome().Session; got != session {
		t.Errorf("a new session began instead of the old one resuming")
	}
	if states, _, _ := away.received(); slices.Contains(states, client.Rejoined) {
		t.Errorf("%v", states)
	}
}

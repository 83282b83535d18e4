package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"switchyard/client"
	"switchyard/engine/room"
	"switchyard/media"
	"switchyard/protocol"
)

// fakeServer is a server of one room: the real room (engine/room) behind real WebSockets, with links
// by pion/webrtc. Each slot of a subscriber is a track that the test feeds. The token is the identity.
type fakeServer struct {
	t    testing.TB
	http *httptest.Server
	api  *webrtc.API

	mu     sync.Mutex
	room   *room.Room // guarded by mu, as all below
	lastID room.Conn
	socks  map[room.Conn]*fakeSock
	links  map[room.ID]*fakeLink
	refuse bool // WebSockets are refused
}

type fakeSock struct {
	conn *websocket.Conn
	out  chan protocol.Envelope
}

// fakeLink is the server's end of one link.
type fakeLink struct {
	pc      *webrtc.PeerConnection
	slots   map[string]*webrtc.TrackLocalStaticRTP // by MID
	answers int
	anew    int            // of them to offers that restart ICE, which a client may do at any time
	got     map[string]int // packets by MID
	rids    map[string]int // packets by RID
	data    chan []byte
}

func newFakeServer(t testing.TB) *fakeServer {
	t.Helper()
	api, err := client.NewAPI("http://127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	s := &fakeServer{t: t, api: api, socks: map[room.Conn]*fakeSock{}, links: map[room.ID]*fakeLink{}}
	s.room = room.New("r", room.Config{}, time.Now())
	s.http = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(func() {
		s.dropSockets()
		s.http.Close()
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, l := range s.links {
			l.pc.Close()
		}
	})
	return s
}

func (s *fakeServer) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	if refuse {
		http.Error(w, "away", http.StatusServiceUnavailable)
		return
	}
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{protocol.Subprotocol}})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	s.mu.Lock()
	s.lastID++
	id := s.lastID
	sock := &fakeSock{conn, make(chan protocol.Envelope, 1000)}
	s.socks[id] = sock
	who := room.Identity{ID: protocol.ParticipantID(r.URL.Query().Get("token")), Grants: protocol.Grants{Publish: []string{"*"}, Subscribe: true, Data: true}}
	s.room.Connect(time.Now(), id, who)
	s.act()
	s.mu.Unlock()
	go func() {
		for e := range sock.out {
			b, _ := json.Marshal(e)
			if conn.Write(context.Background(), websocket.MessageText, b) != nil {
				return
			}
		}
		conn.CloseNow()
	}()
	for {
		_, b, err := conn.Read(context.Background())
		var e protocol.Envelope
		if err != nil || json.Unmarshal(b, &e) != nil {
			break
		}
		s.mu.Lock()
		s.room.Receive(time.Now(), id, e)
		s.act()
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.socks[id] == sock {
		delete(s.socks, id)
		close(sock.out)
		s.room.Disconnect(time.Now(), id)
		s.act()
	}
}

// act does what the room wants. mu is held.
func (s *fakeServer) act() {
	for _, o := range s.room.Outputs() {
		switch o := o.(type) {
		case room.Send:
			if sock := s.socks[o.Conn]; sock != nil {
				sock.out <- o.Envelope
			}
		case room.Hangup:
			if sock := s.socks[o.Conn]; sock != nil {
				delete(s.socks, o.Conn)
				close(sock.out)
			}
		case room.AnswerOffer:
			s.answer(o)
			s.act()
		case room.CloseLink:
			if l := s.links[o.Session]; l != nil {
				delete(s.links, o.Session)
				go l.pc.Close()
			}
		}
	}
}

func (s *fakeServer) answer(o room.AnswerOffer) {
	l := s.links[o.Session]
	if l == nil {
		pc, err := s.api.NewPeerConnection(webrtc.Configuration{})
		if err != nil {
			s.t.Error(err)
			return
		}
		l = &fakeLink{pc: pc, slots: map[string]*webrtc.TrackLocalStaticRTP{}, got: map[string]int{}, rids: map[string]int{}, data: make(chan []byte, 100)}
		s.links[o.Session] = l
		pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) { s.receive(l, t, r) })
		pc.OnDataChannel(func(d *webrtc.DataChannel) {
			d.OnMessage(func(m webrtc.DataChannelMessage) {
				l.data <- m.Data
				if err := d.Send(m.Data); err != nil {
					s.t.Error(err)
				}
			})
		})
	}
	lines, sdp, err := l.answer(o.SDP)
	if err != nil {
		s.t.Error(err)
		return
	}
	s.room.Answered(time.Now(), o.Session, o.Ticket, room.Answer{SDP: sdp, Lines: lines})
}

// answer gives every slot a track of ours.
func (l *fakeLink) answer(offer string) ([]room.Line, string, error) {
	l.answers++
	if before := l.pc.RemoteDescription(); before != nil && ufrag(before.SDP) != ufrag(offer) {
		l.anew++
	}
	if err := l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return nil, "", err
	}
	var lines []room.Line
	for i, t := range l.pc.GetTransceivers() {
		line := room.Line{MID: t.Mid(), Kind: media.Video}
		mime := "video/VP8"
		if t.Kind() == webrtc.RTPCodecTypeAudio {
			line.Kind, mime = media.Audio, "audio/opus"
		}
		sends := strings.Contains(section(offer, t.Mid()), "a=recvonly")
		line.Send, line.Recv = sends, !sends
		lines = append(lines, line)
		if !sends || l.slots[t.Mid()] != nil {
			continue
		}
		stream := "pair" + string(rune('0'+i/2))
		track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: mime}, t.Mid(), stream)
		if err != nil {
			return nil, "", err
		}
		if _, err := l.pc.AddTrack(track); err != nil {
			return nil, "", err
		}
		l.slots[t.Mid()] = track
	}
	gathered := webrtc.GatheringCompletePromise(l.pc)
	answer, err := l.pc.CreateAnswer(nil)
	if err != nil {
		return nil, "", err
	}
	if err := l.pc.SetLocalDescription(answer); err != nil {
		return nil, "", err
	}
	<-gathered
	return lines, l.pc.LocalDescription().SDP, nil
}

// ufrag is the first one in an offer.
func ufrag(sdp string) string {
	_, rest, _ := strings.Cut(sdp, "a=ice-ufrag:")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// section is the m-line of a MID.
func section(sdp, mid string) string {
	for _, s := range strings.Split(sdp, "\r\nm=") {
		if strings.Contains(s, "a=mid:"+mid+"\r\n") {
			return s
		}
	}
	return ""
}

// receive counts what is published and asks for a keyframe.
func (s *fakeServer) receive(l *fakeLink, t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	mid := ""
	for _, tr := range l.pc.GetTransceivers() {
		if tr.Receiver() == r {
			mid = tr.Mid()
		}
	}
	go func() { // pion's reports need the sender reports read; ReadRTCP races with layers that come later
		for {
			if _, _, err := r.ReadSimulcastRTCP(t.RID()); err != nil {
				return
			}
		}
	}()
	_ = l.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: uint32(t.SSRC())}})
	for {
		if _, _, err := t.ReadRTP(); err != nil {
			return
		}
		s.mu.Lock()
		l.got[mid]++
		l.rids[t.RID()]++
		s.mu.Unlock()
	}
}

// dropSockets cuts every WebSocket, as a bad network does.
func (s *fakeServer) dropSockets() {
	s.mu.Lock()
	var conns []*websocket.Conn
	for _, sock := range s.socks {
		conns = append(conns, sock.conn)
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.CloseNow()
	}
}

// restart forgets everything, as a server that was killed does.
func (s *fakeServer) restart() {
	s.mu.Lock()
	s.room = room.New("r", room.Config{}, time.Now())
	links := s.links
	s.links = map[room.ID]*fakeLink{}
	s.mu.Unlock()
	for _, l := range links {
		l.pc.Close()
	}
	s.dropSockets()
}

// do runs f with the room.
func (s *fakeServer) do(f func(*room.Room)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.room)
	s.act()
}

// linkOf returns the session and link of a participant.
func (s *fakeServer) linkOf(id protocol.ParticipantID) (room.ID, *fakeLink) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for session, l := range s.links {
		if who, ok := s.room.Who(session); ok && who == id {
			return session, l
		}
	}
	return 0, nil
}

func (s *fakeServer) packets(id protocol.ParticipantID) (n int) {
	_, l := s.linkOf(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if l != nil {
		for _, c := range l.got {
			n += c
		}
	}
	return n
}

// dial joins as id.
func (s *fakeServer) dial(id string, o client.Options) *client.Client {
	s.t.Helper()
	o.URL, o.Room, o.Token = s.http.URL, "r", id
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	c, err := client.Dial(ctx, o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

// patience is how long a test waits for what must come: it says when to give up, not what is fast enough.
const patience = time.Minute

// eventually polls until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// recorder collects events.
type recorder[T any] struct {
	mu   sync.Mutex
	list []T
}

func (r *recorder[T]) add(v T) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, v)
}

func (r *recorder[T]) all() []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

package peer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"switchyard/media"
	"switchyard/peer/tcp"
	"switchyard/peer/udp"
)

// station is a shard with a real socket and one link, against which pion/webrtc is the client.
type station struct {
	node // its loop, events and link; the network is real
	sock *udp.Socket
	tcp  *net.TCPListener
	cert *Certificate
	done sync.WaitGroup
}

const slotSSRC = 0x5107

func newStation(t *testing.T) *station {
	t.Helper()
	sock, l := onePort(t)
	s := &station{node: node{t: t, loop: newLoop()}, sock: sock, tcp: l, cert: testCertificate(t)}
	s.done.Go(s.readUDP)
	s.done.Go(s.acceptTCP)
	return s
}

// onePort listens on UDP and TCP under one number: another number is tried where TCP has that one already.
func onePort(t *testing.T) (*udp.Socket, *net.TCPListener) {
	t.Helper()
	for range 20 {
		sock, err := udp.Listen(netip.MustParseAddrPort("127.0.0.1:0"), udp.Options{})
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(sock.LocalAddr()))
		if err == nil {
			return sock, l
		}
		if err := sock.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

func (s *station) readUDP() {
	d := make([]udp.Datagram, 16)
	for i := range d {
		d[i].Buf = make([]byte, media.MaxDatagram)
	}
	for {
		n, err := s.sock.ReadBatch(d, time.Time{})
		if err != nil {
			return
		}
		for _, g := range d[:n] {
			b := bytes.Clone(g.Buf[:g.N])
			s.loop.do(func() { s.hand(Path{Remote: g.From, Local: g.To}, b) })
		}
	}
}

func (s *station) acceptTCP() {
	for {
		nc, err := s.tcp.Accept()
		if err != nil {
			return
		}
		c := tcp.NewConn(nc, tcp.Options{})
		s.done.Go(func() {
			_ = c.Serve(func(b []byte) {
				b = bytes.Clone(b)
				s.loop.do(func() { s.hand(Path{Remote: c.Remote(), Local: c.Local().Addr(), Via: c}, b) })
			})
		})
	}
}

func (s *station) hand(p Path, b []byte) {
	if s.link != nil {
		s.receive(p, b)
	}
}

func (s *station) transmit(p Path, b []byte) {
	if p.Via != nil {
		p.Via.Send(b)
		return
	}
	_ = s.sock.WriteTo(b, p.Remote, p.Local)
}

func (s *station) shut() {
	s.stop()
	s.sock.Close()
	s.tcp.Close()
	s.done.Wait() // the readers wait for the loop, which therefore goes last
	s.loop.stop()
}

// readOffer makes the session of an offer; active is our DTLS role.
func (s *station) readOffer(offer string, active bool, ufrag string) (*Session, *sdp.SessionDescription) {
	s.t.Helper()
	var d sdp.SessionDescription
	if err := d.UnmarshalString(offer); err != nil {
		s.t.Fatal(err)
	}
	get := func(key string) string {
		for _, m := range d.MediaDescriptions {
			if v, ok := m.Attribute(key); ok {
				return v
			}
		}
		v, _ := d.Attribute(key)
		return v
	}
	hash, value, _ := strings.Cut(get("fingerprint"), " ")
	session := &Session{
		RemoteUfrag: get("ice-ufrag"), RemotePwd: get("ice-pwd"),
		RemoteFingerprint: Fingerprint{Hash: hash, Value: value},
		DTLSClient:        active,
		LocalUfrag:        ufrag, LocalPwd: ufrag + "-password-of-more-than-22",
	}
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Media == "application" {
			mid, _ := m.Attribute("mid")
			session.Data = &Data{MID: mid, Port: 5000, MaxMessageSize: 65536}
		}
	}
	return session, &d
}

// answer writes the least answer that a client takes.
func (s *station) answer(session *Session, d *sdp.SessionDescription, useTCP bool) string {
	var b strings.Builder
	var mids []string
	for _, m := range d.MediaDescriptions {
		mid, _ := m.Attribute("mid")
		mids = append(mids, mid)
	}
	fmt.Fprintf(&b, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE %s\r\n", strings.Join(mids, " "))
	for i, m := range d.MediaDescriptions {
		fmt.Fprintf(&b, "m=%s 9 %s %s\r\nc=IN IP4 0.0.0.0\r\na=mid:%s\r\n", m.MediaName.Media,
			strings.Join(m.MediaName.Protos, "/"), m.MediaName.Formats[0], mids[i])
		if m.MediaName.Media == "application" {
			b.WriteString("a=sctp-port:5000\r\na=max-message-size:262144\r\n")
		} else {
			fmt.Fprintf(&b, "a=rtcp-mux\r\na=sendrecv\r\na=rtpmap:%s VP8/90000\r\na=msid:s t\r\na=ssrc:%d cname:c\r\n",
				m.MediaName.Formats[0], slotSSRC)
		}
		setup := "passive"
		if session.DTLSClient {
			setup = "active"
		}
		fp := s.cert.Fingerprint()
		fmt.Fprintf(&b, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s %s\r\na=setup:%s\r\n",
			session.LocalUfrag, session.LocalPwd, fp.Hash, fp.Value, setup)
		if useTCP {
			fmt.Fprintf(&b, "a=candidate:1 1 tcp 2105524479 127.0.0.1 %d typ host tcptype passive\r\n", s.sock.LocalAddr().Port())
		} else {
			fmt.Fprintf(&b, "a=candidate:1 1 udp 2130706431 127.0.0.1 %d typ host\r\n", s.sock.LocalAddr().Port())
		}
		b.WriteString("a=end-of-candidates\r\n")
	}
	return b.String()
}

// scenario is one way to connect.
type scenario struct {
	profile dtls.SRTPProtectionProfile
	active  bool // we are the DTLS client
	tcp     bool
}

func (c scenario) String() string {
	return fmt.Sprintf("%v,active=%v,tcp=%v", c.profile, c.active, c.tcp)
}

// client is a pion/webrtc end.
type client struct {
	t     *testing.T
	pc    *webrtc.PeerConnection
	track *webrtc.TrackLocalStaticRTP
	got   chan []byte // payloads that it received
	seq   uint16      // of packets both ways: SRTP wants them to grow
}

func newClient(t *testing.T, c scenario) *client {
	t.Helper()
	var e webrtc.SettingEngine
	e.SetIncludeLoopbackCandidate(true)
	e.SetInterfaceFilter(func(name string) bool { return name == "lo" })
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	if c.tcp {
		e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	if c.profile != 0 {
		e.SetSRTPProtectionProfiles(c.profile)
	}
	m := &webrtc.MediaEngine{}
	if err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, PayloadType: 96}, webrtc.RTPCodecTypeVideo); err != nil {
		t.Fatal(err)
	}
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithSettingEngine(e)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	track, err := webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8}, "v", "s")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pc.AddTrack(track); err != nil {
		t.Fatal(err)
	}
	cl := &client{t: t, pc: pc, track: track, got: make(chan []byte, 100)}
	pc.OnTrack(func(r *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		for {
			p, _, err := r.ReadRTP()
			if err != nil {
				return
			}
			cl.got <- p.Payload
		}
	})
	return cl
}

// connect offers and lets s answer; ufrag changes with an ICE restart.
func (cl *client) connect(s *station, c scenario, ufrag string, restart bool) {
	cl.t.Helper()
	offer, err := cl.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		cl.t.Fatal(err)
	}
	if err := cl.pc.SetLocalDescription(offer); err != nil {
		cl.t.Fatal(err)
	}
	session, d := s.readOffer(offer.SDP, c.active, ufrag)
	if restart {
		s.loop.do(func() { s.link.Update(session) })
	} else {
		link, err := NewLink(LinkConfig{
			Session: session, Certificate: s.cert, Clock: testClock, Log: testLog(), Loopback: true,
			Send:          s.transmit,
			Post:          func(f func()) { s.loop.ch <- f },
			OnEvent:       func(e LinkEvent) { s.events = append(s.events, e) },
			OnDataChannel: s.onData,
		})
		if err != nil {
			cl.t.Fatal(err)
		}
		s.loop.do(func() { s.link = link; link.Start() })
		s.ticking()
	}
	answer := webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: s.answer(session, d, c.tcp)}
	if err := cl.pc.SetRemoteDescription(answer); err != nil {
		cl.t.Fatal(err)
	}
}

// sendsAndReceives checks that media flows both ways, and RTCP.
func (cl *client) sendsAndReceives(s *station) {
	cl.t.Helper()
	var in [][]byte
	rtcp := 0
	s.loop.do(func() {
		s.in = func(_ media.Time, p []byte, isRTCP bool) {
			if isRTCP {
				rtcp++
			} else {
				in = append(in, bytes.Clone(p[12:]))
			}
		}
	})
	want := fmt.Sprint("payload ", cl.seq)
	s.eventually("media from the client", func() bool {
		cl.seq++
		if _, err := cl.track.Write(rtpPacket(1, cl.seq, []byte(want))); err != nil {
			cl.t.Error(err)
		}
		return len(in) > 0 && strings.Contains(string(in[len(in)-1]), want)
	})
	for end := time.Now().Add(patience); ; {
		s.loop.do(func() {
			cl.seq++
			h := rtpPacket(slotSSRC, cl.seq, nil)
			buf := make([]byte, 200)
			copy(buf, h)
			n := s.link.SealRTP(buf, 12, []byte(want), 0)
			path, ok := s.link.Path()
			if n == 0 || !ok {
				cl.t.Error("cannot send")
				return
			}
			s.transmit(path, buf[:n])
		})
		select {
		case got := <-cl.got:
			if strings.Contains(string(got), want) {
				return
			}
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(end) {
			cl.t.Fatal("no media at the client")
		}
	}
}

func TestPionConnectsWithEachProfileRoleAndTransport(t *testing.T) {
	for _, c := range []scenario{
		{dtls.SRTP_AEAD_AES_128_GCM, false, false},
		{dtls.SRTP_AES128_CM_HMAC_SHA1_80, false, false},
		{dtls.SRTP_AEAD_AES_128_GCM, true, false},
		{dtls.SRTP_AES128_CM_HMAC_SHA1_80, true, false},
		{0, false, true},
	} {
		t.Run(c.String(), func(t *testing.T) {
			before := runtime.NumGoroutine()
			s, cl := newStation(t), newClient(t, c)
			cl.connect(s, c, "first", false)
			start := time.Now()
			s.eventually("connected", s.has(Connected))
			t.Logf("connected %v after the answer", time.Since(start).Round(time.Millisecond))
			cl.sendsAndReceives(s)
			if err := cl.pc.Close(); err != nil {
				t.Fatal(err)
			}
			s.eventually("closed", func() bool { // a TCP connection may end before its goodbye was written
				return s.has(Closed)() || c.tcp && s.has(Disconnected)()
			})
			s.shut()
			noGoroutinesLeft(t, before)
		})
	}
}

func TestPionWithoutAProfileInCommonFails(t *testing.T) {
	s, cl := newStation(t), newClient(t, scenario{profile: dtls.SRTP_AES256_CM_SHA1_80})
	cl.connect(s, scenario{}, "first", false)
	s.eventually("failed", s.has(Failed))
	cl.pc.Close()
	s.shut()
}

func TestPionRestartsICE(t *testing.T) {
	s, cl := newStation(t), newClient(t, scenario{})
	cl.connect(s, scenario{}, "first", false)
	s.eventually("connected", s.has(Connected))
	cl.sendsAndReceives(s)
	var before Path
	s.loop.do(func() { before, _ = s.link.Path() })
	cl.connect(s, scenario{}, "second", true)
	s.eventually("a nominated path under the new credentials", func() bool {
		p, ok := s.link.Path()
		return ok && s.link.agent.Nominated() && p != before
	})
	cl.sendsAndReceives(s)
	s.loop.do(func() {
		if s.has(Disconnected)() || s.has(Failed)() || !s.has(PathChanged)() {
			t.Errorf("events %v", s.events)
		}
	})
	cl.pc.Close()
	s.shut()
}

func TestPionDataChannels(t *testing.T) {
	for _, active := range []bool{false, true} {
		t.Run(fmt.Sprint("active=", active), func(t *testing.T) {
			before := runtime.NumGoroutine()
			c := scenario{active: active}
			s, cl := newStation(t), newClient(t, c)
			s.onData = func(d *DataChannel) {
				if d.Reliable != (d.Label == "reliable") || d.Ordered != (d.Label == "reliable") {
					t.Errorf("channel %s: reliable %v, ordered %v", d.Label, d.Reliable, d.Ordered)
				}
				d.OnMessage(func(b []byte, text bool) {
					if err := d.Send(b, text); err != nil {
						t.Error(err)
					}
				})
			}
			no, zero := false, uint16(0)
			echo := make(chan string, 100)
			for label, o := range map[string]*webrtc.DataChannelInit{
				"reliable": nil, "lossy": {Ordered: &no, MaxRetransmits: &zero},
			} {
				dc, err := cl.pc.CreateDataChannel(label, o)
				if err != nil {
					t.Fatal(err)
				}
				dc.OnOpen(func() {
					if err := errors.Join(dc.SendText(label+" text"), dc.Send(bytes.Repeat([]byte{7}, 50000))); err != nil {
						t.Error(err)
					}
				})
				dc.OnMessage(func(m webrtc.DataChannelMessage) {
					if m.IsString {
						echo <- string(m.Data)
					} else {
						echo <- fmt.Sprint(label, " binary ", len(m.Data))
					}
				})
			}
			cl.connect(s, c, "first", false)
			got := map[string]bool{}
			for range 4 {
				select {
				case m := <-echo:
					got[m] = true
				case <-time.After(patience):
					t.Fatalf("got only %v", got)
				}
			}
			for _, want := range []string{"reliable text", "lossy text", "reliable binary 50000", "lossy binary 50000"} {
				if !got[want] {
					t.Errorf("no %q in %v", want, got)
				}
			}
			// And one that we open.
			opened := make(chan string, 1)
			cl.pc.OnDataChannel(func(dc *webrtc.DataChannel) {
				dc.OnMessage(func(m webrtc.DataChannelMessage) { opened <- dc.Label() + " " + string(m.Data) })
			})
			s.eventually("data", s.has(DataReady))
			s.loop.do(func() {
				dc, err := s.link.OpenDataChannel("ours", DataChannelOptions{})
				if err == nil {
					err = dc.Send([]byte("hello"), true)
				}
				if err != nil {
					t.Error(err)
				}
			})
			select {
			case m := <-opened:
				if m != "ours hello" {
					t.Errorf("got %q", m)
				}
			case <-time.After(patience):
				t.Error("our channel did not arrive")
			}
			cl.sendsAndReceives(s)
			closed := make(chan struct{})
			end := sync.OnceFunc(func() { close(closed) })
			cl.pc.OnConnectionStateChange(func(st webrtc.PeerConnectionState) {
				if st == webrtc.PeerConnectionStateClosed || st == webrtc.PeerConnectionStateFailed {
					end()
				}
			})
			s.loop.do(s.link.Close)
			select {
			case <-closed:
			case <-time.After(patience):
				t.Error("the client does not notice our Close")
			}
			cl.pc.Close()
			s.shut()
			noGoroutinesLeft(t, before)
		})
	}
}

func TestGarbageFromAnywhereDoesNotDisturbPion(t *testing.T) {
	s, cl := newStation(t), newClient(t, scenario{})
	cl.connect(s, scenario{}, "first", false)
	s.eventually("connected", s.has(Connected))
	r := rand.New(rand.NewPCG(5, 5))
	stranger, err := net.Dial("udp", s.sock.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	var path Path
	s.loop.do(func() { path, _ = s.link.Path() })
	for range 1000 {
		b := make([]byte, 1+r.IntN(1400))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		if len(b) > 20 && r.IntN(3) == 0 { // looks like STUN
			b[0], b[1] = 0, 1
			binary.BigEndian.PutUint32(b[4:], 0x2112a442)
		}
		if _, err := stranger.Write(b); err != nil {
			t.Fatal(err)
		}
		s.loop.do(func() { s.hand(path, b) })
	}
	cl.sendsAndReceives(s)
	s.loop.do(func() {
		if s.has(Failed)() || s.has(Closed)() {
			t.Errorf("events %v", s.events)
		}
	})
	cl.pc.Close()
	s.shut()
}

package client

import (
	"time"

	"github.com/pion/webrtc/v4"

	"switchyard/protocol"
)

// The methods here are called by Link.run only.

// fresh makes a new peer connection in place of the old one.
func (l *Link) fresh() error {
	l.c.mu.Lock()
	servers := iceServers(l.c.linkICE)
	l.c.mu.Unlock()
	pc, err := l.connection(servers)
	if err != nil {
		return err
	}
	negotiated, id := true, uint16(keeperID)
	if _, err := pc.CreateDataChannel("", &webrtc.DataChannelInit{Negotiated: &negotiated, ID: &id}); err != nil {
		_ = pc.Close()
		return err
	}
	l.mu.Lock()
	old := l.pc
	l.pc = pc
	l.mu.Unlock()
	if old != nil {
		_ = old.Close()
	}
	l.candidates = nil
	pc.OnICECandidate(func(c *webrtc.ICECandidate) { l.trickle(pc, c) })
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { l.do(func() { l.changed(pc, s) }) })
	pc.SCTP().Transport().ICETransport().OnSelectedCandidatePairChange(func(*webrtc.ICECandidatePair) {
		l.do(func() { l.pathChanged(pc) })
	})
	pc.OnDataChannel(func(d *webrtc.DataChannel) {
		// Pion accepts the next channel, and reads this one, when this func returns. A peer that opens
		// many waits, and SCTP bounds what it sends meanwhile.
		o := opened{d, make(chan struct{})}
		select {
		case l.channels <- o:
			<-o.taken
		case <-l.gone:
		}
	})
	return nil
}

func (l *Link) offerFirst() {
	if l.pc == nil {
		l.offer(false)
	}
}

// offer makes an offer when none is on its way.
func (l *Link) offer(restart bool) {
	if l.pc == nil {
		if err := l.fresh(); err != nil {
			l.end(err)
			return
		}
	}
	if l.pc.SignalingState() != webrtc.SignalingStateStable {
		return
	}
	d, err := l.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err == nil {
		err = l.pc.SetLocalDescription(d)
	}
	if err != nil {
		l.end(err)
		return
	}
	l.describe(d)
}

// post sends a signal of this link, and tells where its answer goes.
func (l *Link) post(m protocol.Signal, answer chan<- reply) error {
	m.Link, m.To = l.key.name, l.key.peer
	m, err := l.c.seal(m)
	if err != nil {
		return err
	}
	_, err = l.c.session.post(l.c.ctx, protocol.TypeSignal, m, answer)
	return err
}

// tell sends a signal that has no answer.
func (l *Link) tell(m protocol.Signal) error { return l.post(m, nil) }

// describe sends a description. Whether it came through is learnt aside: run must not wait.
func (l *Link) describe(d webrtc.SessionDescription) {
	answer := make(chan reply, 1)
	l.startWeb()
	m := protocol.Signal{Description: &protocol.Description{Type: d.Type.String(), SDP: d.SDP}, Transports: l.transports()}
	if l.web != nil {
		m.WebTransport = &l.web.at
	}
	if err := l.post(m, answer); err != nil {
		l.end(err)
		return
	}
	go func() {
		select {
		case r := <-answer:
			if r.err == nil && r.e.Type == protocol.TypeError {
				r.err = asError(r.e)
			}
			if r.err != nil {
				l.end(r.err)
			}
		case <-l.gone:
		}
	}()
}

func (l *Link) trickle(pc *webrtc.PeerConnection, c *webrtc.ICECandidate) {
	m := protocol.Signal{Candidate: &protocol.Candidate{}}
	if c != nil {
		init := c.ToJSON()
		m.Candidate = &protocol.Candidate{
			Candidate: init.Candidate, SDPMid: init.SDPMid, SDPMLineIndex: init.SDPMLineIndex, UsernameFrag: init.UsernameFragment,
		}
	}
	l.do(func() {
		if pc == l.pc && c != nil {
			_ = l.tell(m) // fails only when all ends
		}
	})
}

// receive takes what the other end says, in order.
func (l *Link) receive(m protocol.Signal) {
	switch {
	case m.Close:
		if l.heard { // else it ends an earlier link of this name, whose end ICE told us sooner
			l.end(ErrLinkClosed)
		}
	case m.Description != nil:
		l.heard = true
		l.hearTransports(m.Transports)
		if err := l.described(*m.Description); err != nil {
			l.c.log.Info("link: description not taken", "link", l.key.name, "from", m.From, "error", err)
		}
	case m.Candidate != nil && m.Candidate.Candidate != "":
		l.candidate(*m.Candidate)
	case m.Transports != nil:
		l.hearTransports(m.Transports)
	}
}

func (l *Link) described(d protocol.Description) error {
	if d.Type == "offer" {
		return l.offered(d.SDP)
	}
	if l.pc == nil || d.Type != "answer" || l.pc.SignalingState() != webrtc.SignalingStateHaveLocalOffer {
		return nil // an answer to an offer that we gave up
	}
	if err := l.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: d.SDP}); err != nil {
		return err
	}
	l.addCandidates()
	return nil
}

func (l *Link) offered(sdp string) error {
	collision := l.pc != nil && l.pc.SignalingState() != webrtc.SignalingStateStable
	l.ignoring = collision && !l.polite
	if l.ignoring {
		return nil
	}
	if l.pc == nil || collision || l.pc.ConnectionState() == webrtc.PeerConnectionStateClosed {
		if err := l.fresh(); err != nil {
			return err
		}
	}
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: sdp}
	if err := l.pc.SetRemoteDescription(offer); err != nil {
		// The other end may have started over, with a new certificate: so do we.
		if err := l.fresh(); err != nil {
			return err
		}
		if err := l.pc.SetRemoteDescription(offer); err != nil {
			return err
		}
	}
	answer, err := l.pc.CreateAnswer(nil)
	if err == nil {
		err = l.pc.SetLocalDescription(answer)
	}
	if err != nil {
		return err
	}
	l.describe(answer)
	l.addCandidates()
	return nil
}

// candidate adds a candidate, or keeps it until the description is there. Candidates of an offer that
// lost are refused by their username fragment or never answered: neither does harm.
func (l *Link) candidate(c protocol.Candidate) {
	init := webrtc.ICECandidateInit{Candidate: c.Candidate, SDPMid: c.SDPMid, SDPMLineIndex: c.SDPMLineIndex, UsernameFragment: c.UsernameFrag}
	if l.pc == nil || l.pc.RemoteDescription() == nil {
		if len(l.candidates) < 64 {
			l.candidates = append(l.candidates, init)
		}
		return
	}
	if err := l.pc.AddICECandidate(init); err != nil && !l.ignoring {
		l.c.log.Debug("link: candidate not taken", "link", l.key.name, "error", err)
	}
}

func (l *Link) addCandidates() {
	for _, c := range l.candidates {
		_ = l.pc.AddICECandidate(c) // one bad candidate does not spoil the others
	}
	l.candidates = nil
}

// pathChanged looks at the pair that ICE nominated.
func (l *Link) pathChanged(pc *webrtc.PeerConnection) {
	if pc != l.pc {
		return
	}
	if s, ok := pc.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats(); ok {
		l.rtt.Store(int64(s.CurrentRoundTripTime * float64(time.Second)))
	}
	l.selectPath(pc)
}

// changed follows the connection: lost ones are restarted, first by the impolite end.
func (l *Link) changed(pc *webrtc.PeerConnection, s webrtc.PeerConnectionState) {
	if pc != l.pc {
		return
	}
	wait := impoliteRestart
	if l.polite {
		wait = politeRestart
	}
	switch s {
	case webrtc.PeerConnectionStateConnected:
		l.connected = true
		l.pathChanged(pc)
		l.fail.Stop()
		l.restarting.Stop()
		select {
		case <-l.up:
		default:
			close(l.up)
		}
	case webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed:
		if l.connected && l.bulk != nil {
			l.fail.Reset(bulkFailAfter)
		} else if l.connected {
			l.fail.Reset(linkFailAfter)
		}
		l.connected = false
		l.restarting.Reset(wait)
	case webrtc.PeerConnectionStateClosed:
		l.end(ErrLinkClosed) // the other end said so by DTLS
	}
}

package client

import (
	"context"
	"encoding/json"

	"github.com/pion/webrtc/v4"

	"switchyard/protocol"
)

// join makes a link to the server and its offer. It implements owner.
func (c *Client) join(context.Context) (protocol.Join, error) {
	link, err := c.newServerLink()
	if err != nil {
		return protocol.Join{}, err
	}
	m := protocol.Join{Name: c.o.Name, Attributes: c.o.Attributes, Capabilities: protocol.Capabilities{SDK: sdkName}}
	if !link.empty() { // else the first thing that is published makes the first offer
		m.Offer, err = link.firstOffer()
	}
	c.mu.Lock()
	old := c.link
	c.link = link
	c.mu.Unlock()
	if old != nil {
		old.close()
	}
	return m, err
}

// welcome takes the answer to the join's offer, and puts things back after a rejoin. It implements
// owner.
func (c *Client) welcome(w protocol.Welcome) error {
	c.mu.Lock()
	people := w.Participants
	w.Participants = nil
	again := c.joinedOne
	c.joinedOne = true
	c.welcomed = w
	c.linkICE, c.serverICE = w.LinkICEServers, w.ICEServers
	link := c.link
	c.mu.Unlock()
	if w.Resumed {
		return nil
	}
	if link == nil {
		return errLinkBroken
	}
	if link.joining {
		if err := link.gather(); err != nil { // where no word of ICE servers came before
			return err
		}
		if err := link.accept(w.Answer); err != nil {
			return err
		}
		link.joining = false
		link.unlock()
	}
	c.replaceRoster(people, w.You)
	if again {
		c.state(Rejoined)
	}
	go c.restore(link)
	return nil
}

// restore publishes and subscribes as before, in a new session.
func (c *Client) restore(link *serverLink) {
	c.mu.Lock()
	pubs := append([]*Publication(nil), c.pubs...)
	wishes := c.wishes
	c.mu.Unlock()
	for _, p := range pubs {
		if err := p.announce(c.ctx, link); err != nil {
			c.log.Warn("cannot publish again", "error", err)
		}
	}
	if wishes != nil {
		if _, err := c.session.request(c.ctx, protocol.TypeSubscribe, *wishes); err != nil {
			c.log.Warn("cannot subscribe again", "error", err)
		}
	}
}

// lost implements owner: links between participants need the session too, and go with it.
func (c *Client) lost() {
	c.mu.Lock()
	links := c.links
	c.links = map[linkKey]*Link{}
	c.mu.Unlock()
	for _, l := range links {
		l.end(ErrSessionLost)
	}
}

// reachable implements owner.
func (c *Client) reachable(b bool) {
	if b {
		c.state(Connected)
	} else {
		c.state(Reconnecting)
	}
}

// serverClosed takes that the server's end of the link is gone for good.
func (c *Client) serverClosed() {
	c.mu.Lock()
	link := c.link
	c.mu.Unlock()
	if link != nil {
		go link.abandon()
	}
}

// handlers take the messages that are no answers.
var handlers = map[string]func(*Client, json.RawMessage) error{
	protocol.TypeJoined:      decoded((*Client).onJoined),
	protocol.TypeLeft:        decoded((*Client).onLeft),
	protocol.TypeParticipant: decoded((*Client).onParticipant),
	protocol.TypePublished:   decoded((*Client).onPublished),
	protocol.TypeUnpublished: decoded((*Client).onUnpublished),
	protocol.TypeTrack:       decoded((*Client).onTrack),
	protocol.TypeSlots:       decoded((*Client).onSlots),
	protocol.TypeNeedSlots:   decoded((*Client).onNeedSlots),
	protocol.TypeWanted:      decoded((*Client).onWanted),
	protocol.TypeSpeakers:    decoded((*Client).onSpeakers),
	protocol.TypeSignal:      decoded((*Client).onSignal),
	protocol.TypeRestartICE:  decoded((*Client).onRestartICE),
	protocol.TypeICE:         decoded((*Client).onICE),
	protocol.TypeToken:       decoded((*Client).onToken),
	protocol.TypeData:        decoded((*Client).onData),
	protocol.TypeError:       decoded((*Client).onWarning),
}

func decoded[T any](f func(*Client, T)) func(*Client, json.RawMessage) error {
	return func(c *Client, b json.RawMessage) error {
		var m T
		if err := json.Unmarshal(b, &m); err != nil {
			return err
		}
		f(c, m)
		return nil
	}
}

// message implements owner. Messages that we do not know are of a newer server, and left alone.
func (c *Client) message(e protocol.Envelope) {
	handle := handlers[e.Type]
	if handle == nil {
		return
	}
	if err := handle(c, e.Body); err != nil {
		c.log.Warn("message not understood", "type", e.Type, "error", err)
	}
}

func (c *Client) onSlots(m protocol.Slots) {
	c.mu.Lock()
	link := c.link
	c.mu.Unlock()
	for _, s := range m.Slots {
		if link != nil && link.assign(s) && c.o.Events.Slot != nil {
			c.event(func() { c.o.Events.Slot(s) })
		}
	}
}

// onNeedSlots offers as many more slots as the server could use and Options allow.
func (c *Client) onNeedSlots(m protocol.NeedSlots) {
	c.mu.Lock()
	more := min(max(m.Audio, m.Video), c.o.MaxSlots-c.slots)
	link := c.link
	if more > 0 {
		c.slots += more
	}
	c.mu.Unlock()
	if more > 0 && link != nil {
		go link.grow(more)
	}
}

func (c *Client) onSpeakers(m protocol.Speakers) {
	if f := c.o.Events.Speakers; f != nil {
		c.event(func() { f(m.Speakers) })
	}
}

func (c *Client) onData(m protocol.Data) {
	if f := c.o.Events.Data; f != nil {
		c.event(func() { f(m) })
	}
}

func (c *Client) onWarning(m protocol.Error) {
	c.log.Warn("server", "code", m.Code, "message", m.Message)
	if f := c.o.Events.Warning; f != nil {
		c.event(func() { f(m) })
	}
}

func (c *Client) onToken(m protocol.Token) {
	c.mu.Lock()
	c.token = m.Token
	c.mu.Unlock()
}

func (c *Client) onRestartICE(m protocol.RestartICE) {
	c.mu.Lock()
	link := c.link
	var peers []*Link
	for k, l := range c.links {
		if k.name == m.Link {
			peers = append(peers, l)
		}
	}
	c.mu.Unlock()
	if m.Link == protocol.ServerLink && link != nil {
		link.repair()
	}
	for _, l := range peers {
		l.restart()
	}
}

func (c *Client) onICE(m protocol.ICE) {
	c.mu.Lock()
	link := c.link
	if m.Link == protocol.ServerLink {
		c.serverICE = m.ICEServers
	} else {
		c.linkICE = m.ICEServers
	}
	c.mu.Unlock()
	if m.Link == protocol.ServerLink && link != nil {
		if err := link.gather(); err != nil {
			c.log.Warn("negotiation failed", "error", err)
			link.abandon()
		}
	}
}

func iceServers(list []protocol.ICEServer) []webrtc.ICEServer {
	var out []webrtc.ICEServer
	for _, s := range list {
		server := webrtc.ICEServer{URLs: s.URLs, Username: s.Username}
		if s.Credential != "" {
			server.Credential = s.Credential
		}
		out = append(out, server)
	}
	return out
}

package sfu

import (
	"slices"
	"sync"
	"sync/atomic"

	"switchyard/media"
	"switchyard/peer"
	"switchyard/peer/udp"
)

// A link is made before its address is known, and the kernel spreads datagrams over the shards' sockets by their
// sender's address. So a link that is not up yet moves, once, to the shard whose socket its first authentic check
// arrived at: else each of its datagrams would have to be handed from one shard to another.
//
// Its ufrag goes on naming the shard that made it, which keeps a forwarding entry (shard.moved). What is posted to it
// on the way waits, and runs where it arrives, in the order in which it was posted.

// place is where a link lives, for whoever is not its shard.
type place struct {
	// home is nil on the way. On a shard's own goroutine, home == shard says for sure that the link lives there, since
	// only that goroutine lets it come and go.
	home atomic.Pointer[shard]
	sock atomic.Pointer[udp.Socket] // of the last home; all of them are on one port

	mu      sync.Mutex
	at      *shard   // guarded by mu; whose mailbox takes what is posted
	moving  bool     // guarded by mu
	waiting []func() // guarded by mu; posted since moving, bounded as mailboxes are: by its sources
}

// set makes s the shard of a link.
func (p *place) set(s *shard) {
	p.home.Store(s)
	p.sock.Store(s.sock)
}

// index is the shard's that new credentials are to name: where the link lives, or comes from.
func (p *place) index() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.at.index
}

// post runs f on the link's shard, after what was posted before; false when the shard has stopped.
func (l *Link) post(f func()) bool {
	p := &l.place
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.moving {
		p.waiting = append(p.waiting, f)
		return true
	}
	return p.at.post(f)
}

// call runs f on the link's shard and waits for it; false when the shard has stopped. Never call it from a shard.
func (l *Link) call(f func()) bool {
	done := make(chan struct{})
	if !l.post(func() { defer close(done); f() }) {
		return false
	}
	<-done
	return true
}

// livesOn reports whether the link is s's. It must be called on s.
func (l *Link) livesOn(s *shard) bool { return l.place.home.Load() == s }

// placed decides, on the link's shard, where it stays, after an authentic check that arrived on path at receiver's
// socket (nil: at its own). A connection or relay says nothing: it can be read from any shard.
func (l *Link) placed(path peer.Path, receiver *shard) {
	if l.stays || path.Via != nil || l.ended {
		return
	}
	l.stays = true
	if receiver == nil || receiver == l.shard || l.up {
		return
	}
	p := &l.place
	p.mu.Lock()
	defer p.mu.Unlock()
	// It leaves after what was posted before.
	p.moving = p.at.post(func() { l.depart(receiver) })
}

// depart takes the link off its shard and sends it to another.
func (l *Link) depart(to *shard) {
	from := l.shard
	if l.ended || l.up {
		l.arrived(from)
		return
	}
	for _, u := range l.ufrags {
		delete(from.byUfrag, u)
		if from.names(u) {
			from.moved[u] = to
		}
	}
	for _, p := range l.paths {
		from.byPath.remove(p, l)
		from.remember(p, to)
	}
	from.timers.remove(l)
	from.untouch(l)
	for _, s := range l.slots {
		if s.fan != nil {
			s.fan.remove(s)
		}
	}
	l.uncount()
	l.gather(false)
	from.load.Add(-1)
	l.place.home.Store(nil)
	if to.post(func() { l.arrive(from, to) }) {
		return
	}
	l.place.home.Store(from) // the server is closing
	from.load.Add(1)
	l.end(ErrClosed)
	l.arrived(from)
}

// arrive puts the link on the shard that it has moved to.
func (l *Link) arrive(from, s *shard) {
	now := s.clock.Now()
	l.shard = s
	l.place.set(s)
	for _, u := range l.ufrags {
		s.byUfrag[u] = l
		if delete(s.moved, u); !from.names(u) {
			l.introduce(u)
		}
	}
	for _, p := range l.paths {
		s.byPath.set(p, l)
		delete(s.foreign, p)
	}
	s.timers.add(l)
	s.load.Add(1)
	l.share.stale = true
	for _, sl := range l.slots {
		if sl.fan != nil {
			sl.follow(now, from)
		}
	}
	s.touch(l)
	l.arrived(s)
	if s.stopped {
		l.end(ErrClosed)
	}
}

// arrived ends a move on the shard where the link stays: what waited runs now, before what is posted from now on.
func (l *Link) arrived(s *shard) {
	p := &l.place
	p.mu.Lock()
	waiting := p.waiting
	p.at, p.moving, p.waiting = s, false, nil
	p.mu.Unlock()
	for _, f := range waiting {
		f()
	}
}

// untouch takes a link off the list of those that have a turn to come.
func (s *shard) untouch(l *Link) {
	if l.touched {
		l.touched = false
		s.touched = slices.DeleteFunc(s.touched, func(other *Link) bool { return other == l })
	}
}

// follow registers a slot that is fed with the shard that its link has moved to. The old shard goes on counting it
// until then, lest the publisher hear that nobody needs the track.
func (s *slot) follow(now media.Time, from *shard) {
	old, needs := s.fan, s.needs
	fan := &old.track.fans[s.link.shard.index]
	s.fan, s.needs = nil, 0
	if fan.closed {
		s.out.Clear()
	} else {
		s.fan = fan
		fan.add(s)
		s.start(now)
	}
	from.post(func() { old.release(needs) })
}

// release stops counting a slot that has left.
func (f *fanout) release(needs uint32) {
	f.account(needs, 0)
	if len(f.slots) == 0 && !f.track.link.livesOn(f.shard) {
		f.dropCaches() // packets may have come since
	}
}

// forward hands a check that names a link which has moved away to where it lives now.
func (s *shard) forward(to *shard, path peer.Path, b []byte) {
	receiver := s.handing
	switch receiver {
	case nil:
		receiver = s
		s.remember(path, to)
	case s, to:
	default:
		receiver.post(func() { receiver.remember(path, to) })
	}
	to.hand(receiver, path, b)
}

// names reports whether a ufrag of ours is the shard's.
func (s *shard) names(ufrag string) bool { return ufrag[0] == shardDigits[s.index] }

// introduce has the shard that a ufrag names know where its link lives.
func (l *Link) introduce(ufrag string) {
	if named, home := l.sfu.shardOf([]byte(ufrag)), l.shard; named != home {
		named.post(func() { named.moved[ufrag] = home })
	}
}

// disavow has it forget that.
func (l *Link) disavow(ufrag string) {
	named := l.sfu.shardOf([]byte(ufrag))
	if named == l.shard {
		return
	}
	named.post(func() {
		if delete(named.moved, ufrag); len(named.moved) == 0 {
			named.moved = map[string]*shard{} // a map keeps the room that it had for many
		}
	})
}

package sfu

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"switchyard/engine/bwe"
	"switchyard/engine/ingest"
	"switchyard/media"
	"switchyard/peer"
)

const (
	reportEvery = time.Second            // sender reports
	levelEvery  = 200 * time.Millisecond // audio levels
	minTurn     = time.Millisecond       // between two turns of a link whose deadline does not move
	maxPaths    = 16                     // remembered per link; clients with more lose the oldest
	cname       = "switchyard"
)

// Link is one participant's WebRTC association with the server. Its methods may be called from any
// goroutine but a shard.
type Link struct {
	// Immutable.
	ID      string
	sfu     *SFU
	peer    *peer.Link
	onEvent func(Event)
	log     *slog.Logger
	origin  media.NTP

	// Owned by the shard. What every packet touches comes first.
	shard     *shard
	up        bool // path has consent
	touched   bool
	ended     bool
	stays     bool             // on its shard, for good
	twccID    uint8            // extension id on what the other end sends
	pacer     *bwe.Pacer[held] // nil until the path was found full
	tap       *tap
	path      peer.Path
	twccOut   bwe.Sender
	rate      rate
	deadline  media.Time
	heapAt    int // in shard.timers, -1 outside
	reportAt  media.Time
	levelAt   media.Time
	slots     []*slot
	bySSRC    []streamOf
	streams   [4]streamOf // what bySSRC begins in: most links have no more
	receivers []*receiver
	share     share
	tally     tally
	twccIn    bwe.Receiver
	demux     ingest.Demux
	sync      ingest.Sync
	ufrags    []string // under which byUfrag knows the link, the newest last
	paths     []peer.Path
	data      map[string]*peer.DataChannel

	place place // for whoever is not the shard

	mu      sync.Mutex
	local   peer.LocalDescription // guarded by mu
	session *peer.Session         // guarded by mu
}

// streamOf is the slot that sends a stream, or repairs it.
type streamOf struct {
	ssrc media.SSRC
	slot *slot
}

// receiver is one m-line that the other end sends on. Owned by the shard.
type receiver struct {
	mid     string
	kind    media.Kind
	in      *ingest.Track
	track   *Track // nil until published
	tallied tallied
}

// connect answers an offer and makes the link; called from any goroutine.
func (s *shard) connect(offer string, o LinkOptions) (*Link, string, error) {
	ufrag, pwd := newUfrag(s.index)
	local := peer.LocalDescription{
		Ufrag: ufrag, Pwd: pwd,
		Fingerprint: s.sfu.certificate.Fingerprint(),
		Candidates:  s.sfu.candidates,
		SessionID:   rand.Uint64() >> 2,
		Version:     1,
		RecvCodecs:  o.RecvCodecs, MaxBitrate: o.MaxBitrate,
		NoRecv: o.NoRecv, NoSend: o.NoSend,
	}
	session, answer, err := peer.Answer(offer, local, nil)
	if err != nil {
		return nil, "", err
	}
	l := &Link{
		ID: o.ID, sfu: s.sfu, shard: s, onEvent: o.OnEvent,
		log:    s.sfu.cfg.Log.With("link", o.ID),
		origin: s.clock.Origin(),
		local:  local, session: session,
		data:   map[string]*peer.DataChannel{},
		twccIn: *bwe.NewReceiver(media.SSRC(rand.Uint32())), twccOut: *bwe.NewSender(),
		deadline: media.Never, heapAt: -1,
	}
	l.bySSRC = l.streams[:0]
	l.rate.est = bwe.NewEstimator(bwe.Config{}, &l.twccOut)
	l.peer, err = peer.NewLink(peer.LinkConfig{
		Session: session, LocalUfrag: ufrag, LocalPwd: pwd,
		Certificate:   s.sfu.certificate,
		Clock:         s.clock,
		Log:           l.log,
		Loopback:      s.sfu.loopback,
		Send:          l.sendControl,
		Post:          func(f func()) { l.post(func() { l.run(f) }) },
		OnEvent:       l.onPeerEvent,
		OnDataChannel: l.onDataChannel,
	})
	if err != nil {
		return nil, "", fmt.Errorf("sfu: %w", err)
	}
	s.load.Add(1)
	l.place.at = s
	l.place.set(s)
	if !l.post(func() { l.begin(session) }) {
		return nil, "", ErrClosed
	}
	return l, answer, nil
}

// begin puts the link on its shard.
func (l *Link) begin(session *peer.Session) {
	s := l.shard
	now := s.clock.Now()
	l.addUfrag(session.LocalUfrag)
	l.reportAt = now.Add(reportEvery)
	l.levelAt = now.Add(levelEvery)
	s.timers.add(l)
	l.apply(session)
	l.peer.Start()
	s.touch(l)
}

// run runs f, which concerns the link, on its shard, and lets the link settle afterwards.
func (l *Link) run(f func()) {
	if l.ended {
		return
	}
	f()
	l.shard.touch(l)
}

// Session returns what the last offer and answer agreed on.
func (l *Link) Session() *peer.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// Offer answers another offer of the same client: m-lines added or changed, or ICE restarted.
func (l *Link) Offer(offer string) (answer string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	local := l.local
	local.Version++
	local.Ufrag, local.Pwd = newUfrag(l.place.index())
	session, answer, err := peer.Answer(offer, local, l.session)
	if err != nil {
		return "", err
	}
	l.local, l.session = local, session
	posted := l.post(func() {
		l.run(func() {
			l.addUfrag(session.LocalUfrag)
			l.peer.Update(session)
			l.apply(session)
		})
	})
	if !posted {
		return "", ErrClosed
	}
	return answer, nil
}

// addUfrag makes the link known by its credentials; when they are new, those before the last are
// forgotten.
func (l *Link) addUfrag(ufrag string) {
	if l.shard.byUfrag[ufrag] == l {
		return
	}
	l.ufrags = append(l.ufrags, ufrag)
	l.shard.byUfrag[ufrag] = l
	l.introduce(ufrag)
	if len(l.ufrags) > 2 {
		delete(l.shard.byUfrag, l.ufrags[0])
		l.disavow(l.ufrags[0])
		l.ufrags = l.ufrags[1:]
	}
}

// Close ends the link. The Closed event follows.
func (l *Link) Close() {
	l.post(func() { l.end(nil) })
}

// end takes the link off its shard.
func (l *Link) end(cause error) {
	if l.ended {
		return
	}
	l.ended = true
	l.gather(false)
	s := l.shard
	l.letGo(s.clock.Now())
	for _, sl := range l.slots {
		sl.clear()
	}
	for _, r := range l.receivers {
		if r.track != nil {
			l.unpublish(r.track)
		}
		r.in.Close()
	}
	l.peer.Close()
	for _, u := range l.ufrags {
		delete(s.byUfrag, u)
		l.disavow(u)
	}
	for _, p := range l.paths {
		s.byPath.remove(p, l)
	}
	s.timers.remove(l)
	l.uncount()
	s.load.Add(-1)
	l.sfu.links.Add(-1)
	s.forgotten(l.paths)
	l.emit(Closed{Err: cause})
	l.untap()
}

// claim makes a path on which an authentic check arrived the link's own.
func (l *Link) claim(path peer.Path) {
	s := l.shard
	if l.ended || s.byPath.all[path] == l {
		return
	}
	s.byPath.set(path, l)
	delete(s.foreign, path) // from before the link came here
	l.paths = append(l.paths, path)
	if len(l.paths) > maxPaths {
		oldest := 0
		if l.paths[oldest] == l.path { // it is in use
			oldest++
		}
		s.byPath.remove(l.paths[oldest], l)
		l.paths = slices.Delete(l.paths, oldest, oldest+1)
	}
}

func (l *Link) emit(e Event) {
	l.tap.event(l.shard.clock.Now(), e)
	if l.onEvent != nil {
		l.onEvent(e)
	}
}

// errRemote is what a link ends with that its other end closed.
var errRemote = errors.New("sfu: closed by the other end")

func (l *Link) onPeerEvent(e peer.LinkEvent) {
	switch e.Kind {
	case peer.Connected:
		l.path, l.up = l.peer.Path()
		l.emit(Up{})
		l.startSlots()
	case peer.PathChanged:
		l.path, l.up = l.peer.Path()
		l.log.Debug("path changed", "remote", l.path.Remote)
	case peer.Disconnected:
		l.up = false
		l.emit(Down{})
	case peer.Failed:
		l.end(e.Err)
	case peer.Closed:
		l.end(errRemote)
	}
}

// startSlots starts what was fed while nothing could be sent.
func (l *Link) startSlots() {
	now := l.shard.clock.Now()
	for _, s := range l.slots {
		if s.fan != nil {
			s.start(now)
		}
	}
}

// sendControl sends what is not media: STUN and DTLS. Any goroutine.
func (l *Link) sendControl(p peer.Path, b []byte) {
	if p.Via != nil {
		l.sendVia(p, b)
		return
	}
	_ = l.place.sock.Load().WriteTo(b, p.Remote, p.Local)
}

// transmit sends what stands in the writer's reserved bytes.
func (l *Link) transmit(b []byte) {
	if l.path.Via != nil {
		l.sendVia(l.path, b)
		return
	}
	l.shard.writer.Commit(l.path.Remote, l.path.Local, len(b))
}

// sendVia queues b on a connection or relay whose queue is bounded.
func (l *Link) sendVia(p peer.Path, b []byte) {
	if !p.Via.Send(b) {
		l.shard.counters.drop(DropViaFull)
	}
}

// settle is the link's turn: what came in goes out as batches and feedback.
func (l *Link) settle(now media.Time) {
	if l.ended {
		return
	}
	for _, r := range l.receivers {
		for batch := r.in.Ready(now); len(batch) > 0; batch = r.in.Ready(now) {
			if r.track == nil {
				l.shard.counters.unpublished.Add(uint64(len(batch)))
				releaseAll(batch)
				continue
			}
			l.notice(now, r)
			r.track.publish(now, batch)
		}
	}
	if l.peer.Deadline() <= now {
		l.peer.Advance(now)
		if l.ended {
			return
		}
	}
	l.feedback(now)
	l.divide(now)
	l.probe(now)
	l.pace(now)
	if now >= l.levelAt {
		l.levelAt = now.Add(levelEvery)
		l.tell(now)
		l.levels(now)
		l.tellRTT()
	}
	l.setDeadline(l.nextDeadline(now))
}

// timerGrid is what deadlines are rounded up to where milliseconds do not matter, so that the timers of many links
// wake their shard together.
const timerGrid = 10 * time.Millisecond

func (l *Link) nextDeadline(now media.Time) media.Time {
	later := min(l.peer.Deadline(), l.twccIn.Deadline())
	if len(l.slots) > 0 {
		later = min(later, l.reportAt)
	}
	next := l.paceDeadline()
	if rate := l.rateDeadline(now); l.rate.est.Probing() {
		next = min(next, rate)
	} else {
		later = min(later, rate)
	}
	for _, r := range l.receivers {
		next = min(next, r.in.Deadline())
		if r.track != nil {
			later = min(later, l.levelAt)
		}
	}
	if !l.up { // connecting: each retransmission counts
		return min(next, later)
	}
	return min(next, onGrid(later))
}

// onGrid rounds up.
func onGrid(t media.Time) media.Time {
	if t == media.Never {
		return t
	}
	const grid = media.Time(timerGrid)
	return (t + grid - 1) / grid * grid
}

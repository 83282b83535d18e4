package sfu

import (
	"sync/atomic"
	"time"

	"switchyard/media"
	"switchyard/peer"
	"switchyard/peer/udp"
)

// shard is one loop that owns links wholly. The road of one packet through it, stage by stage:
//
//	run      one turn: rest, read what arrived, take the mail, settle what is due, flush
//	receive  tell STUN, DTLS, RTP and RTCP apart (RFC 7983), find the link by the path   receive.go
//	onRTP    open SRTP in place, find the m-line, engine/ingest orders and marks it      receive.go
//	settle   a link's turn: frames that are whole leave ingest as batches                link.go
//	publish  one reference for each shard that has subscribers, through its mailbox      track.go
//	deliver  put the batch into the ring, then slot by slot                              track.go
//	send     engine/egress writes the header, SRTP seals, the writer queues              slot.go
//	Flush    equal packets to one destination as one GSO message, all by one sendmmsg    peer/udp
type shard struct {
	// Immutable.
	sfu   *SFU
	index int
	sock  *udp.Socket
	clock *media.Clock

	// Shared: safe from any goroutine.
	box      mailbox
	sleeping atomic.Bool
	load     atomic.Int64 // links
	counters counters

	// Owned by the loop.
	writer   *udp.Writer
	in       [udp.MaxBatch]udp.Datagram
	inPkts   [udp.MaxBatch]*media.Packet // in[i].Buf is inPkts[i].Data
	coming   [udp.MaxBatch]coming        // of whom in is, so far as that is known
	mail     mail
	byUfrag  map[string]*Link
	byPath   *owners
	foreign  map[peer.Path]*shard // paths whose link lives on another shard
	moved    map[string]*shard    // ufrags of links that have moved to another (move.go)
	handing  *shard               // whose socket got what is being received, if another's
	touched  []*Link              // links with input since the last settle
	settling []*Link              // the other half of a double buffer
	timers   timers
	rtcp     [media.MaxDatagram]byte // scratch for outgoing RTCP
	rtx      [2 * media.MaxDatagram]byte
	sealed   uint64 // RTP packets since the last turn; counters has those before
	rhythm   rhythm
	stopped  bool
}

// maxForeign bounds the memory of misrouted paths; beyond it the memory starts afresh, and the next
// check of each path brings it back.
const maxForeign = 4096

func newShard(s *SFU, index int, sock *udp.Socket) *shard {
	sh := &shard{
		sfu: s, index: index, sock: sock, clock: s.cfg.Clock,
		writer:  sock.NewWriter(),
		byUfrag: map[string]*Link{},
		byPath:  newOwners(),
		foreign: map[peer.Path]*shard{},
		moved:   map[string]*shard{},
	}
	for i := range sh.in {
		sh.refill(i)
	}
	return sh
}

// refill puts a fresh packet where the last one was kept.
func (s *shard) refill(i int) {
	s.inPkts[i] = s.sfu.pool.Get()
	s.in[i].Buf = s.inPkts[i].Data[:]
}

// run is the loop. Its goroutine belongs to the SFU and ends by stop.
func (s *shard) run() {
	for !s.stopped {
		s.rest()
		n := s.read()
		now := s.clock.Now()
		s.rhythm.begin(now, n, len(s.in))
		for i := range n {
			s.fetch(i, n)
			d := &s.in[i]
			if s.receive(now, peer.Path{Remote: d.From, Local: d.To}, s.inPkts[i], d.N) {
				s.refill(i)
			}
		}
		clear(s.coming[:n])
		s.takeMail(now)
		s.settle(now)
		s.writer.Flush()
		s.count()
	}
	s.finish()
}

// count makes what the turn sent visible. An atomic addition for each packet would wait for the packet's bytes
// to be stored.
func (s *shard) count() {
	if s.sealed > 0 {
		s.counters.sent.Add(s.sealed)
		s.sealed = 0
	}
}

// read waits for datagrams, mail or the next deadline.
func (s *shard) read() int {
	s.sleeping.Store(true)
	if !s.box.empty() {
		s.sleeping.Store(false)
		return 0
	}
	var until time.Time // zero: for ever
	if next := s.timers.next(); next != media.Never {
		until = s.clock.Wall(next)
	}
	n, err := s.sock.ReadBatch(s.in[:], until)
	s.sleeping.Store(false)
	if err != nil {
		s.counters.readErrors.Add(1)
	}
	return n
}

// wake ends the shard's sleep, if it sleeps.
func (s *shard) wake() {
	if s.sleeping.CompareAndSwap(true, false) {
		s.sock.Wake()
	}
}

// post runs f on the shard; false when it has stopped.
func (s *shard) post(f func()) bool {
	ok := s.box.post(f)
	s.wake()
	return ok
}

// call runs f on the shard and waits for it; false when the shard has stopped. Never call it from a
// shard.
func (s *shard) call(f func()) bool {
	done := make(chan struct{})
	if !s.post(func() { defer close(done); f() }) {
		return false
	}
	<-done
	return true
}

// hand passes a datagram that another goroutine read to this shard: that of the shard from, or nil. b is copied.
func (s *shard) hand(from *shard, path peer.Path, b []byte) {
	p := s.sfu.pool.Get()
	n := copy(p.Data[:], b)
	s.box.postInbound(inbound{path, p, n, from})
	s.wake()
}

func (s *shard) takeMail(now media.Time) {
	s.box.swap(&s.mail)
	if len(s.mail.funcs)+len(s.mail.inbound)+len(s.mail.deliveries) > 0 {
		s.rhythm.more = true
	}
	for _, f := range s.mail.funcs {
		f()
	}
	for _, in := range s.mail.inbound {
		s.handing = in.from
		if !s.receive(now, in.path, in.pkt, in.n) {
			in.pkt.Release()
		}
	}
	s.handing = nil
	for rest := s.mail.deliveries; len(rest) > 0; {
		rest = s.deliverRun(now, rest)
	}
}

// deliverRun delivers the packets at the head that are of the same layer for the same fanout, as one batch.
func (s *shard) deliverRun(now media.Time, mail []delivery) []delivery {
	var batch [64]*media.Packet
	fan, spell, layer, n := mail[0].fan, mail[0].spell, mail[0].pkt.Layer, 0
	for n < len(mail) && n < len(batch) && mail[n].fan == fan && mail[n].spell == spell && mail[n].pkt.Layer == layer {
		batch[n] = mail[n].pkt
		n++
	}
	if fan.expects(layer, spell) {
		fan.deliver(now, batch[:n])
	} else {
		releaseAll(batch[:n])
	}
	return mail[n:]
}

// settle gives a turn to every link that had input or whose time has come.
func (s *shard) settle(now media.Time) {
	for len(s.touched) > 0 { // a turn may touch others, or the same link again
		turn := s.touched
		s.touched = s.settling[:0]
		for _, l := range turn {
			l.touched = false
			l.settle(now)
		}
		clear(turn)
		s.settling = turn[:0]
	}
	for l := s.timers.due(now); l != nil; l = s.timers.due(now) {
		s.timers.fetch()
		l.settle(now)
		if l.deadline <= now && l.heapAt == 0 { // a deadline that did not move must not spin the loop
			l.setDeadline(now.Add(minTurn))
		}
	}
}

func (s *shard) touch(l *Link) {
	if !l.touched {
		l.touched = true
		s.touched = append(s.touched, l)
	}
}

// stop ends the loop from outside.
func (s *shard) stop() { s.post(func() { s.stopped = true }) }

// finish ends every link, runs the control work that is still queued so that nobody waits for it,
// and releases what is held.
func (s *shard) finish() {
	for _, l := range s.byUfrag {
		l.end(ErrClosed)
	}
	rest := s.box.close()
	for _, f := range rest.funcs {
		f()
	}
	for _, in := range rest.inbound {
		in.pkt.Release()
	}
	for _, d := range rest.deliveries {
		d.pkt.Release()
	}
	for _, p := range s.inPkts {
		p.Release()
	}
	s.writer.Flush()
	s.count()
	_ = s.sock.Close()
}

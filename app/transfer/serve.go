package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"switchyard/engine/piece"
)

// serve is a source and one receiver on one way.
type serve struct {
	*talk
	src    *Source
	m      *piece.Manifest
	way    Way
	notify func(Progress)

	mu        sync.Mutex
	moved     *sync.Cond // something below changed, or soft ended
	accept    *piece.Accept
	skip      []bool
	skipped   int                 // entries that skip is settled of
	have      map[int]*piece.Tree // what the receiver says it has, by entry
	haveWhole hashes              // the same of files of one piece
	window    piece.Window
	feed      feed
	ended     map[int]piece.Hash // sent whole, not got yet
	waiting   int                // files that are not got
	verified  uint64             // as the receiver says
	sent      int64              // bytes of data and packed messages
	shown     Progress
	pace      pace
	finished  bool // done was said
	lanes     int
	wire      float64 // ns that a byte takes on the way, over all lanes
}

// maxEnded is how many files may wait to be got before more are sent: it bounds what both ends remember of small ones.
const maxEnded = 8192

// slowWire is what is taken for the cost of a byte, in ns, before it is measured.
const slowWire = 100

// Serve sends the source to one receiver over a way: all that it has not yet. It returns nil when the receiver has verified
// every byte; ErrWayLost when the way ended before, and then it may be called again with another one; a *Cancelled or a
// *RemoteError when the other end gave up; or what is wrong here, which the receiver has been told. When ctx ends the receiver is
// told the cause, unless that is ErrWayLost. notify, which may be nil, is called by one goroutine at a time. The way stays open.
func (s *Source) Serve(ctx context.Context, way Way, notify func(Progress)) error {
	zero, err := way.Open(ctx)
	if err != nil {
		return lost(err)
	}
	if notify == nil {
		notify = func(Progress) {}
	}
	v := &serve{talk: newTalk(ctx, zero), src: s, m: s.manifest, way: way, notify: notify,
		have: make(map[int]*piece.Tree), ended: make(map[int]piece.Hash)}
	defer v.haveWhole.close()
	v.moved = sync.NewCond(&v.mu)
	defer context.AfterFunc(v.soft, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.moved.Broadcast()
	})()
	v.shown = Progress{Phase: Offering, Files: s.manifest.Offer.Files, Bytes: s.manifest.Offer.Bytes, Kind: way.Kind(), Direct: way.Direct()}
	v.spawn(v.listen)
	v.spawn(v.run)
	v.spawn(v.tell)
	err = v.close(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil && v.finished {
		return nil // every file is got: only the farewell was lost
	}
	return err
}

// run is the sender's side of the conversation, from the offer to done.
func (v *serve) run() error {
	var err error
	for m := range v.m.Messages {
		if err = v.send(m); err != nil || v.soft.Err() != nil {
			return err
		}
	}
	if !v.wait(func() bool { return v.accept != nil }) {
		return nil
	}
	v.move()
	if v.soft.Err() != nil {
		return nil
	}
	v.mu.Lock()
	v.finished = true
	v.mu.Unlock()
	return v.say(piece.Done{})
}

// wait waits until ok, which is called with mu held; false when the conversation ended before.
func (v *serve) wait(ok func() bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for !ok() {
		if v.soft.Err() != nil {
			return false
		}
		v.moved.Wait()
	}
	return true
}

// listen owns lane 0's receiving side. It never sends, so that neither end waits for the other to read.
func (v *serve) listen() error {
	for {
		m, err := v.zero.Receive(v.hard)
		if err != nil {
			return lost(err)
		}
		v.mu.Lock()
		err = v.hear(m)
		v.moved.Broadcast()
		v.mu.Unlock()
		if err != nil {
			return err
		}
	}
}

// hear is one message of the receiver.
func (v *serve) hear(m []byte) error {
	if len(m) == 0 {
		return errProtocol("an empty message")
	}
	switch m[0] {
	case piece.KindControl:
		c, err := piece.ParseControl(m)
		if err != nil {
			return errProtocol(err.Error())
		}
		return v.control(c)
	case piece.KindHave:
		return v.onHave(m)
	case piece.KindProgress:
		p, err := piece.ParseProgress(m)
		if err != nil {
			return errProtocol(err.Error())
		}
		v.verified = min(p.Verified, uint64(v.shown.Bytes))
		if err := v.window.Take(p.Taken); err != nil {
			return errProtocol(err.Error())
		}
		return nil
	case piece.KindGot:
		return v.onGot(m)
	case piece.KindAgain:
		return v.onAgain(m)
	}
	return errProtocol(fmt.Sprintf("a message of kind %d", m[0]))
}

func (v *serve) control(c piece.Control) error {
	switch c := c.(type) {
	case piece.Skip:
		return v.onSkip(c.Skip)
	case piece.Accept:
		return v.onAccept(c)
	case piece.Bye:
		if !v.finished {
			return errProtocol("bye before done")
		}
		return errOver
	case piece.Cancel:
		return &Cancelled{words(c.Reason), c.Later && v.accept == nil}
	case piece.Error:
		return &RemoteError{words(c.Text)}
	}
	return errProtocol(fmt.Sprintf("%T of a receiver", c))
}

func (v *serve) onHave(m []byte) error {
	h, err := piece.ParseHave(m)
	if err != nil {
		return errProtocol(err.Error())
	}
	i := int(h.Entry)
	if v.accept != nil || i >= v.m.Len() || int64(h.First)+int64(h.Len()) > int64(v.m.Pieces(i)) {
		return errProtocol("has what was not offered")
	}
	if v.m.Pieces(i) == 1 {
		v.haveWhole.set(i, h.At(0)) // where it cannot be kept the file is sent again
		return nil
	}
	t := v.have[i]
	if t == nil {
		t = new(piece.Tree)
		v.have[i] = t
	}
	for k := range h.Len() {
		t.Set(int(h.First)+k, h.At(k))
	}
	return nil
}

func (v *serve) onAccept(a piece.Accept) error {
	if v.accept != nil || a.Window < piece.MinWindow || a.Pack != "" && a.Pack != piece.Deflate {
		return errProtocol("accepts what was not offered")
	}
	if err := v.onSkip(a.Skip); err != nil {
		return err
	}
	if w := a.Wanted; w != nil {
		if w.Files < 0 || w.Files > v.shown.Files || w.Bytes < 0 || w.Bytes > v.shown.Bytes {
			return errProtocol("wants more than was offered")
		}
		v.shown.Files, v.shown.Bytes = w.Files, w.Bytes
	}
	for i, e := range v.m.All() {
		if e.IsFile() && !v.skip[i] {
			v.waiting++
		}
	}
	v.window.Limit = a.Window
	v.accept = &a
	v.feed = feed{m: v.m, skip: v.skip, under: make(map[int]int)}
	return nil
}

// onSkip is ranges of entries that the receiver does not want or has. They ascend over all messages: each entry is looked at once.
func (v *serve) onSkip(ranges [][2]int) error {
	if v.accept != nil {
		return errProtocol("skips after it has accepted")
	}
	if v.skip == nil {
		v.skip = make([]bool, v.m.Len())
	}
	for _, r := range ranges {
		if r[0] < v.skipped || r[1] < 0 || r[0] > len(v.skip) || r[1] > len(v.skip)-r[0] {
			return errProtocol("skips what was not offered")
		}
		for v.skipped = r[0]; v.skipped < r[0]+r[1]; v.skipped++ {
			v.skip[v.skipped] = true
		}
	}
	return nil
}

func (v *serve) onGot(m []byte) error {
	gots, err := piece.ParseGots(m)
	if err != nil {
		return errProtocol(err.Error())
	}
	for k := range gots.Len() {
		g := gots.At(k)
		i := int(g.Entry)
		root, ok := v.ended[i]
		if !ok {
			return errProtocol("got what was not sent")
		}
		if root != g.Root {
			return &entryError{i, fmt.Errorf("%q arrived otherwise than it was sent", v.m.Path(i))}
		}
		delete(v.ended, i)
		v.waiting--
		v.shown.FilesDone = max(0, v.shown.Files-v.waiting)
		v.shown.File = v.m.Path(i)
	}
	return nil
}

// maxAgain is how many pieces may wait to be sent once more.
const maxAgain = 1024

func (v *serve) onAgain(m []byte) error {
	a, err := piece.ParseAgain(m)
	if err != nil {
		return errProtocol(err.Error())
	}
	i := int(a.Entry)
	if i >= v.m.Len() || int(a.Piece) >= v.m.Pieces(i) || !v.feed.passed(i, int(a.Piece)) {
		return errProtocol("wants again what was not sent")
	}
	if len(v.feed.redo) >= maxAgain {
		return errProtocol("wants too much again")
	}
	v.feed.redo = append(v.feed.redo, job{entry: i, first: int(a.Piece), count: 1, again: true})
	return nil
}

// tell tells the user how far it is.
func (v *serve) tell() error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		v.notify(v.snapshot())
		select {
		case <-ticker.C:
		case <-v.soft.Done():
			p := v.snapshot()
			if errors.Is(context.Cause(v.soft), errOver) {
				p.Phase = Done
			}
			v.notify(p)
			return nil
		}
	}
}

func (v *serve) snapshot() Progress {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.shown
	p.Verified = int64(v.verified)
	p.Rate = v.pace.rate(time.Now(), v.sent)
	if p.Phase == Moving && v.feed.dry() {
		p.Phase = Finishing
	}
	return p
}

// credit waits until n bytes of data may be sent, and counts them.
func (v *serve) credit(n int) error {
	v.mu.Lock()
	for !v.window.Room(int64(n)) {
		if v.soft.Err() != nil {
			v.mu.Unlock()
			return context.Cause(v.soft)
		}
		v.moved.Wait()
	}
	v.window.Send(int64(n))
	v.sent += int64(n)
	v.mu.Unlock()
	return v.src.limit.take(v.soft, n)
}

// readFull reads len(b) bytes at offset of entry i; a file that is shorter now has changed.
func (v *serve) readFull(r io.ReaderAt, b []byte, offset int64, i int) error {
	switch n, err := r.ReadAt(b, offset); {
	case n == len(b):
		return nil
	case err == io.EOF:
		return v.src.changed(i)
	default:
		return &entryError{i, err}
	}
}

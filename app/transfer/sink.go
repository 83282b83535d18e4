package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"switchyard/engine/piece"
)

// SinkOptions say what is taken, and who is asked. The zero value takes everything but links.
type SinkOptions struct {
	// Ask decides before anything is written; nil takes everything. An error declines, and its text goes to the sender. It is
	// called once for a list, not again when the transfer goes on over another way. A *Declined that says Later is no answer: the sender waits.
	Ask func(ctx context.Context, offer *Offer) error
	// Text takes a text. Where it is nil texts are declined.
	Text func(text string)
	// Saved is told of each file that is whole, and where it lies below the folder.
	Saved  func(path, where string)
	Notify func(Progress) // may be nil; called by one goroutine at a time
	// Out takes the contents of the one file, which is then not kept: the folder is only where they wait. More than one file is
	// declined.
	Out io.Writer
	// Only takes the entries that match one of these patterns, with all that is in them (docs/transfer.md, Choosing); nil takes
	// everything. CheckPattern says what is wrong with one.
	Only   []string
	Links  bool  // take symbolic links, which lead to what is sent only
	Window int64 // bytes on the way at most, 32 MiB by default
	NoPack bool  // ask for no compression
}

// Offer is what a sender offers.
type Offer struct {
	piece.Offer
	List *piece.List
	Free int64 // bytes that the folder's disk has room for, -1 where that is not known
	// Holes is how many of the wanted bytes are stored nowhere: they take no room on a disk that keeps holes.
	Holes int64
	// Skip says of each entry whether it is not wanted, nil where everything is; Wanted is what that leaves.
	Skip   []bool
	Wanted piece.Wanted
}

// Sink receives one transfer into a folder, over one way after the other.
type Sink struct {
	o      SinkOptions
	root   *os.Root
	claim  claim
	record record                                    // of the parts in root
	sync   func(root *os.Root, paths []string) error // brings files and folders to the disk

	// Of one list, kept between ways. run.mu guards them while there is a run.
	m        *piece.Manifest
	asked    bool
	done     []bool // by entry: files that have their names
	saved    int
	skip     []bool // by entry: not wanted; nil for none
	wanted   piece.Wanted
	files    map[int]*inFile
	found    hashes // of small files that were here before, and are not in files
	verified int64
	open     int // files of several pieces that are open
	places   places
	out      out
	known    bool // to the sender: that the last run ended well
}

// NewSink receives into a folder, which is there.
func NewSink(folder string, o SinkOptions) (*Sink, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	if o.Window == 0 {
		o.Window = 32 << 20
	}
	o.Window = max(o.Window, piece.MinWindow)
	if o.Notify == nil {
		o.Notify = func(Progress) {}
	}
	s := &Sink{o: o, root: root, claim: newClaim(root), out: out{to: o.Out}, sync: syncEach}
	if s.claim.alone() {
		s.record.read(root)
	}
	return s, nil
}

// Close lets the folder go. What is not whole stays as NAME.part.
func (s *Sink) Close() error {
	if s.claim.alone() {
		s.record.close(s.root)
	}
	s.found.close()
	s.claim.close()
	return s.root.Close()
}

// Complete says whether everything is verified and has its name.
func (s *Sink) Complete() bool { return s.m != nil && s.asked && s.saved == s.wanted.Files }

// Known says, after a Run without an error, whether the sender knows that everything is here: where the way ended just
// before, another Run on the next way tells it.
func (s *Sink) Known() bool { return s.known }

// Run receives over a way. It returns nil when everything is verified and has its name; ErrWayLost when the way ended before, and
// then it may be called again with another one; a *Cancelled or a *RemoteError when the sender gave up; or what is wrong here,
// which the sender has been told. When ctx ends the sender is told the cause, unless that is ErrWayLost. The way stays open.
func (s *Sink) Run(ctx context.Context, way Way) error {
	zero, err := way.Accept(ctx)
	if err != nil {
		return lost(err)
	}
	r := &run{talk: newTalk(ctx, zero), sink: s, way: way, due: make(chan struct{}, 1), naming: naming{wake: make(chan struct{}, 1)}}
	r.spawn(func() error { return r.read(zero) })
	r.spawn(r.acceptLanes)
	r.spawn(r.report)
	r.spawn(r.nameFiles)
	r.spawn(r.tell)
	err = r.close(ctx)
	s.release()
	s.known = err == nil
	if err != nil && errors.Is(err, ErrWayLost) && s.Complete() {
		err = s.settle() // everything is here: only the farewell was lost
	}
	if err == nil {
		p := r.snapshot()
		p.Phase = Done
		s.o.Notify(p)
	}
	return err
}

// settle is the last of the work: links, and the folders' modes and times.
func (s *Sink) settle() error {
	if err := s.places.settle(s.root, s.m, s.skips); err != nil {
		return err
	}
	if s.claim.alone() {
		s.record.close(s.root)
	}
	return nil
}

// release closes what is open between two ways.
func (s *Sink) release() {
	for _, f := range s.files {
		f.close()
		f.busy, f.fresh = nil, max(f.fresh, f.high)
	}
	s.open = 0
}

// begin starts a new list, unless it is the one that was received last.
func (s *Sink) begin(m *piece.Manifest) {
	if s.m == m {
		return
	}
	s.m, s.asked = m, false
	s.done = make([]bool, m.Len())
	s.files = make(map[int]*inFile)
	s.found.close()
	s.saved, s.verified, s.skip = 0, 0, nil
	s.places = newPlaces(m.Len())
	s.out.next.Store(0)
}

// inFile is a file that is not whole.
type inFile struct {
	entry  int
	text   []byte     // where a text goes, which is in no file
	part   string     // where its data is, "" before the first
	base   string     // a whole file that was here before, of which some pieces may be the same
	opens  sync.Mutex // disk is opened once
	disk   *os.File
	synced bool         // what is in part is on the disk
	mode   os.FileMode  // of part as it is
	fresh  int64        // from here on the part was never written: zeros need not be
	high   int64        // up to here it may have been written since it was opened
	holes  bool         // zeros were not written: the part may be too short
	local  piece.Tree   // pieces that were here, as the sender was told
	tree   piece.Tree   // pieces that are as the sender's
	kept   map[int]bool // pieces that are as the sender's in base, not in part
	moved  map[int]bool // where there is a base: pieces that came, and are in part
	busy   map[int]bool // pieces that a lane is at
	wrong  map[int]int  // how often a piece was wrong
	root   piece.Hash
	ended  bool // root is known
	ending bool // somebody finishes it
}

func (f *inFile) close() {
	if f.disk != nil {
		_ = f.disk.Close()
		f.disk = nil
	}
}

// maxUnder is how many files of several pieces may be under way at once: each holds a file open.
const maxUnder = 64

// run is a sink on one way.
type run struct {
	*talk
	sink *Sink
	way  Way
	due  chan struct{} // report has something to send

	mu       sync.Mutex
	listing  listing
	accepted bool
	packs    bool // pieces may come compressed
	taken    int64
	told     int64
	gots     []byte
	agains   []piece.Again
	naming   naming
	shown    Progress
	pace     pace
	ended    bool // done was heard
}

// acceptLanes takes the lanes that the sender opens besides lane 0.
func (r *run) acceptLanes() error {
	for range maxLanes - 1 {
		lane, err := r.way.Accept(r.soft)
		if err != nil {
			return nil // the way's end shows on lane 0
		}
		r.spawn(func() error {
			defer lane.Close()
			return r.read(lane)
		})
	}
	return nil
}

// read owns a lane's receiving side. It never sends, so that neither end waits for the other to read.
func (r *run) read(lane Lane) error {
	l := &inLane{run: r, zero: lane == r.zero, entry: -1, desk: desk{root: r.sink.root}}
	defer l.desk.close()
	for {
		m, err := lane.Receive(r.hard)
		switch {
		case err != nil && !l.zero && l.idle():
			return nil // the sender closes them when it is done
		case err != nil:
			return r.farewell(err)
		}
		if err := l.hear(m); err != nil {
			return err
		}
	}
}

// farewell is the end of a lane: after bye that is the end of the conversation.
func (r *run) farewell(err error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return errOver
	}
	return lost(err)
}

// control is a control message of the sender.
func (r *run) control(c piece.Control) error {
	switch c := c.(type) {
	case piece.Offer:
		return r.onOffer(c)
	case piece.Entries:
		return r.onEntries(c)
	case piece.Offered:
		return r.onOffered()
	case piece.Done:
		return r.onDone()
	case piece.Cancel:
		return &Cancelled{Reason: words(c.Reason)}
	case piece.Error:
		return &RemoteError{words(c.Text)}
	}
	return errProtocol(fmt.Sprintf("%T of a sender", c))
}

func (r *run) onOffer(o piece.Offer) (err error) {
	if r.listing.m != nil {
		return errProtocol("a second offer")
	}
	r.listing, err = newListing(r.sink.m, o, r.sink.o.Links)
	return err
}

func (r *run) onEntries(e piece.Entries) error {
	l := &r.listing
	if l.m == nil || l.ended || e.From != l.n {
		return errProtocol("entries that were not announced")
	}
	for _, entry := range e.Entries {
		if err := l.add(entry); err != nil {
			return &entryError{l.n, fmt.Errorf("nothing is taken: %w", err)}
		}
	}
	return nil
}

func (r *run) onOffered() error {
	if r.listing.m == nil || r.listing.ended {
		return errProtocol("the end of no list")
	}
	if err := r.listing.end(); err != nil {
		return err
	}
	r.mu.Lock()
	r.sink.begin(r.listing.m)
	r.mu.Unlock()
	r.spawn(r.prepare)
	return nil
}

// onDone ends the conversation: everything must be here.
func (r *run) onDone() error {
	r.mu.Lock()
	complete := r.accepted && r.sink.Complete()
	r.mu.Unlock()
	if !complete {
		return errProtocol("it is done before everything has come")
	}
	if err := r.sink.settle(); err != nil {
		return err
	}
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	// The sender closes when it hears bye; it may not be there any more.
	r.spawn(func() error {
		if err := r.say(piece.Bye{}); err != nil {
			return errOver
		}
		return r.linger()
	})
	return nil
}

package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"time"

	"switchyard/engine/piece"
)

// A file gets its name when its bytes are on the disk, and the sender hears of it when the name is there, too: a power cut leaves
// it whole, or as a part. To ask the disk for each of many small files would take longer than to send them, so they are named many at
// a time.
const (
	batchFiles = 1024
	batchBytes = 64 << 20
	batchWait  = 250 * time.Millisecond // that the first of them waits at most
	// fewSyncs is how many files or folders are brought to the disk one by one; for more of them all of the file system is.
	fewSyncs = 16
)

// naming is the files that are verified and wait for their names. run.mu guards it.
type naming struct {
	due   []*inFile
	bytes int64
	since time.Time // when the first of them came
	wake  chan struct{}
}

// settle takes a file whose part is complete and closed.
func (r *run) settle(f *inFile) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := &r.naming
	if len(n.due) == 0 {
		n.since = time.Now()
	}
	n.due = append(n.due, f)
	n.bytes += r.sink.m.Size(f.entry)
	if r.isBatch() || len(n.due) == 1 {
		select {
		case n.wake <- struct{}{}:
		default:
		}
	}
}

// isBatch says whether nothing is won by waiting for more files. mu is held.
func (r *run) isBatch() bool {
	n := &r.naming
	return len(n.due) >= batchFiles || n.bytes >= batchBytes || r.sink.saved+len(n.due) >= r.sink.wanted.Files
}

// nameFiles gives files their names until the run ends, also those that were complete then.
func (r *run) nameFiles() error {
	d := desk{root: r.sink.root}
	defer d.close()
	timer := time.NewTimer(batchWait)
	defer timer.Stop()
	for over := false; !over; {
		select {
		case <-r.naming.wake:
		case <-timer.C:
		case <-r.soft.Done():
			over = true
		}
		batch, wait := r.batch(over)
		if len(batch) > 0 {
			if err := r.name(&d, batch); err != nil {
				return err
			}
		}
		timer.Reset(wait)
	}
	return nil
}

// batch takes what is to be named now, and says how long to wait for the next.
func (r *run) batch(all bool) (files []*inFile, wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := &r.naming
	wait = batchWait - time.Since(n.since)
	if len(n.due) == 0 || !all && wait > 0 && !r.isBatch() {
		return nil, max(wait, time.Millisecond)
	}
	files, n.due, n.bytes = n.due, nil, 0
	return files, batchWait
}

// name brings files to the disk, names them, brings the names to the disk, and counts them.
func (r *run) name(d *desk, files []*inFile) error {
	s := r.sink
	var parts []string
	for _, f := range files {
		if !f.synced {
			parts = append(parts, f.part)
		}
	}
	if err := s.sync(s.root, parts); err != nil {
		return &entryError{files[0].entry, diskError(s.m.Path(files[0].entry), err)}
	}
	s.aboutToName(files)
	where, dirs := make([]string, len(files)), newFolders()
	for k, f := range files {
		var err error
		r.dropParts(d, f)
		if where[k], err = s.giveName(d, f); err != nil {
			return &entryError{f.entry, diskError(s.m.Path(f.entry), err)}
		}
		s.record.stepped()
		dirs.add(path.Dir(where[k]))
	}
	if err := s.sync(s.root, dirs.paths); err != nil {
		return &entryError{files[0].entry, diskError(s.m.Path(files[0].entry), err)}
	}
	for k, f := range files {
		s.record.remove(f.part)
		r.whole(f, where[k])
	}
	return nil
}

// aboutToName puts it on record that parts are complete, so that a file of the user's of such a name, made after a kill, is not taken for one.
func (s *Sink) aboutToName(files []*inFile) {
	if !s.claim.alone() {
		return
	}
	parts := make([]string, len(files))
	for k, f := range files {
		parts[k] = f.part
	}
	s.record.naming(s.root, parts)
}

// giveName gives a part its name, and says what that is.
func (s *Sink) giveName(d *desk, f *inFile) (where string, err error) {
	e := s.m.Entry(f.entry)
	dir, part, err := d.at(f.part)
	if err != nil {
		return "", err
	}
	for n := range maxNumbered {
		local, ok := s.places.candidate(s.m, e.Path, n)
		if !ok {
			continue
		}
		err := s.rename(dir, part, path.Base(local), s.places.inFresh(s.m, f.entry))
		if !errors.Is(err, fs.ErrExist) {
			return local, err
		}
	}
	return "", fmt.Errorf("there are %d files of its name already", maxNumbered)
}

// whole counts a file that needs nothing more, and tells of it.
func (r *run) whole(f *inFile, where string) {
	s, e := r.sink, r.sink.m.Entry(f.entry)
	if s.o.Saved != nil && where != "" {
		s.o.Saved(e.Path, where)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.m.Pieces(f.entry) == 1 {
		s.verified += e.Size
	}
	s.done[f.entry] = true
	s.saved++
	delete(s.files, f.entry)
	delete(s.places.parts, f.part)
	r.shown.File = e.Path
	r.gots = piece.Got{Entry: uint32(f.entry), Root: f.root}.Append(r.gots)
	r.nudge()
}

// folders is a set of folders, each with those that it is in.
type folders struct {
	seen  map[string]bool
	paths []string
}

func newFolders() *folders { return &folders{seen: make(map[string]bool)} }

func (f *folders) add(dir string) {
	for ; !f.seen[dir]; dir = path.Dir(dir) {
		f.seen[dir] = true
		f.paths = append(f.paths, dir)
	}
}

// syncEach brings files or folders to the disk: each of a few, else all of the file system that they are on.
func syncEach(root *os.Root, paths []string) error {
	if len(paths) > fewSyncs {
		if err := syncAll(root); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	for _, p := range paths {
		f, err := root.Open(p)
		if err != nil {
			return err
		}
		if err = errors.Join(syncOf(f), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

package transfer

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"switchyard/engine/piece"
)

// need is what the rest of a transfer takes of a disk, in bytes.
type need struct {
	size int64 // with all zeros
	data int64 // where the disk keeps holes
}

// add counts a file of which so many bytes are to come, and of which the disk stores some already.
func (n *need) add(e *piece.Entry, missing, stored int64) {
	n.size += missing
	if e.Holes == 0 {
		n.data += missing
	} else {
		n.data += min(missing, max(0, e.Size-e.Holes-stored))
	}
}

// fits says why the rest of a transfer does not fit on the folder's disk, nil where it does or that is not known.
func (s *Sink) fits(n need) error {
	free := freeSpace(s.root)
	switch {
	case free < 0 || n.size <= free:
		return nil
	case n.data > free || s.out.to != nil: // what goes to an output is read again here: its zeros are written
		if s.out.to == nil {
			n.size = n.data
		}
		return fmt.Errorf("there is no room for it here: it takes %s more, and %s are free", inWords(n.size), inWords(free))
	case !keepsHoles(s.root):
		return fmt.Errorf("there is no room for it here: this disk keeps no holes, with which it takes %s more, and %s are free; choose a folder on another disk",
			inWords(n.size), inWords(free))
	}
	return nil
}

// stored is how much of the disk the part of a file takes already.
func (s *Sink) stored(f *inFile) int64 {
	if f.part == "" {
		return 0
	}
	info, err := s.root.Lstat(f.part)
	if err != nil {
		return 0
	}
	return max(0, allocated(info))
}

// holes is how many of the wanted bytes the sender has stored nowhere.
func (s *Sink) holes() (sum int64) {
	for i, e := range s.m.All() {
		if !s.skips(i) {
			sum += e.Holes
		}
	}
	return sum
}

// probeFile is there for a moment, to see how a disk keeps a hole of so many bytes.
const (
	probeFile = ".switchyard.probe"
	probeSize = 1 << 20
)

// keepsHoles tries whether the disk of a folder leaves out what was never written of a file: some (FAT) write zeros.
func keepsHoles(root *os.Root) bool {
	if err := root.Remove(probeFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	f, err := root.OpenFile(probeFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return false
	}
	defer root.Remove(probeFile)
	defer f.Close()
	if _, err := f.WriteAt([]byte{1}, probeSize); err != nil {
		return false
	}
	_ = syncOf(f) // some say what it takes only then
	info, err := f.Stat()
	if err != nil {
		return false
	}
	took := allocated(info)
	return took >= 0 && took < probeSize/2
}

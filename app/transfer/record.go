package transfer

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"switchyard/engine/piece"
)

// recordFile is where a folder keeps which of the parts in it are ours: a file of that name that is not in it is somebody else's.
const recordFile = ".switchyard.part"

const (
	maxRecord   = 64 << 20 // bytes of a record that are read
	recordLines = 4096     // before it is written anew without those that are whole by now
	// recordSafe is how large a file is whose part is put on record safely at once: losing the record means sending it again.
	recordSafe = 16 << 20
)

// record is the parts in a folder that transfers began, in this process and in earlier ones. A line is added once its part was made,
// so that a crash in between leaves a stray part, and never a file of the user's that is taken for one. Only who holds the folder's
// claim has a record. The zero value is empty.
type record struct {
	mu    sync.Mutex       // guards what is below; the disk is written to under it
	parts map[string]began // by the part's path; those of this run are there, too
	file  *os.File         // nil before the first line
	lines int              // in file
}

// began is what a part is of.
type began struct {
	id         string // of the transfer
	size, time int64  // of the whole file
}

// fits says whether a part may be gone on with for an entry: it is of this transfer, or of what looks like the same file, which came
// by another link.
func (b began) fits(id string, e *piece.Entry) bool {
	return b.id == id || b.size == e.Size && b.time == e.Time
}

// line is how a part is written down.
func (b began) line(part string) string {
	return strconv.Quote(b.id) + " " + strconv.FormatInt(b.size, 10) + " " + strconv.FormatInt(b.time, 10) + " " + strconv.Quote(part) + "\n"
}

// parseLine reads a line; ok is false for one that was cut off or is not ours.
func parseLine(line string) (part string, b began, ok bool) {
	id, err := strconv.QuotedPrefix(line)
	if err != nil {
		return "", b, false
	}
	size, rest, _ := strings.Cut(strings.TrimPrefix(line[len(id):], " "), " ")
	time, name, _ := strings.Cut(rest, " ")
	var errs [4]error
	b.id, errs[0] = strconv.Unquote(id)
	b.size, errs[1] = strconv.ParseInt(size, 10, 64)
	b.time, errs[2] = strconv.ParseInt(time, 10, 64)
	part, errs[3] = strconv.Unquote(name)
	return part, b, errors.Join(errs[:]...) == nil && piece.CheckPath(part) == nil
}

// read reads the record of a folder.
func (r *record) read(root *os.Root) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parts = make(map[string]began)
	info, err := root.Lstat(recordFile)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	f, err := root.Open(recordFile)
	if err != nil {
		return
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxRecord))
	if err != nil {
		return
	}
	for line := range bytes.Lines(b) {
		if part, began, ok := parseLine(strings.TrimSuffix(string(line), "\n")); ok {
			r.parts[part] = began
		}
	}
}

// of is what a part is of; ok is false for one that is not on record.
func (r *record) of(part string) (b began, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok = r.parts[part]
	return b, ok
}

// add puts a part on record that was made just now.
func (r *record) add(root *os.Root, part string, b began) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parts[part] = b
	if r.file == nil || r.lines > recordLines+2*len(r.parts) {
		return r.write(root)
	}
	r.lines++
	_, err := r.file.WriteString(b.line(part))
	if err == nil && b.size >= recordSafe {
		err = r.file.Sync()
	}
	return err
}

// write writes the record anew, in the place of the old one. mu is held.
func (r *record) write(root *os.Root) error {
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
	const fresh = ".switchyard.1.part"
	if err := root.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	for part, began := range r.parts {
		b.WriteString(began.line(part))
	}
	_, err = f.Write(b.Bytes())
	if err = errors.Join(err, f.Sync()); err == nil {
		err = root.Rename(fresh, recordFile)
	}
	if err != nil {
		_ = f.Close()
		_ = root.Remove(fresh)
		return err
	}
	r.file, r.lines = f, len(r.parts)
	return nil
}

// remove takes a part off the record: it has its name, or is gone. The line goes with the next write.
func (r *record) remove(part string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.parts, part)
}

// close ends the record. It stays for the parts that are still there, and goes where there are none.
func (r *record) close(root *os.Root) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for part := range r.parts {
		if info, err := root.Lstat(part); err != nil || !info.Mode().IsRegular() {
			delete(r.parts, part)
		}
	}
	if len(r.parts) == 0 {
		if info, err := root.Lstat(recordFile); err == nil && info.Mode().IsRegular() {
			_ = root.Remove(recordFile)
		}
	} else if r.lines > len(r.parts) {
		_ = r.write(root)
	}
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
}

package transfer

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
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

// freshRecord is the record while it is written anew.
const freshRecord = ".switchyard.1.part"

// record is the parts in a folder that transfers began, in this process and in earlier ones. A line is added before its part is made, and
// another one after it, so that a kill at any moment leaves no part that is not on record, and never a file of the user's that is taken for
// one: see stage. Only who holds the folder's claim has a record. The zero value is empty.
type record struct {
	step func() // nil but in tests: called after each change of the folder, where a kill may come

	mu       sync.Mutex       // guards what is below; the disk is written to under it
	parts    map[string]began // by the part's path; those of this run are there, too
	numbered map[string][]int // numbers of parts that have or had one, by their path without it
	file     *os.File         // nil before the first line
	lines    int              // on the disk
}

// stage is how far a part has come, which says what of that name is ours.
type stage byte

const (
	made     stage = iota // whatever is there
	planned               // it is about to be made: what is there is ours while it is empty
	complete              // it is all of the file and about to get its name: what is there is ours if it is as long as the file
)

// stages are the words at the end of a line.
var stages = [...]string{made: "", planned: " planned", complete: " complete"}

// began is what a part is of.
type began struct {
	id         string // of the transfer
	size, time int64  // of the whole file
	stage      stage
}

// owns says whether what lies under a part's name is the part.
func (b began) owns(info fs.FileInfo) bool {
	switch {
	case !info.Mode().IsRegular():
		return false
	case b.stage == planned:
		return info.Size() == 0
	case b.stage == complete:
		return info.Size() == b.size
	}
	return true
}

// fits says whether a part may be gone on with for an entry: it is of this transfer, or of what looks like the same file, which came
// by another link.
func (b began) fits(id string, e *piece.Entry) bool {
	return b.id == id || b.size == e.Size && b.time == e.Time
}

// line is how a part is written down.
func (b began) line(part string) string {
	return strconv.Quote(b.id) + " " + strconv.FormatInt(b.size, 10) + " " + strconv.FormatInt(b.time, 10) + " " + strconv.Quote(part) + stages[b.stage] + "\n"
}

// parseLine reads a line; ok is false for one that was cut off or is not ours.
func parseLine(line string) (part string, b began, ok bool) {
	id, err := strconv.QuotedPrefix(line)
	if err != nil {
		return "", b, false
	}
	size, rest, _ := strings.Cut(strings.TrimPrefix(line[len(id):], " "), " ")
	time, rest, _ := strings.Cut(rest, " ")
	name, err := strconv.QuotedPrefix(rest)
	at := slices.Index(stages[:], rest[len(name):])
	if err != nil || at < 0 {
		return "", b, false
	}
	b.stage = stage(at)
	var errs [4]error
	b.id, errs[0] = strconv.Unquote(id)
	b.size, errs[1] = strconv.ParseInt(size, 10, 64)
	b.time, errs[2] = strconv.ParseInt(time, 10, 64)
	part, errs[3] = strconv.Unquote(name)
	return part, b, errors.Join(errs[:]...) == nil && piece.CheckPath(part) == nil
}

// read reads the record of a folder, and removes what a kill left of our own beside it.
func (r *record) read(root *os.Root) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.parts, r.numbered = make(map[string]began), make(map[string][]int)
	for _, name := range []string{freshRecord, probeFile} {
		if info, err := root.Lstat(name); err == nil && info.Mode().IsRegular() {
			_ = root.Remove(name)
		}
	}
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
		r.lines++
		if part, began, ok := parseLine(strings.TrimSuffix(string(line), "\n")); ok {
			r.set(part, began)
		}
	}
}

// set keeps what is on record of a part. mu is held.
func (r *record) set(part string, b began) {
	r.parts[part] = b
	if first, n := unnumbered(part); n > 0 && !slices.Contains(r.numbered[first], n) {
		r.numbered[first] = append(r.numbered[first], n)
	}
}

// unnumbered is the first name of a part, and the number that it has; 0 for none.
func unnumbered(part string) (first string, n int) {
	name := strings.TrimSuffix(part, ".part")
	dot := strings.LastIndexByte(name, '.')
	n, err := strconv.Atoi(name[dot+1:])
	if err != nil || dot < 0 || n <= 0 || strconv.Itoa(n) != name[dot+1:] {
		return part, 0
	}
	return name[:dot] + ".part", n
}

// numbers are those that parts of one first name may have: 0, and what is on record.
func (r *record) numbers(first string) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]int{0}, r.numbered[first]...)
}

// stepped is called after the folder was changed.
func (r *record) stepped() {
	if r.step != nil {
		r.step()
	}
}

// of is what a part is of; ok is false for one that is not on record.
func (r *record) of(part string) (b began, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok = r.parts[part]
	return b, ok
}

// add puts a part on record. mu is not held when it returns.
func (r *record) add(root *os.Root, part string, b began) error {
	defer r.stepped()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(part, b)
	if r.file == nil || r.lines > recordLines+2*len(r.parts) {
		return r.write(root)
	}
	err := r.append([]byte(b.line(part)), 1)
	if err == nil && b.size >= recordSafe && b.stage == made {
		err = r.file.Sync()
	}
	return err
}

// append adds lines at the end. Where that fails the record is written anew for the next one: half a line would garble it. mu is held.
func (r *record) append(b []byte, lines int) error {
	r.lines += lines
	_, err := r.file.Write(b)
	if err != nil {
		_ = r.file.Close()
		r.file = nil
	}
	return err
}

// naming puts it on record that parts are about to get their names. Where there is no room for that they are named all the same.
func (r *record) naming(root *os.Root, parts []string) {
	defer r.stepped()
	r.mu.Lock()
	defer r.mu.Unlock()
	var lines []byte
	n := 0
	for _, part := range parts {
		if b, ok := r.parts[part]; ok {
			b.stage = complete
			r.parts[part] = b
			lines = append(lines, b.line(part)...)
			n++
		}
	}
	switch {
	case n == 0:
	case r.file == nil:
		_ = r.write(root)
	default:
		_ = r.append(lines, n)
	}
}

// write writes the record anew, in the place of the old one. mu is held.
func (r *record) write(root *os.Root) error {
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
	if err := root.Remove(freshRecord); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := root.OpenFile(freshRecord, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	r.stepped()
	var b bytes.Buffer
	for part, began := range r.parts {
		b.WriteString(began.line(part))
	}
	_, err = f.Write(b.Bytes())
	r.stepped()
	if err = errors.Join(err, f.Sync()); err == nil {
		err = root.Rename(freshRecord, recordFile)
	}
	if err != nil {
		_ = f.Close()
		_ = root.Remove(freshRecord)
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
	for part, b := range r.parts {
		if info, err := root.Lstat(part); err != nil || !b.owns(info) {
			delete(r.parts, part)
		}
	}
	if len(r.parts) == 0 {
		if info, err := root.Lstat(recordFile); err == nil && info.Mode().IsRegular() {
			_ = root.Remove(recordFile)
			r.stepped()
		}
	} else if r.lines > len(r.parts) {
		_ = r.write(root)
	}
	if r.file != nil {
		_ = r.file.Close()
		r.file = nil
	}
}

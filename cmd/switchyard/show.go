package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/mdp/qrterminal/v3"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"switchyard/app/transfer"
	"switchyard/engine/piece"
)

type showOptions struct{ json, quiet, qr bool }

// show tells a transfer's events: the link on standard output, the talk on standard error with a progress bar for each
// other end where that is a terminal, or everything as JSON lines on standard output.
type show struct {
	o   showOptions
	std *Streams
	tty bool

	mu   sync.Mutex
	bars *mpb.Progress   // guarded by mu, as all below; nil before the first bar: what it writes comes late
	of   map[string]*bar // by peer
	json *json.Encoder
	last map[string]time.Time // when progress of a peer was told in JSON
}

// bar is the line of one other end.
type bar struct {
	*mpb.Bar
	mu   sync.Mutex
	now  transfer.Progress // guarded by mu, as all below
	name string
}

func newShow(std *Streams, o showOptions) *show {
	return &show{
		o: o, std: std, tty: terminal(std.Err) && !o.quiet && !o.json,
		of: map[string]*bar{}, json: json.NewEncoder(std.Out), last: map[string]time.Time{},
	}
}

// say tells a sentence.
func (s *show) say(text string) {
	if s.o.quiet || s.o.json || text == "" {
		return
	}
	s.talk(text + "\n")
}

// talk writes above the bars.
func (s *show) talk(text string) {
	s.mu.Lock()
	bars := s.bars
	s.mu.Unlock()
	if bars != nil {
		if _, err := io.WriteString(bars, text); err == nil {
			return
		}
	}
	_, _ = io.WriteString(s.std.Err, text) // who closed it reads nothing
}

// line prints a JSON line.
func (s *show) line(v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_ = s.json.Encode(v) // a closed pipe ends the process anyway
}

// event takes what a transfer tells.
func (s *show) event(e transfer.Event) {
	if s.o.json {
		s.eventJSON(e)
		return
	}
	switch e.What {
	case transfer.LinkMade:
		fmt.Fprintln(s.std.Out, e.Link)
		s.link(e)
	case transfer.CodeMade:
		s.say("The code is now " + e.Code)
	case transfer.Advanced:
		s.progress(e)
	case transfer.Chosen, transfer.Waiting, transfer.Arrived, transfer.Refused, transfer.Stopped, transfer.Broken, transfer.Completed:
		s.finish(e)
		s.say(sentence(e, e.Text))
	case transfer.Connected:
		s.say(sentence(e, e.Name+": "+e.Text))
	}
}

// sentence makes a text one. A name stays as it is.
func sentence(e transfer.Event, text string) string {
	if text == "" {
		return ""
	}
	if e.Name == "" || !strings.HasPrefix(text, e.Name) || strings.HasPrefix(text, "the ") {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return text + "."
}

// link tells how to receive.
func (s *show) link(e transfer.Event) {
	if s.o.quiet {
		return
	}
	var b strings.Builder
	if s.o.qr && s.tty {
		qrterminal.GenerateHalfBlock(e.Link, qrterminal.L, &b)
	}
	fmt.Fprintf(&b, "Open the link above, or run: switchyard receive '%s'\n", e.Link)
	if e.Code != "" {
		fmt.Fprintf(&b, "Or say the code: %s\n", e.Code)
	}
	fmt.Fprintf(&b, "It can be opened until %s%s. Ctrl-C ends it.\n", clock(e.Expires), times(e.Receivers))
	s.talk(b.String())
}

func clock(t time.Time) string {
	if time.Until(t) > 20*time.Hour {
		return t.Local().Format("2006-01-02 15:04")
	}
	return t.Local().Format("15:04")
}

func times(n int) string {
	if n == 1 {
		return ", once"
	}
	return fmt.Sprintf(", by %d receivers", n)
}

// progress moves the bar of one other end.
func (s *show) progress(e transfer.Event) {
	if !s.tty || e.Progress.Phase == transfer.Offering { // somebody may be asked on this terminal
		return
	}
	s.mu.Lock()
	if s.bars == nil {
		s.bars = mpb.New(mpb.WithOutput(s.std.Err), mpb.WithRefreshRate(200*time.Millisecond), mpb.WithWidth(32))
	}
	b := s.of[e.Peer]
	if b == nil {
		b = &bar{name: e.Name}
		b.Bar = s.bars.New(max(e.Progress.Bytes, 1), mpb.BarStyle().Lbound("").Rbound("").Filler("━").Tip("━").Padding("─"),
			mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return b.front() })),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.back() })))
		s.of[e.Peer] = b
	}
	s.mu.Unlock()
	b.mu.Lock()
	b.now = e.Progress
	b.mu.Unlock()
	b.SetTotal(max(e.Progress.Bytes, 1), false)
	b.SetCurrent(e.Progress.Verified)
}

// finish takes the bar away: what comes is told in words.
func (s *show) finish(e transfer.Event) {
	s.mu.Lock()
	b := s.of[e.Peer]
	delete(s.of, e.Peer)
	s.mu.Unlock()
	if b != nil {
		b.Abort(true)
	}
}

func (b *bar) front() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	name := b.name
	if name == "" {
		name = "progress"
	}
	return fmt.Sprintf("%-16.16s %3d %% ", name, percent(b.now))
}

func percent(p transfer.Progress) int {
	if p.Bytes == 0 {
		return 0
	}
	return int(100 * p.Verified / p.Bytes)
}

// back says the rate, the time left and the way.
func (b *bar) back() string {
	b.mu.Lock()
	p := b.now
	b.mu.Unlock()
	road := "relayed"
	if p.Direct {
		road = "direct"
	}
	switch p.Phase {
	case transfer.Checking:
		return " looking at what is there, " + road
	case transfer.Finishing:
		return " verifying, " + road
	}
	text := fmt.Sprintf(" %s of %s  %s/s", bytesText(p.Verified), bytesText(p.Bytes), bytesText(int64(p.Rate)))
	if left := p.Left(); left > 0 {
		text += "  " + left.Round(time.Second).String() + " left"
	}
	return text + "  " + road
}

// offer shows what a sender offers.
func (s *show) offer(o *transfer.Offer) {
	if s.o.json {
		s.line(map[string]any{"type": "offer", "name": o.Name, "kind": o.Kind, "files": o.Files, "entries": o.Entries, "bytes": o.Bytes, "free": o.Free, "wanted": o.Wanted})
		return
	}
	if s.o.quiet || o.Kind == piece.KindText {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", describe(o.Offer))
	if o.Skip != nil {
		fmt.Fprintf(&b, "Of that you take %d files, %s:\n", o.Wanted.Files, bytesText(o.Wanted.Bytes))
	}
	const most = 12
	shown, more := 0, 0
	for i := range o.List.Len() {
		switch {
		case o.Skip != nil && o.Skip[i]:
		case shown == most:
			more++
		default:
			shown++
			fmt.Fprintf(&b, "  %s\n", entryLine(o.List.Entry(i)))
		}
	}
	if more > 0 {
		fmt.Fprintf(&b, "  … and %d more\n", more)
	}
	if o.Holes > 0 {
		fmt.Fprintf(&b, "%s of it are holes, which take no room where the disk keeps them.\n", bytesText(o.Holes))
	}
	if o.Free >= 0 {
		fmt.Fprintf(&b, "%s are free here.\n", bytesText(o.Free))
	}
	s.talk(b.String())
}

// entryLine is an entry as people read it.
func entryLine(e piece.Entry) string {
	switch e.Kind {
	case piece.Folder:
		return fmt.Sprintf("%11s  %s/", "", plain(e.Path))
	case piece.Symlink:
		return fmt.Sprintf("%11s  %s -> %s", "", plain(e.Path), plain(e.To))
	}
	return fmt.Sprintf("%11s  %s", bytesText(e.Size), plain(e.Path))
}

// listOffer prints every entry of an offer that is wanted on standard output, in JSON a line each behind one of the offer.
func listOffer(out io.Writer, show *show, o *transfer.Offer, asJSON bool) error {
	if asJSON {
		show.offer(o)
	}
	w := bufio.NewWriter(out)
	lines := json.NewEncoder(w)
	for i, e := range o.List.All() {
		switch {
		case o.Skip != nil && o.Skip[i]:
		case asJSON:
			kind := map[string]string{piece.Folder: "folder", piece.Symlink: "link"}[e.Kind]
			if kind == "" {
				kind = "file"
			}
			_ = lines.Encode(listed{"entry", e.Path, kind, e.Size, e.Mode, e.Time, e.To}) // Flush says what went wrong
		default:
			fmt.Fprintln(w, entryLine(e))
		}
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("cannot print the list: %w", err)
	}
	return nil
}

// listed is one entry of --list --json: size in bytes, time in ms since 1970.
type listed struct {
	Type string `json:"type"`
	Path string `json:"path"`
	Kind string `json:"kind"` // "file", "folder" or "link"
	Size int64  `json:"size"`
	Mode uint32 `json:"mode,omitempty"`
	Time int64  `json:"time,omitempty"`
	To   string `json:"to,omitempty"`
}

// plain keeps what the sender named from writing to the terminal otherwise than as text.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '?'
		}
		return r
	}, text)
}

// describe says what is offered in a line.
func describe(o piece.Offer) string {
	if o.Kind == piece.KindText {
		return fmt.Sprintf("A text of %s.", bytesText(o.Bytes))
	}
	if o.Files == 1 && o.Entries == 1 {
		return fmt.Sprintf("%s, %s.", plain(o.Name), bytesText(o.Bytes))
	}
	return fmt.Sprintf("%s: %d files, %s.", plain(o.Name), o.Files, bytesText(o.Bytes))
}

// bytesText is a size as people read it.
func bytesText(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	f := float64(n)
	for _, unit := range []string{"kB", "MB", "GB"} {
		if f /= 1000; f < 999.5 {
			return fmt.Sprintf("%.3g %s", f, unit)
		}
	}
	return fmt.Sprintf("%.3g TB", f/1000)
}

// eventJSON prints an event, progress twice a second at most.
func (s *show) eventJSON(e transfer.Event) {
	v := map[string]any{"type": string(e.What)}
	add := func(name string, value any, is bool) {
		if is {
			v[name] = value
		}
	}
	add("text", e.Text, e.Text != "")
	add("peer", e.Peer, e.Peer != "")
	add("name", e.Name, e.Name != "")
	add("link", e.Link, e.Link != "")
	add("code", e.Code, e.Code != "")
	add("receivers", e.Receivers, e.Receivers > 0)
	add("expires", e.Expires, !e.Expires.IsZero())
	add("kind", e.Kind, e.Kind != "")
	add("direct", e.Direct, e.Kind != "")
	if p := e.Progress; e.What == transfer.Advanced {
		s.mu.Lock()
		late := p.Phase == transfer.Moving && time.Since(s.last[e.Peer]) < 500*time.Millisecond
		if !late {
			s.last[e.Peer] = time.Now()
		}
		s.mu.Unlock()
		if late {
			return
		}
		v["phase"], v["bytes"], v["verified"], v["rate"] = string(p.Phase), p.Bytes, p.Verified, int64(p.Rate)
		v["files"], v["filesDone"], v["left"] = p.Files, p.FilesDone, p.Left().Seconds()
	}
	s.line(v)
}

// end takes the bars away.
func (s *show) end() {
	s.mu.Lock()
	bars := s.bars
	s.bars = nil
	for _, b := range s.of {
		b.Abort(true)
	}
	s.mu.Unlock()
	if bars != nil {
		bars.Wait()
	}
}

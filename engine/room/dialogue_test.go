package room

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/media"
	"switchyard/protocol"
)

var update = flag.Bool("update", false, "write what the room says into testdata")

// A dialogue is a script of what happens to a room, with what the room does about it. Lines:
//
//	# comment
//	alice = alice publish,subscribe,data,moderate   a socket of identity alice opens
//	alice> {"type":…}                               the socket brings a message; $1 is the first secret
//	alice x                                         the socket drops
//	+30s                                            time passes
//	media answers 1 video:0:recv audio:1:recv       the answer to the offer of session 1, with its m-lines
//	media refuses 1                                 … cannot be made
//	media up|down|closed 1                          the link of session 1
//	media started id3 VP8 640 360                   first packets of a track
//	media asks id3 VP8                              somebody cannot decode a track
//	media wants id3                                 somebody receives a track
//	media failed id3                                a track could not be made
//	publisher cam = cam publish video:0:recv        WHIP
//	viewer tv = tv subscribe video:0:send           WHEP
//	alice< {"type":…}                               expected: a message to the socket
//	! …                                             expected: anything else that is asked of the owner
type dialogue struct {
	t       *testing.T
	room    *Room
	now     time.Time
	conns   map[string]Conn
	names   map[Conn]string
	tickets map[ID]uint64
	out     strings.Builder
}

func TestDialogues(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no dialogues", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != string(want) {
				t.Errorf("the dialogue went otherwise (go test -update shows it in the file):\n%s", firstDifference(string(want), got))
			}
		})
	}
}

func firstDifference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "", ""
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\nwant %s\ngot  %s", i+1, a, b)
		}
	}
	return "no difference"
}

func play(t *testing.T, script string) string {
	n := 0
	d := &dialogue{
		t: t, now: time.Unix(1_700_000_000, 0), conns: map[string]Conn{}, names: map[Conn]string{}, tickets: map[ID]uint64{},
	}
	cfg := Config{Server: "test", Participants: 3, Viewers: 2, Tracks: 3, DataBytes: 64, AttributeBytes: 64,
		MessageRate: 10, MessageBurst: 20, ReplayMessages: 8,
		NewID: func() string { n++; return "id" + strconv.Itoa(n) }}
	d.room = New("demo", cfg, d.now)
	for line := range strings.Lines(script) {
		line = strings.TrimSuffix(line, "\n")
		if isOutput(line) {
			continue
		}
		d.out.WriteString(line + "\n")
		if line != "" && !strings.HasPrefix(line, "#") {
			d.step(line)
			d.drain()
		}
	}
	return d.out.String()
}

func isOutput(line string) bool {
	name, _, ok := strings.Cut(line, "< ")
	return strings.HasPrefix(line, "!") || ok && !strings.ContainsAny(name, " {#")
}

func (d *dialogue) step(line string) {
	d.t.Helper()
	switch word := strings.Fields(line); {
	case strings.HasPrefix(line, "+"):
		by, err := time.ParseDuration(line[1:])
		d.must(err)
		d.now = d.now.Add(by)
		d.room.Advance(d.now)
	case word[0] == "media":
		d.media(word[1], word[2:])
	case word[0] == "publisher" || word[0] == "viewer":
		d.detached(word[0], word[1], word[3], word[4], word[5:])
	case len(word) == 4 && word[1] == "=" || len(word) == 3 && word[1] == "=":
		d.connect(word)
	case len(word) == 2 && word[1] == "x":
		d.room.Disconnect(d.now, d.conns[word[0]])
	default:
		name, text, ok := strings.Cut(line, "> ")
		if !ok {
			d.t.Fatalf("cannot read %q", line)
		}
		e, err := protocol.Decode([]byte(text))
		d.must(err)
		d.room.Receive(d.now, d.conns[name], e)
	}
}

func (d *dialogue) must(err error) {
	if err != nil {
		d.t.Helper()
		d.t.Fatal(err)
	}
}

func (d *dialogue) connect(word []string) {
	c := Conn(len(d.names) + 1)
	d.conns[word[0]], d.names[c] = c, word[0]
	grants := ""
	if len(word) == 4 {
		grants = word[3]
	}
	d.room.Connect(d.now, c, identity(word[2], grants))
}

func identity(id, grants string) Identity {
	who := Identity{ID: protocol.ParticipantID(id)}
	for g := range strings.SplitSeq(grants, ",") {
		switch g {
		case "publish":
			who.Grants.Publish = []string{"*"}
		case "camera":
			who.Grants.Publish = []string{"camera"}
		case "subscribe":
			who.Grants.Subscribe = true
		case "data":
			who.Grants.Data = true
		case "moderate":
			who.Grants.Moderate = true
		}
	}
	return who
}

func (d *dialogue) lines(specs []string) []Line {
	var lines []Line
	for _, spec := range specs {
		part := strings.Split(spec, ":")
		l := Line{MID: part[1], Kind: media.Video, Recv: part[2] == "recv", Send: part[2] == "send"}
		if part[0] == "audio" {
			l.Kind = media.Audio
		}
		lines = append(lines, l)
	}
	return lines
}

func (d *dialogue) media(what string, arg []string) {
	switch what {
	case "asks":
		if !d.room.AskBackup(protocol.TrackID(arg[0]), media.ParseCodec(arg[1])) {
			d.out.WriteString("! nobody to ask\n")
		}
		return
	case "wants":
		d.room.Wanted(protocol.WantedTrack{Track: protocol.TrackID(arg[0])})
		return
	case "failed":
		d.room.TrackFailed(protocol.TrackID(arg[0]), "the link is gone")
		return
	case "started":
		w, _ := strconv.Atoi(arg[2])
		h, _ := strconv.Atoi(arg[3])
		d.room.TrackStarted(protocol.TrackID(arg[0]), media.ParseCodec(arg[1]), w, h)
		return
	}
	n, err := strconv.Atoi(arg[0])
	d.must(err)
	id := ID(n)
	switch what {
	case "answers":
		d.room.Answered(d.now, id, d.tickets[id], Answer{SDP: "answer", Lines: d.lines(arg[1:])})
	case "refuses":
		d.room.Answered(d.now, id, d.tickets[id], Answer{Err: protocol.NewError(protocol.CodeBadOffer, "Nothing in common.")})
	case "up":
		d.room.LinkUp(id)
	case "down":
		d.room.LinkDown(id)
	case "closed":
		d.room.LinkClosed(d.now, id)
	default:
		d.t.Fatalf("media %s?", what)
	}
}

func (d *dialogue) detached(kind, _, id, grants string, specs []string) {
	lines := d.lines(specs)
	var err error
	if kind == "viewer" {
		_, err = d.room.EnterViewer(d.now, identity(id, grants), lines)
	} else {
		var tracks []protocol.PublishTrack
		for _, l := range lines {
			tracks = append(tracks, protocol.PublishTrack{MID: l.MID, Kind: protocol.KindVideo, Source: protocol.SourceCamera})
		}
		_, err = d.room.EnterPublisher(d.now, identity(id, grants), lines, tracks)
	}
	if err != nil {
		fmt.Fprintf(&d.out, "! %v\n", err)
	}
}

func (d *dialogue) drain() {
	for _, o := range d.room.Outputs() {
		switch o := o.(type) {
		case Send:
			b, err := json.Marshal(o.Envelope)
			d.must(err)
			fmt.Fprintf(&d.out, "%s< %s\n", d.names[o.Conn], b)
		case Hangup:
			fmt.Fprintf(&d.out, "! hang up %s\n", d.names[o.Conn])
		case AnswerOffer:
			d.tickets[o.Session] = o.Ticket
			fmt.Fprintf(&d.out, "! answer %d %s\n", o.Session, o.SDP)
		case CloseLink:
			fmt.Fprintf(&d.out, "! close link %d\n", o.Session)
		case PublishTrack:
			fmt.Fprintf(&d.out, "! publish %d %s %s", o.Session, o.MID, o.Track)
			if o.BackupOf != "" {
				fmt.Fprintf(&d.out, " for %s in %s", o.BackupOf, o.Codec)
			}
			d.out.WriteString("\n")
		case UnpublishTrack:
			fmt.Fprintf(&d.out, "! unpublish %d %s\n", o.Session, o.Track)
		}
	}
	if d.room.Closed() {
		d.out.WriteString("! closed\n")
	}
}

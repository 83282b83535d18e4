package room

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/media"
	"switchyard/protocol"
)

func TestOutboxForgetsByBytes(t *testing.T) {
	c := Config{ReplayMessages: 100, ReplayBytes: 1000}
	var o outbox
	for range 10 {
		o.push(protocol.Envelope{Type: "data", Body: json.RawMessage(strings.Repeat("x", 300))}, c)
	}
	if len(o.held) != 2 || o.bytes > 1000 {
		t.Fatalf("%d messages, %d bytes held", len(o.held), o.bytes)
	}
	if _, ok := o.after(7); ok {
		t.Error("message 8 was forgotten, yet 7 can go on")
	}
	if m, ok := o.after(8); !ok || len(m) != 2 || m[0].Seq != 9 {
		t.Errorf("after 8: %v %v", m, ok)
	}
	o.acked(8) // forgotten already
	o.acked(99)
	if len(o.held) != 2 {
		t.Error("an ack of nothing forgot something")
	}
	o.acked(10)
	if len(o.held) != 0 || o.bytes != 0 {
		t.Errorf("%d messages, %d bytes after all was acknowledged", len(o.held), o.bytes)
	}
	if m, ok := o.after(10); !ok || len(m) != 0 {
		t.Error("who has everything cannot go on")
	}
}

// A room closes when it is empty for long enough, and not before, whoever comes meanwhile.
func TestEmptyRoomCloses(t *testing.T) {
	now := time.Unix(1, 0)
	r := New("r", Config{}, now)
	if d := r.Deadline(); !d.Equal(now.Add(time.Minute)) {
		t.Fatalf("deadline %v", d)
	}
	r.Connect(now, 1, Identity{ID: "a"})
	r.Advance(now.Add(2 * time.Minute))
	if r.Closed() || !r.Deadline().IsZero() {
		t.Fatal("closed, or waiting to, while a socket is there")
	}
	r.Disconnect(now.Add(3*time.Minute), 1)
	r.Advance(now.Add(4*time.Minute - 1))
	if r.Closed() {
		t.Fatal("closed early")
	}
	r.Advance(now.Add(4 * time.Minute))
	if !r.Closed() {
		t.Fatal("still open")
	}
}

// A name that is given a thousand times must not multiply a message on a DataChannel.
func TestAReceiverOfDataIsNamedOnce(t *testing.T) {
	now := time.Unix(1, 0)
	r := New("r", Config{}, now)
	for c, id := range []string{"alice", "bob", "carol"} {
		r.Connect(now, Conn(c+1), identity(id, "data"))
		r.Receive(now, Conn(c+1), protocol.Envelope{Type: protocol.TypeJoin, ID: 1, Seq: 1})
	}
	alice := r.participants["alice"].session.id
	_, to, ok := r.Receivers(alice, []protocol.ParticipantID{"bob", "bob", "nobody", "alice", "carol", "bob"})
	want := []ID{r.participants["bob"].session.id, r.participants["carol"].session.id}
	if !ok || !slices.Equal(to, want) {
		t.Errorf("named: %v %v, want %v", to, ok, want)
	}
	if _, to, _ = r.Receivers(alice, nil); !slices.Equal(to, want) {
		t.Errorf("all: %v, want %v", to, want)
	}
}

// checker follows what a room says and fails where it cannot be.
type checker struct {
	t    *testing.T
	seen map[Conn]uint64
	hung map[Conn]bool
}

func (c *checker) check(r *Room, out []Output) {
	for _, o := range out {
		send, ok := o.(Send)
		if !ok {
			if h, ok := o.(Hangup); ok {
				c.hung[h.Conn] = true
			}
			continue
		}
		if c.hung[send.Conn] {
			c.t.Fatalf("message %s after hanging up", send.Envelope.Type)
		}
		b, err := json.Marshal(send.Envelope)
		if err != nil {
			c.t.Fatal(err)
		}
		if bytes.Contains(b, []byte(`"tracks":null`)) || bytes.Contains(b, []byte(`"slots":null`)) {
			c.t.Fatalf("a list is null: %s", b)
		}
		if seq := send.Envelope.Seq; seq != 0 {
			if last := c.seen[send.Conn]; last != 0 && seq != last+1 {
				c.t.Fatalf("seq %d after %d", seq, last)
			}
			c.seen[send.Conn] = seq
		}
	}
	for id, p := range r.participants {
		if p.session.p != p || p.session.over || p.info.ID != id {
			c.t.Fatalf("participant %s without its session", id)
		}
	}
	owned, backups := 0, 0
	for _, p := range r.order {
		owned += len(p.tracks)
		for _, t := range p.tracks {
			backups += len(t.backups)
		}
	}
	if backups != len(r.backups) {
		c.t.Fatalf("%d backups owned, %d known", backups, len(r.backups))
	}
	if owned != len(r.tracks) || len(r.order) != len(r.participants) {
		c.t.Fatalf("%d tracks owned, %d known; %d in order, %d known", owned, len(r.tracks), len(r.order), len(r.participants))
	}
}

// FuzzReceive plays lines: a digit that says which of four sockets, a letter for other events, or a
// message.
func FuzzReceive(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.txt")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(seed(string(b)))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		n := 0
		now := time.Unix(1_700_000_000, 0)
		r := New("demo", Config{Participants: 3, Tracks: 3, ReplayMessages: 8, DataBytes: 64,
			NewID: func() string { n++; return "id" + strconv.Itoa(n) }}, now)
		c := &checker{t: t, seen: map[Conn]uint64{}, hung: map[Conn]bool{}}
		conns := [4]Conn{}
		next := Conn(0)
		for i, line := range bytes.Split(script, []byte("\n")) {
			if len(line) < 2 || i > 200 {
				continue
			}
			k := int(line[0]-'0') & 3
			switch line[1] {
			case 'c':
				r.Disconnect(now, conns[k])
				next++
				conns[k] = next
				r.Connect(now, next, identity([]string{"alice", "bob", "carol", "alice"}[k], "publish,subscribe,data,moderate"))
			case 'x':
				r.Disconnect(now, conns[k])
			case 't':
				now = now.Add(10 * time.Second)
				r.Advance(now)
			case 'a':
				r.Answered(now, ID(k+1), 1, Answer{SDP: "s", Lines: []Line{{MID: "0", Kind: media.Video, Recv: true}, {MID: "1", Kind: media.Audio, Recv: true}, {MID: "2", Kind: media.Video, Recv: true}, {MID: "3", Kind: media.Video, Recv: true}}})
			case 'f':
				r.Answered(now, ID(k+1), 1, Answer{Err: bad("no")})
			case 'd':
				r.LinkDown(ID(k + 1))
			case 'z':
				r.LinkClosed(now, ID(k+1))
			default:
				if e, err := protocol.Decode(line[1:]); err == nil {
					r.Receive(now, conns[k], e)
				}
			}
			c.check(r, r.Outputs())
		}
		r.Subscribers()
		r.Tracks()
		leaveNothing(t, r, now, conns[:])
		c.check(r, r.Outputs())
		r.Close(now, protocol.Error{Code: protocol.CodeShuttingDown})
		c.check(r, r.Outputs())
	})
}

// leaveNothing takes everybody's socket away and waits: the room must have forgotten them then.
func leaveNothing(t *testing.T, r *Room, now time.Time, conns []Conn) {
	for _, c := range conns {
		r.Disconnect(now, c)
	}
	r.Advance(now.Add(r.cfg.Grace))
	for what, n := range map[string]int{
		"conns": len(r.conns), "sessions": len(r.sessions), "secrets": len(r.secrets), "participants": len(r.participants),
		"order": len(r.order), "tracks": len(r.tracks), "backups": len(r.backups), "viewers": r.viewers,
	} {
		if n != 0 {
			t.Fatalf("everybody has left, and there are still %d %s", n, what)
		}
	}
}

// seed makes a fuzz script from a dialogue.
func seed(dialogue string) []byte {
	var b bytes.Buffer
	numbers := map[string]int{}
	number := func(name string) string {
		if _, ok := numbers[name]; !ok {
			numbers[name] = len(numbers) & 3
		}
		return strconv.Itoa(numbers[name])
	}
	for line := range strings.Lines(dialogue) {
		line = strings.TrimSpace(line)
		word := strings.Fields(line)
		if name, message, ok := strings.Cut(line, "> "); ok {
			b.WriteString(number(name) + message + "\n")
		} else if len(word) > 2 && word[1] == "=" {
			b.WriteString(number(word[0]) + "c\n")
		} else if len(word) == 2 && word[1] == "x" {
			b.WriteString(number(word[0]) + "x\n")
		} else if strings.HasPrefix(line, "media answers 1") {
			b.WriteString("0a\n")
		} else if strings.HasPrefix(line, "+") {
			b.WriteString("0t\n")
		}
	}
	return b.Bytes()
}

package main

import (
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/client"
)

// slowly begins to send a file of about three seconds and to receive it, and returns when some of it is there.
func slowly(x *transfers, from, to string) (s, r *transferring) {
	x.t.Helper()
	file := filepath.Join(from, "a.bin")
	fill(x.t, file, 24_000_000)
	s = x.send("--limit", "8M", file)
	r = x.receive(to, s.link())
	some(r, to)
	return s, r
}

// some waits until a part of the file is there.
func some(r *transferring, to string) {
	r.t.Helper()
	r.until("given some of the file", func() bool {
		info, err := os.Stat(filepath.Join(to, "a.bin.part"))
		return err == nil && info.Size() > 2<<20
	})
}

func TestReceiverIsStoppedAndGoesOn(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	s, r := slowly(x, from, to)
	r.cmd.Process.Signal(os.Interrupt)
	r.exits(130)
	s.says("it can go on with the same command")
	if _, err := os.Stat(filepath.Join(to, "a.bin")); err == nil {
		t.Error("an unfinished file has the name of a whole one")
	}
	r = x.receive(to, s.link())
	r.exits(0)
	s.exits(0)
	equal(t, to, from)
}

// Without an argument, what was broken off in the folder goes on.
func TestReceiveGoesOnWithoutTheLink(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	s, r := slowly(x, from, to)
	r.cmd.Process.Kill()
	<-r.ended
	r = x.receive(to)
	r.exits(0)
	s.exits(0)
	equal(t, to, from)
}

func TestSenderIsStoppedAndGoesOn(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	s, r := slowly(x, from, to)
	link := s.link()
	s.cmd.Process.Signal(os.Interrupt)
	s.exits(130)
	r.exits(1)
	if !strings.Contains(r.stderr.String(), "the other device cancelled") {
		t.Errorf("the receiver of a stopped sender: %q", r.stderr.String())
	}
	s = x.send(filepath.Join(from, "a.bin"))
	if s.link() != link {
		t.Errorf("sent again: the link is %s, was %s", s.link(), link)
	}
	r = x.receive(to, link)
	r.exits(0)
	s.exits(0)
	equal(t, to, from)
}

// Two who send the same at once have a link each.
func TestSameFileIsSentTwice(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from := t.TempDir()
	file := filepath.Join(from, "a")
	fill(t, file, 1000)
	first, second := x.send(file), (*transferring)(nil)
	first.says("Waiting")
	second = x.send(file)
	if first.link() == second.link() {
		t.Errorf("both have the link %s", first.link())
	}
	for _, s := range []*transferring{first, second} {
		to := t.TempDir()
		x.receive(to, s.link()).exits(0)
		s.exits(0)
		equal(t, to, from)
	}
}

func TestStandardInputThatDoesNotEndIsInterrupted(t *testing.T) {
	x := newTransfers(t)
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	out.WriteString("something")
	t.Setenv("TMPDIR", t.TempDir())
	s := x.run(in, "send", "--data", x.data, "-")
	s.until("reading", func() bool { left, _ := os.ReadDir(os.Getenv("TMPDIR")); return len(left) > 0 })
	s.cmd.Process.Signal(os.Interrupt)
	s.exits(130)
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A stranger who takes a code's number and goes has not taken the transfer with it.
func TestClaimedCodeIsReplaced(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	fill(t, filepath.Join(from, "a"), 1000)
	s := x.send(filepath.Join(from, "a"))
	first := s.code(0)
	number, _, _ := strings.Cut(first, "-")
	transfers := client.Transfers{Server: x.http.base}
	claimed, err := transfers.Claim(t.Context(), number, "stranger")
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.Dial(t.Context(), client.Options{URL: x.http.base, Room: claimed.Room, Token: claimed.Token, NoData: true})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	x.receive(to, s.code(1)).exits(0)
	s.exits(0)
	equal(t, to, from)
}

func TestReceiverDeclines(t *testing.T) {
	t.Parallel()
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	fill(t, filepath.Join(from, "a"), 10)
	s := x.send(filepath.Join(from, "a"))
	r := x.run(nil, "receive", "--to", to, s.link()) // nobody can be asked: no terminal
	r.exits(1)
	s.exits(1)
	if !strings.Contains(r.stderr.String(), "--yes") || !strings.Contains(s.stderr.String(), "nobody can be asked") {
		t.Errorf("receiver %q, sender %q", r.stderr.String(), s.stderr.String())
	}
	if left := tree(t, to); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Whatever is killed at whatever moment, the file is whole in the end, and never wrong in between.
// SWITCHYARD_TRANSFER_KILLS says how often; run it with 100 by hand.
func TestKilledAtRandom(t *testing.T) {
	x := newTransfers(t)
	from, to := t.TempDir(), t.TempDir()
	file := filepath.Join(from, "a.bin")
	kills := int(size(t, "SWITCHYARD_TRANSFER_KILLS", 6))
	fill(t, file, 40_000_000)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))

	send := func() *transferring { return x.send("--limit", "20M", "--expires", "1h", file) }
	s := send()
	link := s.link()
	r := x.receive(to, link)
	again := serverArgs(t, x.http)
	for kill := 0; kill < kills; kill++ {
		time.Sleep(time.Duration(random.IntN(1500)) * time.Millisecond) // the moment is the test's input
		if ended(r) && ended(s) {
			equal(t, to, from)
			os.Remove(filepath.Join(to, "a.bin"))
			s = send()
			link = s.link()
			r = x.receive(to, link)
		}
		switch random.IntN(3) {
		case 0:
			r.cmd.Process.Kill()
			<-r.ended
			check(t, to, from)
			r = x.receive(to, link)
		case 1:
			s.cmd.Process.Kill()
			<-s.ended
			s = send()
			if got := s.link(); got != link && !ended(r) {
				r.cmd.Process.Kill()
				<-r.ended
				if r.cmd.ProcessState.ExitCode() != 0 {
					t.Fatalf("kill %d: sent again under another link while it was under way", kill)
				}
			} else if got != link {
				r.exits(0) // it was complete
				equal(t, to, from)
				os.Remove(filepath.Join(to, "a.bin"))
				link = got
				r = x.receive(to, link)
			}
		case 2:
			x.http.end(syscall.SIGKILL)
			x.http = serve(t, x.data, again...)
		}
		check(t, to, from)
	}
	for r.foundNoServer() {
		r = x.receive(to, link)
	}
	r.exits(0)
	s.exits(0)
	equal(t, to, from)
}

// foundNoServer waits for the end, and says whether there was no server yet or any more when the process began: then it
// ends at once and rightly so. One that had reached it goes on.
func (p *transferring) foundNoServer() bool {
	select {
	case <-p.ended:
	case <-time.After(patience):
	}
	return ended(p) && p.cmd.ProcessState.ExitCode() == 1 && strings.Contains(p.stderr.String(), "does not answer: the connection was refused")
}

func ended(p *transferring) bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// check fails where a file that has its name is not what was sent.
func check(t *testing.T, to, from string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(to, "a.bin")); err != nil {
		return
	}
	got, err := os.ReadFile(filepath.Join(to, "a.bin"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(from, "a.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Fatal("a wrong file has the name of a whole one")
	}
}

// mediaPort is where a server says its media port.
var mediaPort = regexp.MustCompile(`media on port (\d+)`)

// serverArgs are those that start a server again on its ports.
func serverArgs(t *testing.T, s *serving) []string {
	t.Helper()
	u, err := url.Parse(s.base)
	if err != nil {
		t.Fatal(err)
	}
	media := mediaPort.FindStringSubmatch(s.stderr.String())
	if media == nil {
		t.Fatalf("the server did not say its media port: %s", s.stderr.String())
	}
	return []string{"--http", u.Host, "--media", "127.0.0.1:" + media[1]}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"switchyard/app/transfer"
)

// device is another machine at the same server: what it keeps is its own.
func (x *transfers) device() *transfers {
	return &transfers{t: x.t, data: x.data, state: x.t.TempDir(), http: x.http}
}

func (x *transfers) pair(args ...string) *transferring {
	x.t.Helper()
	return x.run(nil, append([]string{"pair", "--data", x.data}, args...)...)
}

// devices is what the verb of that name prints.
func (x *transfers) devices(args ...string) string {
	x.t.Helper()
	p := x.run(nil, append([]string{"devices"}, args...)...)
	p.exits(0)
	return p.stdout.String()
}

// shown waits for code number n that the process shows on stdout.
func (p *transferring) shown(n int) string {
	p.t.Helper()
	var all []string
	p.until("a code", func() bool {
		all = codeShape.FindAllString(p.stdout.String(), -1)
		return len(all) > n
	})
	return all[n]
}

func paired(t *testing.T) (one, two *transfers) {
	t.Helper()
	one = newTransfers(t)
	two = one.device()
	shows := one.pair("--name", "the desk")
	types := two.pair("--name", "the lap", shows.shown(0))
	types.exits(0)
	shows.exits(0)
	return one, two
}

func TestPairedDevicesSend(t *testing.T) {
	one, two := paired(t)
	if list := one.devices(); !strings.HasPrefix(list, "the lap ") {
		t.Fatal(list)
	}
	if list := two.devices(); !strings.HasPrefix(list, "the desk ") {
		t.Fatal(list)
	}
	if info, err := os.Stat(filepath.Join(one.state, "switchyard", "pairs.json")); err != nil || info.Mode() != 0o600 {
		t.Fatal(info, err)
	}
	from, to := t.TempDir(), t.TempDir()
	fill(t, filepath.Join(from, "notes.txt"), 123_456)

	// The one that waits is found, whichever comes first.
	waits := two.receive(to, "--paired")
	waits.says("Waiting for a paired device")
	sends := one.send("--to", "The Lap", filepath.Join(from, "notes.txt"))
	waits.exits(0)
	sends.exits(0)
	equal(t, to, from)
	if said := waits.stderr.String(); !strings.Contains(said, "the desk wants to send you notes.txt") {
		t.Error(said)
	}
	if link := sends.stdout.String(); link != "" {
		t.Errorf("a link is printed where none is needed: %s", link)
	}

	from, to = t.TempDir(), t.TempDir()
	fill(t, filepath.Join(from, "back.bin"), 3_000_000)
	sends = two.send("--to", "the desk", filepath.Join(from, "back.bin"))
	sends.says("Waiting for the desk")
	one.receive(to, "--paired").exits(0)
	sends.exits(0)
	equal(t, to, from)

	// Renamed, and then forgotten at the other side: it is nowhere to be seen.
	one.devices("--rename", "the lap", "--as", "Ann's")
	if list := one.devices(); !strings.HasPrefix(list, "Ann's ") {
		t.Fatal(list)
	}
	p := one.send("--to", "the lap", filepath.Join(from, "back.bin"))
	p.exits(2)
	if said := p.stderr.String(); !strings.Contains(said, `"Ann's"`) {
		t.Error(said)
	}
	two.devices("--forget", "the desk")
	p = two.receive(to, "--paired")
	p.exits(1)
	if said := p.stderr.String(); !strings.Contains(said, "nothing was paired yet") {
		t.Error(said)
	}
	p = one.send("--to", "Ann's", filepath.Join(from, "back.bin"))
	p.says("Waiting for Ann's")
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	p.exits(130)
	if strings.Contains(p.stderr.String(), "is there and is asked") {
		t.Error("who forgot is asked")
	}
}

func TestPairingMistaken(t *testing.T) {
	one := newTransfers(t)
	two := one.device()
	shows := one.pair()
	first := shows.shown(0)
	number, _, _ := strings.Cut(first, "-")
	wrong := number + "-acorn-umbrella"
	if wrong == first {
		wrong = number + "-acorn-walnut"
	}
	p := two.pair(wrong)
	p.exits(1)
	if said := p.stderr.String(); !strings.Contains(said, "not the right code") {
		t.Error(said)
	}
	second := shows.shown(1)
	// The code of a pairing is none to receive by, and the other way round.
	p = two.receive(t.TempDir(), second)
	p.exits(1)
	if said := p.stderr.String(); !strings.Contains(said, "pairs two devices") {
		t.Error(said)
	}
	sends := one.send("--text", "hello")
	p = two.pair(sends.code(0))
	p.exits(1)
	if said := p.stderr.String(); !strings.Contains(said, "is for files") {
		t.Error(said)
	}
	third := shows.shown(2)
	two.pair(third).exits(0)
	shows.exits(0)
	if n := strings.Count(two.devices(), "\n"); n != 1 {
		t.Errorf("%d devices", n)
	}
	// Paired once more, it is the same device, also where one of them has forgotten it.
	name, _, _ := strings.Cut(one.devices(), "  ")
	one.devices("--forget", name)
	shows = one.pair()
	two.pair(shows.shown(0)).exits(0)
	shows.exits(0)
	if n := strings.Count(two.devices(), "\n"); n != 1 {
		t.Errorf("%d devices", n)
	}
}

func TestTrustedNames(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	list, err := loadTrusted()
	if err != nil {
		t.Fatal(err)
	}
	id := func(b string) string { return transfer.Pair{Secret: strings.Repeat(b, 43)}.ID() }
	for _, c := range []struct{ secret, before string }{{"A", ""}, {"E", ""}, {"I", id("A")}, {"M", id("Q")}} {
		if _, err := list.remember(transfer.Pair{Server: "s", Name: "phone", Secret: strings.Repeat(c.secret, 43), Before: c.before}); err != nil {
			t.Fatal(err)
		}
	}
	again, err := loadTrusted()
	if err != nil || again.Presence != list.Presence || len(again.Pairs) != 3 {
		t.Fatalf("%+v %v", again, err)
	}
	for i, want := range []string{"phone I", "phone 2 E", "phone 3 M"} {
		if p := again.Pairs[i]; p.Name+" "+p.Secret[:1] != want {
			t.Errorf("%s %s, want %s", p.Name, p.Secret, want)
		}
	}
	if len(again.of("s")) != 3 || len(again.of("other")) != 0 {
		t.Error("the servers are mixed up")
	}
	if err := os.WriteFile(again.file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := loadTrusted(); err == nil {
		t.Error("a damaged list is read")
	}
}

// Who waits is there again after the server was killed and came back.
func TestPairedOutliveTheServer(t *testing.T) {
	one, two := paired(t)
	from, to := t.TempDir(), t.TempDir()
	fill(t, filepath.Join(from, "notes.txt"), 123_456)
	waits := two.receive(to, "--paired")
	sends := one.send("--to", "the lap", filepath.Join(from, "notes.txt"))
	waits.exits(0)
	sends.exits(0)

	waits = two.receive(to, "--paired")
	waits.says("Waiting for a paired device")
	one.http.cmd.Process.Kill()
	_ = one.http.cmd.Wait()
	one.http = start(t, command(t, "serve", "--data", one.data, "--http", strings.TrimPrefix(one.http.base, "http://"), "--media", "127.0.0.1:0"))
	fill(t, filepath.Join(from, "more.txt"), 4_321)
	sends = one.send("--to", "the lap", filepath.Join(from, "more.txt"))
	waits.exits(0)
	sends.exits(0)
	equal(t, to, from)
}
